"""The executor on a Dask cluster, and what all that use Dask share; Dask is imported when used."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowenv.errors import PlatformError, SettingError
from flowenv.executors.base import Executor, active
from flowenv.executors.classes import load_class
from flowenv.executors.dask_cluster.worker_versions import named, versions_of
from flowenv.executors.dask_import import import_dask
from flowenv.settings.declaration import setting
from flowenv.settings.hidden import HiddenTexts
from flowenv.states import Reason

if TYPE_CHECKING:
    import concurrent.futures


@dataclasses.dataclass
class DaskExecutor(Executor):
    """A Dask cluster through `distributed`: one that exists, or one made for the run.

    Args:
        address: of a running scheduler, such as `tcp://10.0.0.1:8786`.
        cluster_class: a `distributed` Cluster class, or its dotted name; without one and
            without an address a LocalCluster is made.
        cluster_kwargs: what the cluster class gets.
        adapt_kwargs: what `cluster.adapt` gets; without them the cluster isn't adaptive.
        client_kwargs: what the Client gets; `timeout` is how long the scheduler is waited for,
            in seconds or as a text such as `"1 min"`, else what Dask's configuration says (30 s).
        performance_report_path: where Dask's performance report is written, an HTML file; in a
            flow's container a relative path is one in the run's output folder, and comes back.
        debug: deprecated; whether a cluster that is made here shows its logs, as
            `cluster_kwargs["silence_logs"]` says.

    See https://distributed.dask.org/en/stable/api.html.

    >>> DaskExecutor(address="tcp://10.0.0.1:8786").address
    'tcp://10.0.0.1:8786'
    """

    address: str | None = setting(None, help="The address of a running scheduler.")
    cluster_class: Any = setting(None, help="A Cluster class to make, or its dotted name.")
    cluster_kwargs: dict[str, Any] | None = setting(None, help="What the cluster class gets.")
    adapt_kwargs: dict[str, Any] | None = setting(None, help="What cluster.adapt gets.")
    client_kwargs: dict[str, Any] | None = setting(None, help="What the Client gets.")
    performance_report_path: str | None = setting(
        None, help="Where Dask's performance report (HTML) is written."
    )
    debug: dataclasses.InitVar[bool | None] = None

    def __post_init__(self, debug: bool | None) -> None:
        super().__post_init__()
        if debug is not None:
            self._take_debug(debug)
        if self.address and (self.cluster_class or self.cluster_kwargs or self.adapt_kwargs):
            raise SettingError(
                "DaskExecutor takes either an address or a cluster to make, not both.",
                hint="Drop address, or cluster_class, cluster_kwargs and adapt_kwargs.",
            )
        # a provider's credentials may be among them
        if self.cluster_kwargs is not None:
            self.cluster_kwargs = HiddenTexts(self.cluster_kwargs)
        if self.client_kwargs is not None:
            self.client_kwargs = HiddenTexts(self.client_kwargs)

    def _take_debug(self, debug: bool) -> None:
        warnings.warn(
            "DaskExecutor's debug is deprecated: set silence_logs in cluster_kwargs.",
            DeprecationWarning,
            stacklevel=4,
        )
        if not self.address and self.cluster_class is None:
            level = logging.WARNING if debug else logging.CRITICAL
            self.cluster_kwargs = {"silence_logs": level, **(self.cluster_kwargs or {})}

    def check(self) -> None:
        """Check that distributed is installed, and the cluster's class if it is named."""
        import_dask("distributed")
        if isinstance(self.cluster_class, str):
            load_class(self.cluster_class)
        if self.performance_report_path and not (self.address or self.cluster_class):
            from flowenv.executors.dask_cluster.report import check_report_here

            check_report_here()

    @contextlib.contextmanager
    def _open(self, source_files: Sequence[Path]) -> Iterator[concurrent.futures.Executor]:
        from flowenv.executors.dask_cluster.connection import connected
        from flowenv.executors.dask_cluster.local_cluster import leave_interrupts_to_owner

        distributed = import_dask("distributed")
        with contextlib.ExitStack() as stack:
            where = self.address or stack.enter_context(self._cluster())
            client = stack.enter_context(connected(where, self.client_kwargs or {}))
            if isinstance(where, distributed.LocalCluster):
                leave_interrupts_to_owner(client)
                # its workers import the files from where they are, as this process does;
                # its scheduler lives here and would run them again
                source_files = ()
            pool = stack.enter_context(
                run_on(client, source_files, performance_report_path=self.performance_report_path)
            )
            yield pool

    @contextlib.contextmanager
    def _cluster(self) -> Iterator[Any]:
        from flowenv.executors.dask_cluster.local_cluster import (
            close_at_once,
            closed,
            started_without_ctrl_c,
        )

        cluster_class = self.cluster_class
        kwargs = dict(self.cluster_kwargs or {})
        if cluster_class is None:
            cluster_class = import_dask("distributed").LocalCluster
            kwargs.setdefault("dashboard_address", "127.0.0.1:0")  # 8787 may be taken
        elif isinstance(cluster_class, str):
            cluster_class = load_class(cluster_class)
        if cluster_class is import_dask("distributed").LocalCluster:
            kwargs = closed(kwargs)
        with started_without_ctrl_c():
            made = cluster_class(**kwargs)
        with made as cluster:
            if self.adapt_kwargs is not None:
                cluster.adapt(**self.adapt_kwargs)
            try:
                yield cluster
            except KeyboardInterrupt:
                if isinstance(cluster, import_dask("distributed").LocalCluster):
                    close_at_once(cluster)
                raise


