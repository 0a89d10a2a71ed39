"""Whether features fit the network's input."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from epochal_trainer.data.samples import Samples, shaped
from epochal_trainer.lib.failures import bad_data


def check_features(samples: Samples, input_shape: Sequence[int]) -> Samples:
    """Makes features fit the network, if only a trailing axis of 1 is missing.

    Args:
        samples: The data set.
        input_shape: Shape of one sample, as spec.network.input has it.

    Returns:
        The data set, its features of shape (samples, *input_shape).

    Raises:
        Failure: ShapeMismatch.
    """
    shape, wanted = samples.element_spec[0].shape, tuple(input_shape)
    if shape == wanted:
        return samples
    if (*shape, 1) == wanted:
        return replace(samples, features=samples.features[..., np.newaxis])
    raise bad_data(
        "ShapeMismatch",
        f"a sample in {samples.features_name} is {shaped(shape) or 'a single value'}, and spec.network.input.shape "
        f"says {shaped(wanted)}: they must be the same (a trailing axis of 1 is added by itself; Reshape does more)",
    )
