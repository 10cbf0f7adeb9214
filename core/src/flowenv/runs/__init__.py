"""Environments and their runs: where a flow runs, one execution of it, and how it ended."""
