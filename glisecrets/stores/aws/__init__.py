"""AWS Secrets Manager as a store. Importing this loads no botocore; the first request does."""

from .store import AwsStore

__all__ = ["AwsStore"]
