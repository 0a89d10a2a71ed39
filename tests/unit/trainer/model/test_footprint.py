from typing import Any

import pytest
from epochal_api.pod import NOT_RETRIED
from epochal_api.trainingjob.training import Training
from epochal_trainer.lib.failures import Failure
from epochal_trainer.model.footprint import Footprint

from tests.unit.trainer.model.networks import build_network, network_spec

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
def test_optimizer_and_copies_count(fields: dict[str, Any], gpus: int, need: int) -> None:
    """A network of 4 MiB: weights, gradients, optimizer variables, and copies of them for checkpoints."""
    spec = network_spec([1024], {"layer": "Dense", "units": 1024, "use_bias": False})
    training = Training.model_validate({"loss": "mse", **fields})
    build_network(spec, memory=need * 4 * MIB, gpus=gpus, training=training)
    with pytest.raises(Failure, match=r"the copy for a checkpoint .* but only .*spec.resources.limits.memory"):
        build_network(spec, memory=need * 4 * MIB - 1, gpus=gpus, training=training)


@pytest.mark.parametrize(("gpus", "need"), [(0, 4), (1, 2)])
def test_best_weights_count(gpus: int, need: int) -> None:
    spec = network_spec([1024], {"layer": "Dense", "units": 1024, "use_bias": False})
    training = Training.model_validate({"loss": "mse", "optimizer": "SGD"})
    memory = need * 4 * MIB
    build_network(spec, memory=memory, gpus=gpus, training=training, keeps_best=True)
    with pytest.raises(Failure, match=r"kept for best.keras 0.0 GiB, but only .*spec.results.best: false"):
        build_network(spec, memory=memory - 1, gpus=gpus, training=training, keeps_best=True)
    build_network(spec, memory=memory - 1, gpus=gpus, training=training)


@pytest.mark.parametrize(("optimizer", "need"), [("SGD", 2), ("Adam", 6)])
@pytest.mark.parametrize(
    "embedding",
    [EMBEDDING, {**EMBEDDING, "layer": "ReversibleEmbedding"}, {"layer": "Pipeline", "layers": [EMBEDDING]}],
    ids=str,
)
def test_embeddings_have_no_full_gradient(embedding: dict[str, Any], optimizer: str, need: int) -> None:
    spec = network_spec([3], embedding, {"layer": "Flatten"})
    training = Training.model_validate({"loss": "mse", "optimizer": optimizer})
    build_network(spec, memory=need * 4 * MIB, training=training)
    with pytest.raises(Failure, match="but only"):
        build_network(spec, memory=need * 4 * MIB - 1, training=training)


def test_memory_of_other_processes_is_retried() -> None:
    spec = network_spec([1024], {"layer": "Dense", "units": 1024})
    with pytest.raises(Failure, match=r"other processes use the memory of this node.*requests.memory") as caught:
        build_network(spec, memory=4 * MIB, used_by_others=8 * MIB)
    assert (caught.value.reason, caught.value.exit_code in NOT_RETRIED) == ("OutOfMemory", False)


def test_message_lists_the_uses_of_memory() -> None:
    footprint = Footprint(
        {"weights": 1 << 30, "gradients": 1 << 30, "the optimizer": 2 << 30},
        {"the copy for a checkpoint": 3 << 30, "the best weights, kept by callbacks": 0},
    )
    uses = "weights 1.0 GiB; gradients 1.0 GiB; the optimizer 2.0 GiB; the copy for a checkpoint 3.0 GiB"
    assert str(footprint) == uses
