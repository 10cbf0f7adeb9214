"""A run's Dask cluster: made, watched, explained when it doesn't come up, and removed."""
