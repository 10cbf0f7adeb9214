"""Runs: one execution of a flow, how it stands, what it left, and how it is shown."""
