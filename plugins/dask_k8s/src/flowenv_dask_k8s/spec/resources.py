"""The resource types of the Dask operator, and how to install it."""

from __future__ import annotations

from flowenv_k8s.plugin import PREFIX, Resource

GROUP, VERSION = "kubernetes.dask.org", "v1"
CLUSTERS = Resource(GROUP, VERSION, "daskclusters", "DaskCluster")
WORKER_GROUPS = Resource(GROUP, VERSION, "daskworkergroups", "DaskWorkerGroup")
AUTOSCALERS = Resource(GROUP, VERSION, "daskautoscalers", "DaskAutoscaler")
SERVICES = Resource("", "v1", "services", "Service")

CLUSTER_LABEL = "dask.org/cluster-name"
"""Label: the DaskCluster that a pod or service belongs to; set by the operator."""
COMPONENT_LABEL = "dask.org/component"
"""Label: `scheduler` or `worker`; set by the operator."""

ATTEMPT = PREFIX + "attempt"
"""Annotation: which process made a DaskCluster or a worker, as a Job may try again."""

INSTALL = (
    "helm install --repo https://helm.dask.org --create-namespace -n dask-operator "
    "--generate-name dask-kubernetes-operator"
)
"""The line that installs the operator and its resource types."""
