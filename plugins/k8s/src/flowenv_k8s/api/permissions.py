"""What a Role must allow, said once: the documented Role, the doctor and the tests go by it."""

from __future__ import annotations

from flowenv_k8s.api.refusals import Request
from flowenv_k8s.api.resources import CONFIG_MAPS, EVENTS, JOBS, PODS, SECRETS

NEEDED_PERMISSIONS = (
    *(Request(verb, JOBS) for verb in ("create", "get", "list", "patch", "delete")),
    *(Request(verb, SECRETS) for verb in ("create", "get")),
    *(Request(verb, CONFIG_MAPS) for verb in ("create", "get")),
    *(Request(verb, PODS) for verb in ("list", "watch")),
    Request("get", PODS, subresource="log"),
)
"""What whoever runs flows must be allowed to do in the namespace."""

HELPFUL_PERMISSIONS = (
    *(Request(verb, EVENTS) for verb in ("list", "create")),
    Request("delete", PODS),
    *(Request(verb, CONFIG_MAPS) for verb in ("list", "delete")),
)
"""What explains and cleans up; runs work without."""
