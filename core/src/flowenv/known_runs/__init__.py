"""Runs that a platform knows of, seen from any machine: found, picked up, swept."""
