"""Checkpoints: the whole state of a training, from which it resumes exactly as if it had never stopped."""

from epochal_trainer.checkpoint.before_validation import BeforeValidation
from epochal_trainer.checkpoint.best_weights import BestWeights, Kept, digest, merged
from epochal_trainer.checkpoint.checkpointer import Checkpointer
from epochal_trainer.checkpoint.costs import Costs
from epochal_trainer.checkpoint.files import Files
from epochal_trainer.checkpoint.resume import check_fit, fitted
from epochal_trainer.checkpoint.snapshot import Snapshot
from epochal_trainer.checkpoint.start import Start, continued_facts, find
from epochal_trainer.checkpoint.state import Before, Facts, Position
from epochal_trainer.checkpoint.store import Store
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
    "Position",
    "Snapshot",
    "Start",
    "Store",
    "Writer",
    "check_fit",
    "continued_facts",
    "digest",
    "find",
    "fitted",
    "merged",
]
