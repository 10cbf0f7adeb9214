"""A run's Dask cluster: made, watched and removed."""
