"""Calls to AWS: connection, tries and refusals. Nothing else of this backend imports boto3."""
