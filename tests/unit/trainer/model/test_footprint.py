from typing import Any

import pytest
from epochal_api.pod import NOT_RETRIED
from epochal_api.trainingjob.network import Network
from epochal_api.trainingjob.training import Training
from epochal_trainer.lib.failures import Failure
from epochal_trainer.model import network
from epochal_trainer.model.footprint import Footprint

MIB = 1 << 20
EMBEDDING = {"layer": "Embedding", "input_dim": 1024, "output_dim": 1024}
BEST = {"callback": "EarlyStopping", "restore_best_weights": True}


@pytest.mark.parametrize(
    ("fields", "gpus", "need"),
    [
        ({"optimizer": "SGD"}, 0, 3),
        ({"optimizer": "Adam"}, 0, 7),
        ({"optimizer": "Adam", "callbacks": [BEST]}, 0, 9),
        ({"optimizer": "Adam", "precision": "mixed_float16"}, 0, 7),
        ({"optimizer": "SGD"}, 1, 1),
        ({"optimizer": "Adam"}, 1, 3),
    ],
    ids=str,
)
def test_optimizer_and_copies_count_before_they_are_allocated(fields: dict[str, Any], gpus: int, need: int) -> None:
    """A network of 4 MiB: weights, gradients, what the optimizer keeps, and copies of it for checkpoints."""
    layers = [{"layer": "Dense", "units": 1024, "use_bias": False}]
    described = Network.model_validate({"input": {"shape": [1024]}, "layers": layers})
    training = Training.model_validate({"loss": "mse", **fields})
    network.build(described, seed=1, memory=need * 4 * MIB, gpus=gpus, training=training)
    with pytest.raises(Failure, match=r"the copy for a checkpoint .* but there are .*spec.resources.limits.memory"):
        network.build(described, seed=1, memory=need * 4 * MIB - 1, gpus=gpus, training=training)


@pytest.mark.parametrize(("gpus", "need"), [(0, 4), (1, 2)])
def test_the_copy_of_the_best_weights_counts(gpus: int, need: int) -> None:
    layers = [{"layer": "Dense", "units": 1024, "use_bias": False}]
    described = Network.model_validate({"input": {"shape": [1024]}, "layers": layers})
    training = Training.model_validate({"loss": "mse", "optimizer": "SGD"})
    memory = need * 4 * MIB
    network.build(described, seed=1, memory=memory, gpus=gpus, training=training, keeps_best=True)
    with pytest.raises(Failure, match=r"kept for best.keras 0.0 GiB, but there are .*spec.results.best: false"):
        network.build(described, seed=1, memory=memory - 1, gpus=gpus, training=training, keeps_best=True)
    network.build(described, seed=1, memory=memory - 1, gpus=gpus, training=training)


@pytest.mark.parametrize(("optimizer", "need"), [("SGD", 2), ("Adam", 6)])
@pytest.mark.parametrize(
    "embedding",
    [
        EMBEDDING,
        {**EMBEDDING, "layer": "ReversibleEmbedding"},
        {"layer": "Pipeline", "layers": [EMBEDDING]},
    ],
    ids=str,
)
def test_rows_that_are_not_looked_up_have_no_gradient(embedding: dict[str, Any], optimizer: str, need: int) -> None:
    described = Network.model_validate({"input": {"shape": [3]}, "layers": [embedding, {"layer": "Flatten"}]})
    training = Training.model_validate({"loss": "mse", "optimizer": optimizer})
    network.build(described, seed=1, memory=need * 4 * MIB, training=training)
    with pytest.raises(Failure, match="but there are"):
        network.build(described, seed=1, memory=need * 4 * MIB - 1, training=training)


def test_memory_that_others_take_is_no_fault_of_the_spec() -> None:
    described = Network.model_validate({"input": {"shape": [1024]}, "layers": [{"layer": "Dense", "units": 1024}]})
    with pytest.raises(Failure, match=r"others take the memory of this node .*requests.memory") as caught:
        network.build(described, seed=1, memory=4 * MIB, others=8 * MIB)
    assert (caught.value.reason, caught.value.exit_code in NOT_RETRIED) == ("OutOfMemory", False)


def test_the_message_says_what_takes_how_much() -> None:
    taken = Footprint(
        {"weights": 1 << 30, "gradients": 1 << 30, "the optimizer": 2 << 30},
        {"the copy for a checkpoint": 3 << 30, "the best weights, kept by callbacks": 0},
    )
    said = "weights 1.0 GiB; gradients 1.0 GiB; the optimizer 2.0 GiB; the copy for a checkpoint 3.0 GiB"
    assert str(taken) == said
