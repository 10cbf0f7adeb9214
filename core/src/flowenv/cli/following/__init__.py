"""Runs followed on a terminal: its foot, what is printed above it, and what Ctrl-C does."""
