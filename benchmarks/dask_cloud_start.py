"""How much later does a first result come with flowenv than with the bare provider class?

Starts each cluster by turns with `DaskCloudProviderEnvironment` and with the class itself, in
one process, and measures from the call to the first result of a worker. The aim: at most 0.5 s
more.

    python benchmarks/dask_cloud_start.py --repeats 5
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from distributed import Client, LocalCluster

from flowenv import Flow, get_executor
from flowenv_dask_cloud import DaskCloudProviderEnvironment
from rigs.machines import LocalMachineCluster

AIM = 0.5


def first_result() -> float:
    """When the first result of a worker is here."""
    assert get_executor().submit(abs, -1).result() == 1
    return time.perf_counter()


def with_flowenv(provider: type[Any], arguments: dict[str, Any], tls: bool) -> float:
    environment = DaskCloudProviderEnvironment(provider, security=tls, **arguments)
    started = time.perf_counter()
    ended: float = environment.run(Flow(first_result))
    return ended - started


def bare(provider: type[Any], arguments: dict[str, Any], tls: bool) -> float:
    started = time.perf_counter()
    with provider(security=tls or None, **arguments) as cluster, Client(cluster) as client:
        assert client.submit(abs, -1).result() == 1
        return time.perf_counter() - started


def measure(repeats: int) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        providers: list[tuple[type[Any], dict[str, Any]]] = [
            (LocalCluster, {"n_workers": 1, "dashboard_address": "127.0.0.1:0"}),
            (LocalMachineCluster, {"n_workers": 1, "directory": folder}),
        ]
        rows = []
        for provider, arguments in providers:
            for tls in (False, True):
                ours, theirs = [], []
                for _ in range(repeats):
                    theirs.append(bare(provider, arguments, tls))
                    ours.append(with_flowenv(provider, arguments, tls))
                medians = statistics.median(ours), statistics.median(theirs)
                rows.append(
                    {
                        "provider": provider.__name__,
                        "tls": tls,
                        "flowenv_s": round(medians[0], 3),
                        "bare_s": round(medians[1], 3),
                        "more_s": round(medians[0] - medians[1], 3),
                    }
                )
        return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args()
    rows = measure(options.repeats)
    if options.json:
        print(json.dumps(rows, indent=2))
    else:
        print(f"{'provider':22}{'TLS':>6}{'flowenv':>10}{'bare':>8}{'more':>8}")
        for row in rows:
            print(
                f"{row['provider']:22}{'yes' if row['tls'] else 'no':>6}{row['flowenv_s']:>8.2f} s"
                f"{row['bare_s']:>6.2f} s{row['more_s']:>6.2f} s"
            )
    return 0 if all(row["more_s"] <= AIM for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
