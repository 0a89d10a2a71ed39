"""Feature names: the names of a table's columns. Clients of a model need them to send values in the right order."""

from epochal_trainer.data.samples import Samples


def feature_names_error(samples: Samples) -> str:
    """Return why a data set's feature names are invalid or do not match its columns; "" without names or error."""
    declared, shape = samples.feature_names, samples.features.shape[1:]
    if declared is None or declared.error:
        return declared.error if declared is not None else ""
    if len(shape) != 1:
        return f"{len(declared.names):,} feature names, but a sample is not a row of a table"
    if len(declared.names) != shape[0]:
        return f"{len(declared.names):,} feature names, but {samples.features_source} has {shape[0]:,} columns"
    return ""
