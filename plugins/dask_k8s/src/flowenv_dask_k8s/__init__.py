"""Run flows on a Dask cluster in Kubernetes, made for each run."""

from flowenv_dask_k8s.environment import DaskKubernetesEnvironment

__all__ = ["DaskKubernetesEnvironment"]
