"""What is wrong with a user's Pod manifest for the workers."""

from __future__ import annotations

import re

from flowenv_k8s.plugin import Manifest, check_metadata, check_pod_spec, list_at, mapping_at

_GONE = re.compile(r"(?<![\w/.-])(\S*/)?dask-worker\b|--(no-)?bokeh\b")
"""What a worker's command had in Dask's earlier days, as in the worker_pod.yaml of Prefect 0.x."""


def check_worker_pod(manifest: Manifest) -> None:
    """Check a worker's Pod manifest.

    Raises:
        SpecError: naming the place and what is wrong there.
    """
    if "replicas" in mapping_at(manifest, "spec"):
        manifest.fail(
            "a Pod has no replicas.",
            *("spec", "replicas"),
            hint="How many workers there are is said by min_workers and max_workers.",
        )
    check_metadata(manifest, ())
    check_pod_spec(manifest, ("spec",))
    for container in list_at(manifest, "spec", "containers")[:1]:
        for field in ("command", "args"):
            if found := _GONE.search(" ".join(container.get(field) or ())):
                manifest.fail(
                    f"the worker runs {found[0]!r}, which today's Dask doesn't have.",
                    *("spec", "containers", 0, field),
                    hint="Leave out command, args and image: then it is a worker of today, in the "
                    "run's image. (Prefect 0.x replaced the image in every case; here one that "
                    "stands in the file is used.) Or write command: [dask], args: [worker, "
                    "--name, $(DASK_WORKER_NAME)].",
                )
