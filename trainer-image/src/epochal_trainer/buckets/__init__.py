"""Buckets: where data comes from and results go."""

from epochal_trainer.buckets.bucket import Bucket, ObjectInfo
from epochal_trainer.buckets.credentials import Credentials
from epochal_trainer.buckets.folder import FolderBucket
from epochal_trainer.buckets.patience import Patience
from epochal_trainer.buckets.s3 import S3Bucket
from epochal_trainer.buckets.waits import Waits

__all__ = ["Bucket", "Credentials", "FolderBucket", "ObjectInfo", "Patience", "S3Bucket", "Waits"]
