"""Names of the columns of a table. Users of a model need them to send the values in the right order."""

from epochal_trainer.data.samples import Samples


def feature_names_error(samples: Samples) -> str:
    """Return the error in the feature names of a data set and the expected names; "" if they are valid or missing."""
    declared, shape = samples.feature_names, samples.features.shape[1:]
    if declared is None or declared.error:
        return declared.error if declared is not None else ""
    if len(shape) != 1:
        return f"{len(declared.names):,} names, but a sample is not a row of a table"
    if len(declared.names) != shape[0]:
        return f"{len(declared.names):,} names, but {samples.features_source} has {shape[0]:,} columns"
    return ""
