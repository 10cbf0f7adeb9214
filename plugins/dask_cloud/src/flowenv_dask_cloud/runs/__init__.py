"""A run on its cluster, and the sweep of what runs have left."""
