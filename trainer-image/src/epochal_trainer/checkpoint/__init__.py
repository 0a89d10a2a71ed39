"""Checkpoints: the whole state of a training, from which it resumes exactly as if it had never stopped."""

from epochal_trainer.checkpoint.before_validation import ValidationBackup
from epochal_trainer.checkpoint.best_weights import BestWeights, EpochWeights, digest, merged_lora_layers
from epochal_trainer.checkpoint.checkpointer import Checkpointer
from epochal_trainer.checkpoint.costs import Costs
from epochal_trainer.checkpoint.files import Files
from epochal_trainer.checkpoint.resume import check_matches_model, match_to_model
from epochal_trainer.checkpoint.resume_point import ResumePoint, check_network_files, continued_facts, find
from epochal_trainer.checkpoint.snapshot import Snapshot
from epochal_trainer.checkpoint.state import EarlierBest, Position, ResumeFacts
from epochal_trainer.checkpoint.store import Store
from epochal_trainer.checkpoint.writer import Writer

__all__ = [
    "BestWeights",
    "Checkpointer",
    "Costs",
    "EarlierBest",
    "EpochWeights",
    "Files",
    "Position",
    "ResumeFacts",
    "ResumePoint",
    "Snapshot",
    "Store",
    "ValidationBackup",
    "Writer",
    "check_matches_model",
    "check_network_files",
    "continued_facts",
    "digest",
    "find",
    "match_to_model",
    "merged_lora_layers",
]
