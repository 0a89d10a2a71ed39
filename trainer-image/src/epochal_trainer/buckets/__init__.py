"""Buckets: where data comes from and results go."""

from epochal_trainer.buckets.bucket import Bucket, ObjectInfo
from epochal_trainer.buckets.folder import FolderBucket
from epochal_trainer.buckets.patience import Patience
from epochal_trainer.buckets.s3 import Credentials, S3Bucket

__all__ = ["Bucket", "Credentials", "FolderBucket", "ObjectInfo", "Patience", "S3Bucket"]
