"""The environment of Dask at a cloud provider: what the user sets."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from flowenv.errors import ConfigurationError, SettingError
from flowenv.plugin import (
    Callback,
    Capabilities,
    Environment,
    HiddenItems,
    Target,
    contract,
    labels_setting,
    metadata_setting,
    nearest,
    on_exit_setting,
    on_start_setting,
    setting,
    settings_of,
)
from flowenv_dask_cloud.spec.build import PART
from flowenv_dask_cloud.spec.checks import check_is_protected, check_spec
from flowenv_dask_cloud.spec.credentials import guarded, masked, without_credentials
from flowenv_dask_cloud.spec.providers import dotted_name, load_provider
from flowenv_dask_cloud.spec.settings import (
    OnExecute,
    check_on_execute,
    check_provider,
    check_security,
    check_workers,
)

if TYPE_CHECKING:
    from flowenv.plugin import Encoder, FlowRun

_OF_PREFECT = {
    "debug": "Leave it out: it silenced the cluster's logs, which is silence_logs of the provider.",
}
"""What the executor of Prefect 0.x took, and what became of it."""
_EXECUTOR_KWARGS = ("adapt_kwargs", "client_kwargs", "performance_report_path")
_DASK_VARIABLES = (
    *(name for name in contract.BASIC if name != contract.AUTH_TOKEN),
    contract.EXECUTOR,
    contract.LOGGING_LEVEL,
)
"""What scheduler and workers get: not the token, which only the flow's own process has."""


