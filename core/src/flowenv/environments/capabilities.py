"""What a backend can do."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Capabilities:
    """What a backend can do. The core asks this record, never the backend's name.

    Args:
        cancel: a run can be stopped from outside.
        logs: a run's log lines can be read while it runs.
        result: a run's result travels back.
        attach: another process can pick a run up by its reference.
        find: runs can be found on the platform by labels.
        sweep: what is left of runs that are over can be found and removed.
        delete: what the platform keeps of one run that is over can be removed; the handle then has
            a method `delete`.
        image: runs need a container image.
        rehearse: the container's process can be tried out locally.
        backend_in_image: the flow's process needs this backend installed too, because
            `flowenv_run_flow` makes something (a Dask cluster) there.
        runtime: flowenv can travel with a run, so that an image needs only Python.
    """

    cancel: bool = False
    logs: bool = False
    result: bool = True
    attach: bool = False
    find: bool = False
    sweep: bool = False
    image: bool = False
    rehearse: bool = True
    backend_in_image: bool = False
    runtime: bool = False
    delete: bool = False

    def to_json(self) -> dict[str, bool]:
        """The record as plain data."""
        return dataclasses.asdict(self)
