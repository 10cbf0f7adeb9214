"""Run flows on Dask clusters that cloud providers make for each run."""

from flowenv_dask_cloud.environment import DaskCloudProviderEnvironment

__all__ = ["DaskCloudProviderEnvironment"]
