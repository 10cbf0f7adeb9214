"""The user's Pod manifest for Dask's workers: read, and checked."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from flowenv_k8s.checks import check_metadata, check_pod_spec
from flowenv_k8s.manifest import Manifest, check_kind, read_manifest


def worker_manifest(file: str | None, data: Mapping[str, Any] | None) -> Manifest:
    """The user's Pod manifest, checked; an empty one if there is none.

    Args:
        file: a YAML file.
        data: the manifest as data, instead of a file.

    Raises:
        SpecError: if it is wrong.
    """
    if file is not None:
        manifest = read_manifest(file, "Pod", "v1")
    elif data is not None:
        manifest = Manifest(copy.deepcopy(dict(data)), "worker_spec")
        check_kind(manifest, "Pod", "v1")
    else:
        return Manifest({}, "the default worker")
    check_metadata(manifest, ())
    check_pod_spec(manifest, ("spec",))
    return manifest
