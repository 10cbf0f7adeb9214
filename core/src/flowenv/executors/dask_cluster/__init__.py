"""A Dask cluster that a flow computes on: the way to it, its workers, its end."""
