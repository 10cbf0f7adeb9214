"""flowenv as it travels with runs: an object in S3 that all runs of a cluster share. Pure."""

from __future__ import annotations

from typing import Any

from flowenv.errors import SpecError
from flowenv.plugin import Process
from flowenv_fargate.spec.overrides import set_variable
from flowenv_fargate.spec.places import HasMetadata, payload_place

LONGEST_URL = 2048
"""The characters that are kept free for a presigned URL; one of temporary credentials is long."""
FOLDER = "runtimes"


def shipped(environment: HasMetadata, process: Process, override: dict[str, Any]) -> dict[str, Any]:
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


def runtime_object(folder: str, name: str) -> str:
    """The URL of flowenv as it travels, in the folder of a cluster.

    >>> runtime_object("s3://bucket/fargate/1/eu-west-1/flows", "flowenv-0.1.0-3f2a.zip")
    's3://bucket/fargate/1/eu-west-1/flows/runtimes/flowenv-0.1.0-3f2a.zip'
    """
    return f"{folder}/{FOLDER}/{name}"
