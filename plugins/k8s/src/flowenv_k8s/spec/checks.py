"""What Kubernetes would refuse in a Job's or a Pod's manifest, said before anything is sent.

The same checks run on a user's file, where some things may still be missing, and on the
finished spec, after all plugins have changed it. Which fields there are, and of which kind, is
looked at before, by `structure`.
"""

from __future__ import annotations

from typing import Any

from flowenv.errors import SpecError
from flowenv_k8s.spec.manifests.manifest import Manifest, dotted, list_at, mapping_at
from flowenv_k8s.spec.manifests.yaml_text import Path_
from flowenv_k8s.spec.names import LONGEST, is_label_key, is_label_value, is_name
from flowenv_k8s.spec.quantities import MEMORY_HINT, too_little_memory

TEMPLATE = ("spec", "template")
POD_SPEC = (*TEMPLATE, "spec")
"""Where the spec of a Job's pods stands in its manifest."""
LARGEST_SECRET = 1024 * 1024
"""The most bytes of data that a Secret may hold
(https://kubernetes.io/docs/concepts/configuration/secret/)."""


def check_job(manifest: Manifest, *, finished: bool = False) -> None:
    """Check a Job's manifest.

    Args:
        manifest: the Job.
        finished: True for what is sent; a user's file may lack a name, the flow's image
            and what has a default.

    Raises:
        SpecError: naming the place and what is wrong there.
    """
    check_metadata(manifest, (), named=finished)
    check_metadata(manifest, TEMPLATE)
    spec = mapping_at(manifest, "spec")
    for name in ("completions", "parallelism"):
        if (count := spec.get(name, 1)) != 1:
            manifest.fail(
                f"{name} is {count}, but a run is one execution of a flow.",
                *("spec", name),
                hint="Leave it out, and run the flow's parallel work on an executor.",
            )
    for name in ("backoffLimit", "activeDeadlineSeconds", "ttlSecondsAfterFinished"):
        if (value := spec.get(name, 0)) < 0:
            manifest.fail(f"{name} must be 0 or more, not {value}.", "spec", name)
    check_pod_spec(manifest, POD_SPEC, finished=finished)
    policy = mapping_at(manifest, *POD_SPEC).get("restartPolicy")
    if policy not in ("Never", "OnFailure") and (finished or policy is not None):
        manifest.fail(
            f"restartPolicy is {policy!r}; a Job's is Never or OnFailure.",
            *(*POD_SPEC, "restartPolicy"),
        )
    if policy == "OnFailure" and not spec.get("backoffLimit"):
        manifest.fail(
            "restartPolicy is OnFailure and backoffLimit is 0: Kubernetes restarts the container "
            "before that limit counts, so a flow that fails would run twice.",
            *(*POD_SPEC, "restartPolicy"),
            hint="Leave restartPolicy out for one execution, or set backoffLimit for retries.",
        )


def check_metadata(manifest: Manifest, path: Path_, *, named: bool = False) -> None:
    """Check the name, labels and annotations of an object or a pod template.

    Raises:
        SpecError: naming what Kubernetes would refuse.
    """
    at = (*path, "metadata")
    metadata = mapping_at(manifest, *at)
    name = metadata.get("name")
    if (named or name is not None) and not is_name(name):
        manifest.fail(
            f"{name!r} is no valid name: at most {LONGEST} lower-case letters, digits and "
            "dashes, with a letter or digit at both ends.",
            *(*at, "name"),
        )
    for key, value in mapping_at(manifest, *at, "labels").items():
        if not is_label_key(key) or not is_label_value(value):
            manifest.fail(
                f"{key}: {value!r} is no valid label: the value has at most {LONGEST} letters, "
                "digits, dashes, dots and underscores.",
                *(*at, "labels", key),
            )
    for key in mapping_at(manifest, *at, "annotations"):
        if not is_label_key(key):
            manifest.fail(f"{key!r} is no valid name of an annotation.", *at, "annotations", key)


def check_pod_spec(manifest: Manifest, path: Path_, *, finished: bool = False) -> None:
    """Check the spec of a Pod or a pod template: containers, variables, volume mounts.

    Raises:
        SpecError: naming the place and what is wrong there.
    """
    containers = list_at(manifest, *path, "containers")
    if finished and not containers:
        manifest.fail(
            f"{dotted(path)} has no containers.",
            *path,
            hint="The first container is the flow's; name at least that one.",
        )
    volumes = {one.get("name") for one in list_at(manifest, *path, "volumes")}
    seen: set[str] = set()
    for kind in ("containers", "initContainers"):
        for index, container in enumerate(list_at(manifest, *path, kind)):
            at = (*path, kind, index)
            is_flow = kind == "containers" and index == 0
            _check_container(manifest, at, container, finished, needs_image=not is_flow)
            name = container.get("name")
            if name in seen:
                manifest.fail(f"two containers have the name {name}.", *at, "name")
            if name:
                seen.add(name)
            if finished:
                _check_mounts(manifest, at, volumes)


def _check_container(
    manifest: Manifest, at: Path_, container: dict[str, Any], finished: bool, needs_image: bool
) -> None:
    name = container.get("name")
    if (finished or name is not None) and (not is_name(name) or "." in str(name)):
        manifest.fail(f"{name!r} is no valid name of a container.", *at, "name")
    image = container.get("image")
    if (finished or needs_image or image is not None) and not (isinstance(image, str) and image):
        manifest.fail(f"the container {name or dotted(at[-2:])} has no image.", *at)
    if little := too_little_memory(mapping_at(manifest, *at, "resources")):
        manifest.fail(little, *(*at, "resources", "limits", "memory"), hint=MEMORY_HINT)
    _check_env(manifest, at)


def _check_env(manifest: Manifest, at: Path_) -> None:
    seen = set()
    for index, entry in enumerate(list_at(manifest, *at, "env")):
        place = (*at, "env", index)
        variable, value = entry.get("name"), entry.get("value", "")
        if not isinstance(variable, str) or not variable or "=" in variable:
            manifest.fail("an env entry has no valid name.", *place)
        if variable in seen:
            manifest.fail(f"the env entry {variable} comes twice.", *place)
        if value not in (None, "") and entry.get("valueFrom"):
            manifest.fail(
                f"the env entry {variable} has both a value and a valueFrom.",
                *place,
                hint="Keep one of them.",
            )
        seen.add(variable)


def _check_mounts(manifest: Manifest, at: Path_, volumes: set[Any]) -> None:
    for index, mount in enumerate(list_at(manifest, *at, "volumeMounts")):
        if mount.get("name") not in volumes:
            place = (*at, "volumeMounts", index)
            manifest.fail(f"there is no volume {mount.get('name')!r} to mount.", *place)


def check_secret_size(size: int, largest: int = LARGEST_SECRET) -> None:
    """Check that a Secret's data fit into a Secret.

    Args:
        size: of all its values together, in bytes.
        largest: how much it may be.

    Raises:
        SpecError: naming the limit and the way around it.
    """
    if size > largest:
        raise SpecError(
            f"The flow's payload and secrets are {size:,} bytes, and a Kubernetes Secret holds "
            f"{largest:,}.",
            hint="Set payload_url in the configuration to an object store, such as "
            "s3://bucket/payloads, and install what reads it in the image; or let the flow read "
            "its data itself.",
        )
