"""What authors of further environments on Kubernetes need: those whose runs are Jobs, too.

The environment derives from `KubernetesEnvironment`. Its `flowenv_build_spec` calls `build_spec`
with the environment's `job_settings` and adds to the result; all other hooks can be those of
`job_hooks`, taken over as they are or called. `Client` and its kin reach what else there is in the
cluster. What isn't here is internal and may change at any time.

>>> from flowenv_k8s.plugin import JobSettings, Manifest
>>> JobSettings(Manifest({}, "the default Job"), namespace="team-a").namespace
'team-a'
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowenv_k8s import hooks as job_hooks
from flowenv_k8s.api.permissions import is_allowed
from flowenv_k8s.api.refusals import Refused, Request, rbac_rules
from flowenv_k8s.api.resources import EVENTS, JOBS, PODS, SECRETS, Resource
from flowenv_k8s.base_environment import (
    CONTRACT,
    KubernetesEnvironment,
    check_not_negative,
    check_resources,
    job_manifest,
    user_manifest,
)
from flowenv_k8s.runs.diagnosis.events import explain, is_refused_for_good
from flowenv_k8s.runs.diagnosis.job_status import is_over
from flowenv_k8s.runs.diagnosis.pod_status import container_status, disruption, is_back_off, living
from flowenv_k8s.runs.diagnosis.reasons import HINTS, hint_for
from flowenv_k8s.runs.watch.trimming import trimmed_pod
from flowenv_k8s.spec.checks import POD_SPEC, check_metadata, check_pod_spec
from flowenv_k8s.spec.job import base_name, build_spec, check_spec
from flowenv_k8s.spec.job_settings import JobSettings
from flowenv_k8s.spec.labels import (
    FLOW_CONTAINER,
    FURTHER_PODS,
    PREFIX,
    RUN_ID,
    age_of,
    run_annotations,
    run_labels,
    run_of,
    selector,
)
from flowenv_k8s.spec.manifests.manifest import Manifest, list_at, mapping_at
from flowenv_k8s.spec.manifests.structure import check_fields
from flowenv_k8s.spec.names import is_name, object_name, run_suffix
from flowenv_k8s.spec.pod import MOUNT_PATH
from flowenv_k8s.spec.pod_security import restrict
from flowenv_k8s.spec.quantities import merged_resources
from flowenv_k8s.spec.runtime import start_alike
from flowenv_k8s.spec.variables import SecretEntries, container_env, secret_manifest

if TYPE_CHECKING:
    from flowenv_k8s.api.client import Client, connect
    from flowenv_k8s.api.port_forward import PortForward
    from flowenv_k8s.api.session import Stream
    from flowenv_k8s.doctor import examine, job_findings
    from flowenv_k8s.runs.logs.container_log import ContainerLog
    from flowenv_k8s.runs.logs.last_lines import last_lines
    from flowenv_k8s.runs.own_objects import create_once, is_owned_by, is_the_same
    from flowenv_k8s.runs.sweep import is_going, leftover
    from flowenv_k8s.runs.watch.pod_events import WatchExpired, pod_events

__all__: list[str] = []
# the environment and its hooks
__all__ += ["CONTRACT", "KubernetesEnvironment", "check_not_negative", "check_resources"]
__all__ += ["job_hooks", "job_manifest", "user_manifest"]
# manifests: the user's, and the run's
__all__ += ["MOUNT_PATH", "POD_SPEC", "JobSettings", "Manifest", "SecretEntries"]
__all__ += ["base_name", "check_fields"]
__all__ += ["build_spec", "check_metadata", "check_pod_spec", "check_spec", "container_env"]
__all__ += ["is_name", "list_at", "mapping_at", "merged_resources", "object_name", "restrict"]
__all__ += ["run_suffix", "secret_manifest", "start_alike"]
# how a run is marked on its objects
__all__ += ["FLOW_CONTAINER", "FURTHER_PODS", "PREFIX", "RUN_ID", "age_of", "run_of"]
__all__ += ["run_annotations", "run_labels", "selector"]
# the connection
__all__ += ["EVENTS", "JOBS", "PODS", "SECRETS", "Client", "ContainerLog", "Refused", "Request"]
__all__ += ["PortForward", "Resource", "Stream", "connect", "is_allowed", "last_lines"]
__all__ += ["rbac_rules"]
# what a run makes itself
__all__ += ["create_once", "is_owned_by", "is_the_same"]
# what Kubernetes says of Jobs and pods
__all__ += ["HINTS", "container_status", "disruption", "explain", "is_back_off", "is_over"]
__all__ += ["WatchExpired", "hint_for", "is_refused_for_good", "living", "pod_events"]
__all__ += ["trimmed_pod"]
# what `flowenv doctor` finds
__all__ += ["examine", "job_findings"]
# what `flowenv sweep` finds
__all__ += ["is_going", "leftover"]

_WHEN_USED = {
    "Client": "api.client",
    "PortForward": "api.port_forward",
    "Stream": "api.session",
    "ContainerLog": "runs.logs.container_log",
    "last_lines": "runs.logs.last_lines",
    "connect": "api.client",
    "is_going": "runs.sweep",
    "leftover": "runs.sweep",
    "create_once": "runs.own_objects",
    "is_owned_by": "runs.own_objects",
    "is_the_same": "runs.own_objects",
    "WatchExpired": "runs.watch.pod_events",
    "pod_events": "runs.watch.pod_events",
}
"""What needs the platform's library, and is imported when it is first used; else the doctor's."""


if not TYPE_CHECKING:  # type checkers would take any name

    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        import importlib

        module = _WHEN_USED.get(name, "doctor")
        return getattr(importlib.import_module(f"flowenv_k8s.{module}"), name)


def __dir__() -> list[str]:
    return __all__
