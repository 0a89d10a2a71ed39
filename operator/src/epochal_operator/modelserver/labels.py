"""Labels of the objects that belong to a ModelServer."""

from epochal_api.kind import GROUP

NAME_LABEL = f"{GROUP}/modelserver"
"""Label of every owned object: the name of its ModelServer. Only objects with this label are watched."""
UID_LABEL = f"{GROUP}/modelserver-uid"
"""Label of every owned object: the uid of its ModelServer. An earlier ModelServer of the same name has another uid."""
EXPERIMENT_LABEL = f"{GROUP}/experiment"
"""Label of a TrainingJob that is an Experiment's trial: the Experiment's name."""
