"""When a shared object was last needed: who finds an old one says so, and sweeps leave it there."""

from __future__ import annotations

import datetime
import logging
from collections.abc import Mapping
from typing import Any

from flowenv.errors import FlowenvError
from flowenv.plugin import moment, seconds_since
from flowenv_k8s.api.client import Client
from flowenv_k8s.api.resources import CONFIG_MAPS
from flowenv_k8s.spec.job import DAY
from flowenv_k8s.spec.labels import USED, age_of

_log = logging.getLogger("flowenv.k8s")

KEPT = DAY
"""Seconds for which a sweep leaves what was made or needed."""
_RENEWED = KEPT / 2
"""Seconds after which who needs it says so: long before a sweep, and rarely."""


def unused_for(found: Mapping[str, Any]) -> float:
    """Seconds since an object was made, or somebody has last said that a run will need it."""
    said = (found["metadata"].get("annotations") or {}).get(USED)
    when = moment(said) if said else None
    return min(age_of(found), seconds_since(when)) if when else age_of(found)


def keep(client: Client, found: Mapping[str, Any]) -> bool:
    """Have sweeps leave a ConfigMap that a run will need, whose Job isn't there yet.

    Who may not say that relies on the sweep, which looks for such Jobs once more.

    Args:
        client: the connection.
        found: the ConfigMap.

    Returns:
        False if it has gone meanwhile.
    """
    if unused_for(found) < _RENEWED:
        return True
    metadata = found["metadata"]
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    mark = {"metadata": {"uid": metadata["uid"], "annotations": {USED: now}}}
    try:
        marked = client.patch(CONFIG_MAPS, metadata["namespace"], metadata["name"], mark)
    except FlowenvError as error:  # a right that runs don't need
        _log.debug("Nobody can tell that the ConfigMap %s is used: %s", metadata["name"], error)
        return True
    return marked is not None
