"""What Roles must allow, said once: the documented Roles, the doctor and the tests go by it."""

from __future__ import annotations

from flowenv_dask_k8s.spec.resources import AUTOSCALERS, CLUSTERS, SERVICES, WORKER_GROUPS
from flowenv_k8s.plugin import EVENTS, JOBS, PODS, SECRETS, Request

CONNECTING = (
    *(Request(verb, CLUSTERS) for verb in ("get", "list")),
    Request("list", WORKER_GROUPS),
    *(Request(verb, SERVICES) for verb in ("get", "list")),
    *(Request(verb, PODS) for verb in ("get", "list")),
)
"""What dask-kubernetes asks by itself, where the flow runs, to connect to a cluster."""
FORWARDING = tuple(Request(verb, PODS, subresource="portforward") for verb in ("get", "create"))
"""What it needs besides to connect from outside of Kubernetes."""
RUNNING = (
    *(Request(verb, CLUSTERS) for verb in ("create", "delete")),
    *(Request(verb, AUTOSCALERS) for verb in ("create", "get", "delete")),
    *CONNECTING,
)
"""What must be allowed where the flow runs."""
RUNNING_WELL = (
    *(Request("patch", one) for one in (CLUSTERS, AUTOSCALERS)),
    Request("get", PODS, subresource="log"),
    Request("list", EVENTS),
)
"""What helps there: to take from a dead operator what it holds, and to say why nothing comes."""
RUNNING_HERE = (*RUNNING, *FORWARDING, Request("create", SECRETS))
"""What `environment.run` needs, which makes the cluster for a flow outside of Kubernetes; a Secret
where variables are secret."""
OF_PODS = tuple(Request(verb, PODS) for verb in ("create", "list", "watch", "delete"))
"""What must be allowed where a flow runs that makes its cluster of pods."""
OF_PODS_WELL = (
    Request("get", PODS),
    Request("get", PODS, subresource="log"),
    Request("list", EVENTS),
)
"""What helps there: to find a pod whose maker got no answer, and to say why workers don't come."""
OF_PODS_HERE = (
    *OF_PODS,
    *(Request(verb, JOBS) for verb in ("create", "delete")),
    Request("create", SECRETS),
)
"""What must be allowed to whoever runs flows outside, with a scheduler in a pod of its own."""
SWEEPING = tuple(
    Request(verb, resource)
    for resource in (CLUSTERS, AUTOSCALERS)
    for verb in ("list", "get", "patch", "delete")
)
"""What a sweep needs besides what it needs for Jobs, which is enough for pods."""
