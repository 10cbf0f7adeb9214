"""The log of a run: its containers, their lines, streams that are cut."""
