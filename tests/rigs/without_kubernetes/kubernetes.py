"""Hides kubernetes, as in an image that has only Dask."""

raise ModuleNotFoundError("No module named 'kubernetes'", name="kubernetes")
