"""What imports Dask and dask-kubernetes; nothing else of this backend does."""
