"""Hides cryptography, as in an image that has only Dask."""

raise ModuleNotFoundError("No module named 'cryptography'", name="cryptography")