@contextlib.contextmanager
def run_on(
    client: Any,
    source_files: Sequence[Path] = (),
    *,
    performance_report_path: str | None = None,
    is_own: bool = False,
    runtime: bytes = b"",
) -> Iterator[concurrent.futures.Executor]:
    """Make a connected Client the place where a flow's parallel work runs.

    Versions are compared, the flow's files reach all workers, also those that join later,
    an idle scheduler is kept for as long as the flow lives, and Dask's report is written if
    a path is given. The client stays open: its owner closes it.

    Args:
        client: a connected `distributed.Client`.
        source_files: the flow's own Python files.
        performance_report_path: where the report is written, an HTML file.
        is_own: whether nobody else uses the cluster, now or later. Then a worker that joins
            later with other versions ends before anything runs on it.
        runtime: flowenv as `shipped_runtime` gives it, for a scheduler and workers that may lack
            it; nothing if they have it.

    Raises:
        PlatformError: if Python, dask or distributed differ between here and the cluster.
        SettingError: if a report is asked for and the scheduler lacks bokeh.
    """
    from flowenv.executors.dask_cluster.report import check_report_of, report_to
    from flowenv.executors.dask_cluster.upkeep import (
        bring_flowenv,
        check_late_workers,
        keep_awake,
        upload_files,
    )

    check_versions(client)
    if performance_report_path:
        check_report_of(client)
    if is_own:
        check_late_workers(client)
    if runtime:
        bring_flowenv(client, runtime)
    upload_files(client, source_files)
    with contextlib.ExitStack() as stack:
        stack.enter_context(keep_awake(client))
        stack.enter_context(client.as_current())
        if performance_report_path:
            stack.enter_context(report_to(performance_report_path))
        dask = import_dask("dask")
        stack.enter_context(dask.config.set(scheduler="dask.distributed"))
        pool = client.get_executor()
        stack.enter_context(active(pool))
        yield pool


def check_versions(client: Any) -> None:
    """Compare Python, dask and distributed of client, scheduler and workers.

    Raises:
        PlatformError: listing who has which version, when they differ.
    """
    found = client.get_versions(check=False)
    hosts = {"client": found["client"], "scheduler": found["scheduler"]}
    hosts |= {f"worker {address}": info for address, info in (found["workers"] or {}).items()}
    rows = {who: versions_of(info) for who, info in hosts.items() if info}
    if len(set(rows.values())) > 1:
        listed = "; ".join(f"{who}: {named(versions)}" for who, versions in rows.items())
        raise PlatformError(
            f"The versions of the Dask cluster don't match: {listed}.",
            hint="Use one image for the flow, the scheduler and the workers, or install here "
            "what the image has.",
            reason=Reason.CONFIGURATION,
        )
