"""Whether workers have what a flow requires, where nothing is installed for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flowenv.errors import PlatformError
from flowenv.states import Reason


def check_requirements(client: Any, requirements: Sequence[str]) -> None:
    """Check that workers have what a flow requires.

    One worker is asked, or before there is one the scheduler: they have the same image.

    Args:
        client: a connected `distributed.Client`.
        requirements: as `Flow` takes them.

    Raises:
        PlatformError: listing what is missing.
    """
    if not requirements:
        return

    # a function inside a function is pickled whole: the image may lack flowenv
    def lacking(asked: list[str]) -> list[str]:
        import importlib.metadata

        from packaging.requirements import Requirement  # which distributed needs

        found = []
        for one in asked:
            wanted = Requirement(one)
            if wanted.marker is None or wanted.marker.evaluate():
                try:
                    there = importlib.metadata.version(wanted.name)
                except importlib.metadata.PackageNotFoundError:
                    found.append(one)
                else:
                    if not wanted.specifier.contains(there, prereleases=True):
                        found.append(f"{one} (there is {there})")
        return found

    asked, workers = list(requirements), list(client.scheduler_info(n_workers=-1)["workers"])[:1]
    if workers:
        [missing] = client.run(lacking, asked, workers=workers).values()
    else:
        missing = client.run_on_scheduler(lacking, asked)
    if missing:
        raise PlatformError(
            f"The workers lack what the flow requires: {', '.join(missing)}.",
            hint="Nothing is installed for the workers of a flow that runs outside of their "
            "cluster: use an image that has it, or submit the flow.",
            reason=Reason.CONFIGURATION,
        )
