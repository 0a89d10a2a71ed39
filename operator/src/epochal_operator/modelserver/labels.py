"""The labels by which objects are found that have to do with a ModelServer."""

from epochal_api.kind import GROUP

NAME_LABEL = f"{GROUP}/modelserver"
"""Label of all that a ModelServer owns: its name. Only objects with it are watched."""
UID_LABEL = f"{GROUP}/modelserver-uid"
"""Label of all that a ModelServer owns: its uid, which tells it from what an earlier one of that name owned."""
EXPERIMENT_LABEL = f"{GROUP}/experiment"
"""Label of a TrainingJob that is an Experiment's trial: the Experiment's name."""
