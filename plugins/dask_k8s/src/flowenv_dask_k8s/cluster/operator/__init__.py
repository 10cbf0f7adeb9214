"""A cluster that the Dask operator makes: the run makes a DaskCluster, watches and removes it."""
