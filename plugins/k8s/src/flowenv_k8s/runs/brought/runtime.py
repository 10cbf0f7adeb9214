"""Bringing flowenv to a namespace: a ConfigMap that is made once, and shared by all runs there."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flowenv.errors import PlatformError, RunConflict
from flowenv.plugin import cache_folder
from flowenv_k8s.api.client import Client
from flowenv_k8s.api.refusals import Refused
from flowenv_k8s.api.resources import CONFIG_MAPS
from flowenv_k8s.runs.brought.use import keep

NOTED = 600.0
"""Seconds for which a ConfigMap that was seen isn't asked for again."""


def bring_runtime(client: Client, config_map: Mapping[str, Any], *, anew: bool = False) -> None:
    """See to it that a namespace has the ConfigMap that brings flowenv.

    That it is there is noted in the user's cache folder for ten minutes, so that the next run
    needs no request for it. Who removes it meanwhile keeps that run from starting, which its
    follower mends.

    Args:
        client: the connection.
        config_map: the manifest, with the content as bytes.
        anew: True if it may have gone since it was brought.

    Raises:
        RunConflict: if another content stands under its name.
        FlowenvError: if the cluster refuses it.
    """
    namespace, name = config_map["metadata"]["namespace"], config_map["metadata"]["name"]
    noted = _note(client, namespace, name)
    if anew:
        forget_runtime(client, namespace, name)
    elif _is_fresh(noted):
        return
    data = {key: base64.b64encode(one).decode() for key, one in config_map["binaryData"].items()}
    try:
        client.create(CONFIG_MAPS, {**config_map, "binaryData": data})
    except Refused as refused:  # it is there already
        there = _checked(client.get(CONFIG_MAPS, namespace, name), config_map, refused)
        if not keep(client, there):
            bring_runtime(client, config_map, anew=True)
    except PlatformError as refused:  # somebody else may have brought it again
        found = None
        with contextlib.suppress(PlatformError):
            found = client.get(CONFIG_MAPS, namespace, name) if anew else None
        if found is None:
            raise
        _checked(found, config_map, refused)
    with contextlib.suppress(OSError):  # then it is asked for again next time
        noted.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        noted.touch()


def forget_runtime(client: Client, namespace: str, name: str) -> None:
    """Forget that a namespace has a ConfigMap that brings flowenv."""
    with contextlib.suppress(OSError):
        _note(client, namespace, name).unlink(missing_ok=True)


def _is_fresh(noted: Path) -> bool:
    try:
        return 0 <= time.time() - noted.stat().st_mtime < NOTED
    except OSError:
        return False


def _note(client: Client, namespace: str, name: str) -> Path:
    place = hashlib.sha256(f"{client.host} {namespace} {name}".encode()).hexdigest()
    return cache_folder() / "brought" / place


def _checked(
    found: Mapping[str, Any] | None, wanted: Mapping[str, Any], refused: Exception
) -> Mapping[str, Any]:
    """A name says a content, but whoever may make ConfigMaps can give it to another one."""
    there = {
        key: hashlib.sha256(base64.b64decode(one)).digest()
        for key, one in ((found or {}).get("binaryData") or {}).items()
    }
    meant = {key: hashlib.sha256(one).digest() for key, one in wanted["binaryData"].items()}
    if found is None or there != meant or not found.get("immutable"):
        name, namespace = wanted["metadata"]["name"], wanted["metadata"]["namespace"]
        raise RunConflict(
            f"The ConfigMap {name} in the namespace {namespace} isn't the flowenv that this run "
            "would bring: somebody else has made it.",
            hint=f"Look who did, and remove it: kubectl delete configmap {name} -n {namespace}",
        ) from refused
    return found
