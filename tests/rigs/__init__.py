"""Rigs: platforms that flowenv's backends run on, small enough to live in a test session."""
