"""Flows: what one is, finding one by `file.py:flow`, and referring to its code."""
