"""Hides dask_kubernetes, as in an image that has only Dask."""

raise ModuleNotFoundError("No module named 'dask_kubernetes'", name="dask_kubernetes")
