"""Checkpoints: the whole state of a training, from which it resumes exactly as if it had never stopped."""

from epochal_trainer.checkpoint.before import best_before, lost_best
from epochal_trainer.checkpoint.best import BestWeights, Kept, digest, merged
from epochal_trainer.checkpoint.best_model import Models
from epochal_trainer.checkpoint.costs import Costs
from epochal_trainer.checkpoint.files import Files
from epochal_trainer.checkpoint.policy import Checkpointer
from epochal_trainer.checkpoint.resume import check_fit, data_changed, fitted, validates_on_trained
from epochal_trainer.checkpoint.snapshot import Snapshot
from epochal_trainer.checkpoint.start import Start, find
from epochal_trainer.checkpoint.state import Before, Facts, Position
from epochal_trainer.checkpoint.store import Store
from epochal_trainer.checkpoint.validation import BeforeValidation
from epochal_trainer.checkpoint.writer import Writer

__all__ = [
    "Before",
    "BeforeValidation",
    "BestWeights",
    "Checkpointer",
    "Costs",
    "Facts",
    "Files",
    "Kept",
    "Models",
    "Position",
    "Snapshot",
    "Start",
    "Store",
    "Writer",
    "best_before",
    "check_fit",
    "data_changed",
    "digest",
    "find",
    "fitted",
    "lost_best",
    "merged",
    "validates_on_trained",
]
