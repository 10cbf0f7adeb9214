"""Whether results can get to `results_url`: as much as is known where a run is submitted."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from pathlib import PurePosixPath

from flowenv.errors import SpecError
from flowenv.results.object_urls import HasMetadata, results_url
from flowenv.serialization import storage


def check_results_place(environment: HasMetadata) -> None:
    """Check `results_url` where a run is submitted; what is missing here is a warning.

    Raises:
        ConfigurationError: if it is no URL that fsspec knows.
    """
    url = results_url(environment)
    if url and (package := storage.missing_package(url)):
        _warn(url, package)


@functools.cache  # once is enough, however many runs are submitted
def _warn(url: str, package: str) -> None:
    import logging

    logging.getLogger("flowenv").warning(
        "results_url is %s, which needs %s: it isn't installed here, so a result that is stored "
        "there can't be read by this process.",
        url,
        package,
    )


def check_results_are_shared(environment: HasMetadata, mounted: Iterable[str]) -> None:
    """Check that `results_url` isn't on the disk of the flow's container, which goes with it.

    For `Environment.validate_spec` of backends whose flows run in containers.

    Args:
        environment: where the flow runs.
        mounted: where in its container there are volumes that others see, too.

    Raises:
        SpecError: if results would be lost with the container.

    >>> from flowenv import make_environment
    >>> metadata = {"results_url": "file:///shared/results"}
    >>> environment = make_environment("local", {"metadata": metadata})
    >>> check_results_are_shared(environment, ["/shared"])
    >>> check_results_are_shared(environment, [])
    Traceback (most recent call last):
    ...
    flowenv.errors.SpecError: results_url is file:///shared/results, which is on the disk of ...
    """
    url = results_url(environment)
    path = storage.local_path(url) if url else None
    if path is None or any(PurePosixPath(path).is_relative_to(place) for place in mounted):
        return
    raise SpecError(
        f"results_url is {url}, which is on the disk of the flow's container and goes with it.",
        hint="Set it to an object store, such as s3://bucket/results, or to a volume that is "
        "mounted in the flow's container, and here at the same path; or leave it out: up to "
        "1 MiB comes back by the log.",
    )
