"""Run flows as Kubernetes Jobs."""

from flowenv_k8s.environment import KubernetesJobEnvironment

__all__ = ["KubernetesJobEnvironment"]
