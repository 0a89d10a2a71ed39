"""Finds the field of a TrainingJob that a hyper-parameter sets, by the name of the hyper-parameter.

Katib and the training service of 2018 pass a hyper-parameter to a program, so their files do not name the field.
"""

import re
from collections.abc import Mapping

_WORDS: Mapping[str, str] = {
    "activation": "network.layers[hidden].activation",
    "batch": "training.batchSize",
    "batchsize": "training.batchSize",
    "beta1": "training.optimizer.beta_1",
    "beta2": "training.optimizer.beta_2",
    "convfilters": "network.layers[conv].filters",
    "convfiltersize": "network.layers[conv].kernel_size",
    "densesize": "network.layers[hidden].units",
    "denseunits": "network.layers[hidden].units",
    "dropout": "network.layers[dropout].rate",
    "dropoutprob": "network.layers[dropout].rate",
    "dropoutrate": "network.layers[dropout].rate",
    "eta": "training.optimizer.learning_rate",
    "filters": "network.layers[conv].filters",
    "filtersize": "network.layers[conv].kernel_size",
    "hidden": "network.layers[hidden].units",
    "hiddensize": "network.layers[hidden].units",
    "hiddenunits": "network.layers[hidden].units",
    "initiallearningrate": "training.optimizer.learning_rate",
    "kernelsize": "network.layers[conv].kernel_size",
    "learningrate": "training.optimizer.learning_rate",
    "lr": "training.optimizer.learning_rate",
    "minibatchsize": "training.batchSize",
    "momentum": "training.optimizer.momentum",
    "neurons": "network.layers[hidden].units",
    "numfilters": "network.layers[conv].filters",
    "numhidden": "network.layers[hidden].units",
    "numunits": "network.layers[hidden].units",
    "opt": "training.optimizer.name",
    "optimizer": "training.optimizer.name",
    "seed": "training.seed",
    "solver": "training.optimizer.name",
    "trainingbatchsize": "training.batchSize",
    "units": "network.layers[hidden].units",
    "weightdecay": "training.optimizer.weight_decay",
}
"""Paths in a TrainingJob with the placeholder network, by the normalized name of a hyper-parameter."""
EPOCHS = frozenset({"epoch", "epochs", "maxepochs", "numepochs", "nepochs", "trainingepochs"})
OPTIMIZER = "training.optimizer.name"
MOMENTUM = "training.optimizer.momentum"
INTEGERS = frozenset(
    {
        "network.layers[conv].filters",
        "network.layers[conv].kernel_size",
        "network.layers[hidden].units",
        "training.batchSize",
        "training.seed",
    }
)
"""Fields that accept only integers."""
TEXTS = frozenset({OPTIMIZER, "network.layers[hidden].activation"})


def normalized(name: str) -> str:
    """Return the name of a hyper-parameter in lower case, without separators such as - and _."""
    return re.sub(r"[^a-z0-9]", "", name[:200].lower())


def find_path(*names: str) -> str | None:
    """Return the path of the field that a hyper-parameter with these names sets; None if no name is known.

    The first known name decides. A number at the end of a name is ignored, as in dropout_1.
    """
    return next((_WORDS[word] for name in names for word in _spellings(name) if word in _WORDS), None)


def is_epochs(*names: str) -> bool:
    """Return whether one of these names means the number of epochs. Trials of an Experiment cannot vary this number.

    A number at the end of a name is ignored, as in epochs_1.
    """
    return any(word in EPOCHS for name in names for word in _spellings(name))


def _spellings(name: str) -> tuple[str, str]:
    """Return the normalized name of a hyper-parameter, and this name without a number at its end."""
    word = normalized(name)
    return word, word.rstrip("0123456789")
