"""Objects in S3 that runs of a cluster share, each named after its content. Pure.

flowenv, as it travels with runs, is one; what the payloads of a batch have in common is another.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from flowenv.errors import SpecError
from flowenv.plugin import Process, contract
from flowenv_fargate.spec.overrides import data_url, set_variable
from flowenv_fargate.spec.places import HasMetadata, payload_place, place_in_s3
from flowenv_fargate.spec.tags import Task, flow_container

LONGEST_URL = 2048
"""The characters that are kept free for a presigned URL; one of temporary credentials is long."""


@dataclass(frozen=True)
class SharedKind:
    """What objects of a kind have in common.

    Args:
        word: what people call one.
        folder: where they are, in the folder of a cluster.
        names: what their names look like.
        content_type: theirs.
        variable: the one that tells a task where its object is.
    """

    word: str
    folder: str
    names: re.Pattern[str]
    content_type: str
    variable: str

    def url(self, folder: str, name: str) -> str:
        """The `s3://` URL of an object.

        Args:
            folder: of the cluster.
            name: the object's.

        >>> KINDS["runtime"].url("s3://bucket/fargate/1/eu-west-1/flows", "flowenv-0.1.0-3f2a.zip")
        's3://bucket/fargate/1/eu-west-1/flows/runtimes/flowenv-0.1.0-3f2a.zip'
        """
        return f"{folder}/{self.folder}/{name}"


KINDS: Mapping[str, SharedKind] = {
    "runtime": SharedKind(
        "flowenv",
        "runtimes",
        re.compile(r"flowenv-[0-9A-Za-z.+-]+-[0-9a-f]{16}\.zip"),
        "application/zip",
        contract.RUNTIME_URL,
    ),
    "common": SharedKind(
        "batch payload",
        "batches",
        re.compile(r"[0-9a-f]{64}\.json"),
        "application/json",
        contract.PAYLOAD_COMMON,
    ),
}
"""The kinds, by the part of a run's spec that holds its object."""


def shared_runtime(
    environment: HasMetadata, process: Process, override: dict[str, Any]
) -> dict[str, Any]:
    """What brings flowenv to a task.

    The command that fetches it comes with the run: no definition depends on flowenv's version.

    Args:
        environment: where the flow runs.
        process: what the flow's container runs.
        override: the flow's container's; command and variables are set in it, but for the URL.

    Returns:
        `place`, `name` and `content`.

    Raises:
        SpecError: if there is no place for it.
    """
    place, runtime = payload_place(environment), process.runtime
    assert runtime is not None
    if place is None:
        raise SpecError(
            'runtime is "shipped", and there is no place from which a task could fetch flowenv.',
            hint="Set payload_url in the configuration to an s3:// place; or leave runtime out, "
            "and use an image that has flowenv (pip install flowenv).",
        )
    override["command"] = list(process.fetching_command)
    for name, value in runtime.variables_to_fetch("").items():
        if value:  # the URL is only known when the run is submitted
            set_variable(override, name, value)
    return {"place": place, "name": runtime.name, "content": runtime.content}


def shared_part(environment: HasMetadata, common: bytes | None) -> dict[str, Any] | None:
    """What brings the common part of a batch's payloads to its tasks.

    None if there is no place, or if the part itself takes no more of what ECS takes with a run than
    the URL of an object would.

    Args:
        environment: where the flow runs.
        common: what the payload shares with those of other runs, if anything.
    """
    place = place_in_s3(environment)
    if place is None or common is None or _length(common) <= LONGEST_URL:
        return None
    return {"place": place, "name": f"{_digest(common)}.json", "content": common}


@functools.lru_cache(maxsize=8)
def _length(common: bytes) -> int:
    """How many characters it takes in a run's overrides."""
    return len(data_url(common))


@functools.lru_cache(maxsize=8)
def _digest(common: bytes) -> str:
    return hashlib.sha256(common).hexdigest()


def names_used(task: Task) -> set[str]:
    """The names of the shared objects that a task fetches."""
    _, variables = flow_container(task)
    urls = (variables.get(kind.variable, "") for kind in KINDS.values())
    return {unquote(urlsplit(url).path.rpartition("/")[2]) for url in urls if url}