@dataclasses.dataclass(repr=False, init=False, eq=False)
class DaskCloudProviderEnvironment(Environment):
    """Runs a flow here, its parallel work on a Dask cluster that a provider makes for the run.

    Args:
        provider_class: a Cluster class of dask-cloudprovider or of any other library, or its
            dotted name, such as `dask_cloudprovider.aws.FargateCluster`.
        adaptive_min_workers: with a number, also 0, the cluster is adaptive and has at least
            so many workers; with None it has what `n_workers` says.
        adaptive_max_workers: the most workers of an adaptive cluster.
        security: a `distributed.Security` for the provider and the client; True for
            temporary certificates, which are the default where the provider can use them;
            False for an open scheduler.
        executor_kwargs: for the DaskExecutor: `client_kwargs`, `adapt_kwargs`,
            `performance_report_path`.
        labels: strings that a run carries.
        on_execute: called with the flow's parameters, defaults too, and a copy of the
            provider's arguments, which it may change, before the cluster is made: the number
            of workers by the size of the input, say.
        on_start: called without arguments before the flow begins, when the cluster is up.
        on_exit: called without arguments after the flow has ended, also when it failed.
        metadata: further data, serialised with the environment; `image` is the image of
            scheduler and workers.
        start_timeout: seconds until the cluster's scheduler must be up.
        worker_timeout: seconds from then until the first worker must have joined.
        **kwargs: arguments of the provider's class. Credentials and `Secret` values are
            neither shown nor serialised.

    Raises:
        SettingError: a TypeError, if a setting has the wrong type.

    >>> from flowenv_dask_cloud import DaskCloudProviderEnvironment
    >>> DaskCloudProviderEnvironment("dask_cloudprovider.aws.FargateCluster", n_workers=4)
    DaskCloudProviderEnvironment(dask_cloudprovider.aws.FargateCluster, kwargs={'n_workers': 4})
    """

    backend = "dask_cloud"
    takes_any_setting: ClassVar[bool] = True
    # the flow runs in this process: nobody else can cancel it, and it shows its own output
    capabilities = Capabilities(sweep=True)
    dependencies = ("dask-cloudprovider", "dask", "distributed")
    contract: ClassVar[Mapping[Target, tuple[str, ...]]] = {
        Target.FLOW: contract.BASIC,
        Target.SCHEDULER: _DASK_VARIABLES,
        Target.WORKER: _DASK_VARIABLES,
    }

    provider_class: Any = setting(None, help="The provider's Cluster class, or its dotted name.")
    adaptive_min_workers: int | None = setting(
        None, help="Fewest workers of an adaptive cluster; without it the cluster is fixed."
    )
    adaptive_max_workers: int | None = setting(None, help="Most workers of an adaptive cluster.")
    security: bool | Any = setting(
        None, help="A distributed.Security, true for temporary certificates, false for none."
    )
    executor_kwargs: dict[str, Any] | None = setting(
        None, help="client_kwargs, adapt_kwargs, performance_report_path of the DaskExecutor."
    )
    labels: Iterable[str] | None = labels_setting()
    on_execute: OnExecute | None = setting(
        None, help="A function that may change the provider's arguments by the parameters."
    )
    on_start: Callback | None = on_start_setting()
    on_exit: Callback | None = on_exit_setting()
    metadata: dict[str, Any] | None = metadata_setting()
    start_timeout: float = setting(
        600.0, kw_only=True, help="Seconds until the scheduler must be up."
    )
    worker_timeout: float = setting(
        600.0, kw_only=True, help="Seconds from then until the first worker must have joined."
    )
    kwargs: dict[str, Any] = setting(
        factory=dict, kw_only=True, help="Arguments of the provider's class."
    )

    def __init__(
        self,
        provider_class: Any,
        adaptive_min_workers: int | None = None,
        adaptive_max_workers: int | None = None,
        security: Any = None,
        executor_kwargs: dict[str, Any] | None = None,
        labels: Iterable[str] | None = None,
        on_execute: OnExecute | None = None,
        on_start: Callback | None = None,
        on_exit: Callback | None = None,
        metadata: dict[str, Any] | None = None,
        *,
        start_timeout: float = 600.0,
        worker_timeout: float = 600.0,
        **kwargs: Any,
    ) -> None:
        self.provider_class = provider_class
        self.adaptive_min_workers = adaptive_min_workers
        self.adaptive_max_workers = adaptive_max_workers
        self.security = security
        self.executor_kwargs = HiddenItems(executor_kwargs or {})
        self.labels = labels
        self.on_execute = on_execute
        self.on_start = on_start
        self.on_exit = on_exit
        self.metadata = metadata
        self.start_timeout = start_timeout
        self.worker_timeout = worker_timeout
        # what serialisation gives back comes as one mapping
        given = {**kwargs.pop("kwargs", {}), **kwargs}
        self.kwargs = HiddenItems({name: guarded(name, value) for name, value in given.items()})
        self.__post_init__()

    def __post_init__(self) -> None:
        """Check what can be checked without the provider's library."""
        super().__post_init__()
        check_provider(self.provider_class)
        check_security(self.security)
        check_workers(self.adaptive_min_workers, self.adaptive_max_workers)
        check_on_execute(self.on_execute)
        for name in self.executor_kwargs or {}:
            if name not in _EXECUTOR_KWARGS:
                raise SettingError(
                    f"executor_kwargs has {name!r}, which the environment doesn't pass on.",
                    hint=_OF_PREFECT.get(name) or nearest(name, list(_EXECUTOR_KWARGS)),
                )
        for name in ("start_timeout", "worker_timeout"):
            if not getattr(self, name) > 0:
                raise SettingError(f"{name} must be a number of seconds above 0.")

    @property
    def adapt(self) -> dict[str, Any] | None:
        """What `cluster.adapt` gets, or None for a cluster of fixed size."""
        if self.adaptive_min_workers is None:
            return None
        limits = {"minimum": self.adaptive_min_workers}
        if self.adaptive_max_workers is not None:
            limits["maximum"] = self.adaptive_max_workers
        return {**((self.executor_kwargs or {}).get("adapt_kwargs") or {}), **limits}

    @property
    def instead_of_find(self) -> str:
        """What shows a run, and what is left of one."""
        return (
            "A run is in the process that submits it, and the provider knows its cluster only: "
            "`flowenv run` shows it as it goes, and `flowenv sweep` what clusters of runs that "
            "are over have left."
        )

    def contract_values(self, flow_run: FlowRun) -> Mapping[str, str]:
        """That work goes to the run's Dask cluster."""
        return {contract.EXECUTOR: contract.DASK_EXECUTOR}

    def validate_spec(self, spec: Mapping[str, Any], flow_run: FlowRun) -> None:
        """Check the provider's arguments, before anything is made.

        Raises:
            SpecError: if the provider doesn't take one of them, or would refuse them.
        """
        check_spec(spec, own_settings())
        if self.on_execute is None:  # else it may change what counts, and is asked first
            provider = load_provider(spec[PART]["provider"])
            check_is_protected(provider, spec[PART]["arguments"], self.security)

    def serialize(self, encoder: Encoder | None = None) -> dict[str, Any]:
        """The environment as JSON data, without credentials, secrets and certificates.

        Args:
            encoder: encodes callbacks and other objects; by default a fresh one.

        Raises:
            PayloadError: if an argument can neither be named nor pickled.
        """
        return super(DaskCloudProviderEnvironment, self._without_secrets()).serialize(encoder)

    @classmethod
    def from_serialized(cls, data: Mapping[str, Any]) -> Environment:
        """An environment of this class from `serialize` data.

        Raises:
            ConfigurationError: if it names no provider, as what Prefect 0.x serialised.
        """
        if not data.get("provider_class"):
            raise ConfigurationError(
                "The serialised DaskCloudProviderEnvironment says no provider_class: Prefect 0.x "
                "left it out.",
                hint="Make the environment anew, with its provider_class and arguments.",
            )
        return super().from_serialized(data)

    def __getstate__(self) -> dict[str, Any]:
        return super(DaskCloudProviderEnvironment, self._without_secrets()).__getstate__()

    def __setstate__(self, state: dict[str, Any]) -> None:
        hidden = {
            name: HiddenItems(state.get(name) or {}) for name in ("kwargs", "executor_kwargs")
        }
        super().__setstate__({**state, **hidden})

    def __repr__(self) -> str:
        plain = object.__new__(type(self))
        plain.__dict__.update(self.__dict__)
        plain.kwargs, plain.executor_kwargs = masked(self.kwargs), masked(self.executor_kwargs)
        shown = super(DaskCloudProviderEnvironment, plain).__repr__()
        shown = shown.replace(f"provider_class={self.provider_class!r}", "", 1)
        if self.security not in (None, True, False):
            shown = shown.replace(repr(self.security), "Security(***)")
        return shown.replace("(", f"({dotted_name(self.provider_class)}", 1)

    def _without_secrets(self) -> DaskCloudProviderEnvironment:
        """A copy that may be written down."""
        plain = object.__new__(type(self))
        plain.__dict__.update(self.__dict__)
        plain.kwargs = without_credentials(self.kwargs)
        plain.executor_kwargs = without_credentials(self.executor_kwargs)
        # a Security holds private keys; without one the default is made again
        plain.security = self.security if isinstance(self.security, bool) else None
        if isinstance(self.provider_class, type) and "." not in self.provider_class.__qualname__:
            name = dotted_name(self.provider_class)
            if getattr(sys.modules.get(name.rpartition(".")[0]), name.rpartition(".")[2], None):
                plain.provider_class = name
        return plain


def own_settings() -> set[str]:
    """The names of the environment's own settings, which no provider takes for it."""
    return {one.name for one in settings_of(DaskCloudProviderEnvironment)} - {"kwargs"}
