"""Hides kr8s, as in an image that has only Dask."""

raise ModuleNotFoundError("No module named 'kr8s'", name="kr8s")
