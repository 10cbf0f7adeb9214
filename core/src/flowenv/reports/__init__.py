"""Runs as pages that people can look at: one file that opens from disk and needs nothing else."""
