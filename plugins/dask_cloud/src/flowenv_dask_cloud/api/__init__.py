"""Calls to AWS: clients and refusals. Nothing else of this backend imports botocore."""
