"""Buckets, from which the trainer reads data, and in which it stores results."""

from epochal_trainer.storage.bucket import Bucket, ObjectInfo
from epochal_trainer.storage.credentials import Credentials
from epochal_trainer.storage.folder import FolderBucket
from epochal_trainer.storage.retry import RetryPolicy, StorageWaits
from epochal_trainer.storage.s3 import S3Bucket

__all__ = ["Bucket", "Credentials", "FolderBucket", "ObjectInfo", "RetryPolicy", "S3Bucket", "StorageWaits"]
