"""What a run does besides its Job: the flow on its Dask cluster, and what is swept."""
