"""Talking to a cluster: the only folder that uses the `kubernetes` package and urllib3."""
