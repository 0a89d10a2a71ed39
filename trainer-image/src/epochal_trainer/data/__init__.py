"""Data sets: read from a bucket in several formats, and checked before the training."""

from epochal_trainer.data.dataset import Dataset, Order, Spec
from epochal_trainer.data.features import check_features
from epochal_trainer.data.labels import check_labels
from epochal_trainer.data.load import load
from epochal_trainer.data.memory import Memory
from epochal_trainer.data.samples import DataSets, Samples
from epochal_trainer.data.weights import check_part, check_weights, weighted_by_class

__all__ = [
    "DataSets",
    "Dataset",
    "Memory",
    "Order",
    "Samples",
    "Spec",
    "check_features",
    "check_labels",
    "check_part",
    "check_weights",
    "load",
    "weighted_by_class",
]
