"""A task definition: what is in it, which one it is, and whether two are the same."""
