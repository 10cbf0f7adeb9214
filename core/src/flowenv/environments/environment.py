"""The base of all execution environments: data that says where and how a flow runs."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self

from flowenv.contract import BASIC, Target
from flowenv.environments.capabilities import Capabilities
from flowenv.environments.labels import Labels
from flowenv.environments.subclasses import warn_of_attributes, warn_of_methods
from flowenv.errors import ConfigurationError, PluginError, SettingError
from flowenv.executors.base import Executor, check_executor
from flowenv.secret import Secret
from flowenv.settings.declaration import check_type, fields_of, nearest, settings_of
from flowenv.settings.hidden import hide_secrets

if TYPE_CHECKING:
    from flowenv.contract.variables import Merged, Value
    from flowenv.flows.definition import Flow
    from flowenv.serialization.encoding import Encoder
    from flowenv.submission.lifecycle import FlowRun

Callback = Callable[[], object]
"""What `on_start` and `on_exit` call, without arguments; what it returns isn't looked at."""


class Environment:
    """Where and how a flow runs.

    A backend's environment is a subclass that is a dataclass (`repr=False`) whose fields
    are made with `setting`, in the order in which its constructor takes them. Objects are
    data: nothing of a run ever changes them.

    Attributes:
        backend: the entry point's name, which is also the serialised `type`.
        capabilities: what the backend can do.
        dependencies: the distributions whose modules the backend uses.
        shipped: the distributions, Python alone, that travel with a run besides the core's.
        contract: which contract variables each kind of container gets.
        takes_any_setting: True if the constructor takes `**kwargs` besides its settings.
    """

    backend: ClassVar[str] = ""
    capabilities: ClassVar[Capabilities] = Capabilities()
    dependencies: ClassVar[tuple[str, ...]] = ()
    shipped: ClassVar[tuple[str, ...]] = ()
    takes_any_setting: ClassVar[bool] = False
    contract: ClassVar[Mapping[Target, tuple[str, ...]]] = {
        Target.FLOW: BASIC,
        Target.SIDECAR: BASIC,
    }

    configured_as: str = ""
    """The name in the configuration that it was made by; empty if it was made otherwise."""
    executor: Executor | None = None
    labels: Iterable[str] | None = None
    on_start: Callback | None = None
    on_exit: Callback | None = None
    metadata: dict[str, Any] | None = None

    def __init_subclass__(cls, **more: Any) -> None:
        super().__init_subclass__(**more)
        warn_of_methods(cls, Environment)

    def __post_init__(self) -> None:
        """Check every setting's type; subclasses add checks of their own and call this."""
        name = type(self).__name__
        check_executor(self.executor)
        for one in settings_of(type(self)):
            hidden = isinstance(self.__dict__.get(one.name), Secret)  # and so a text
            if one.name not in ("executor", "labels") and not hidden:
                value = getattr(self, one.name)
                called = f"{name} {one.name}"
                check_type(value, one.annotation, called, secret=one.secret, hint=one.reminder)
        if dataclasses.is_dataclass(self):
            hide_secrets(self)
        self.labels = Labels.of(self.labels, f"{name} labels")
        self.metadata = dict(self.metadata or {})
        self._is_checked = True

    def check_is_checked(self) -> None:
        """Check that the settings' types were checked when the environment was made.

        Raises:
            PluginError: if a subclass has a `__post_init__` of its own that calls no other.
        """
        if not getattr(self, "_is_checked", False):
            raise PluginError(
                f"{type(self).__name__}.__post_init__ leaves out the checks that all "
                "environments share.",
                hint="Begin it with super().__post_init__().",
            )

    def own_copy(self) -> Self:
        """The same environment for one run: what hooks change in it changes no other.

        Secrets are kept, and objects such as the executor are the same.
        """
        from flowenv.serialization.plain_data import own_copy

        made = object.__new__(type(self))
        made.__dict__.update({name: own_copy(value) for name, value in self.__dict__.items()})
        return made

    # -- what a backend may say about itself --------------------------------------------

    def variables(self, target: Target) -> Mapping[str, Value]:
        """The environment's own variables for a container; the user's spec file wins over them."""
        return {}

    def contract_values(self, flow_run: FlowRun) -> Mapping[str, Value]:
        """Values of contract variables that only this environment knows, e.g. the namespace."""
        return {}

    def expanded(self, merged: Merged, values: Mapping[str, str]) -> Mapping[str, str]:
        """What a container sees of its variables, where the platform changes what is written.

        By default what is given. A platform that resolves references in the user's own spec
        file says here how, so that a rehearsal does as it does.

        Args:
            merged: the container's variables.
            values: their values in the clear, as far as they are known here.
        """
        return values

    @property
    def place(self) -> str:
        """Where its runs are, so that one place of a backend can be told from another.

        A cluster and a namespace, a region; the same text for all environments that look at the
        same runs.
        """
        return ""

    def needs_image(self) -> bool:
        """True if a run needs an image from the flow, the environment or the configuration.

        By default what the capabilities say; False where the user's own spec names one.
        """
        return self.capabilities.image

    def can_bring_runtime(self) -> bool:
        """False where something is missing for flowenv to travel with a run, such as a store.

        Only for backends whose capabilities say that it can. Where nobody has chosen, it must be
        in the image then.
        """
        return True

    @property
    def ships_runtime(self) -> bool:
        """Whether flowenv travels with a run: the setting, else the configuration, else if it can.

        Raises:
            ConfigurationError: if the configuration can't be read.
        """
        if not self.capabilities.runtime:
            return False
        from flowenv.settings.configuration import configuration

        chosen = getattr(self, "runtime", None) or configuration().runtime
        return chosen == "shipped" if chosen else self.can_bring_runtime()

    @property
    def instead_of_image(self) -> str:
        """What helps besides where a run needs an image and none is set: the end of a hint."""
        return ""

    @property
    def instead_of_find(self) -> str:
        """What there is where a platform can't list runs: a hint."""
        return ""

    @property
    def instead_of_delete(self) -> str:
        """What goes by itself and when, on a platform that can't delete a run: a hint."""
        return ""

    @property
    def default_image(self) -> str | None:
        """The image of runs that name none: Python alone, of this process's own minor version.

        None where flowenv doesn't travel with a run, or the backend itself must be in the image.
        """
        if not self.ships_runtime or self.capabilities.backend_in_image:
            return None
        return f"python:{sys.version_info.major}.{sys.version_info.minor}-slim"

    @property
    def spec_image(self) -> str | None:
        """The image in the user's own spec file; metadata and the flow's own win over it."""
        return None

    def validate_spec(self, spec: Mapping[str, Any], flow_run: FlowRun) -> None:
        """Check a finished spec, after all plugins have changed it, before anything is sent.

        Raises:
            SpecError: if the platform would refuse it.
        """

    # -- what users call ----------------------------------------------------------------

    def setup(self, flow: Flow[..., Any]) -> None:
        """Set up the infrastructure that runs of this flow need; again makes no difference.

        Args:
            flow: the flow.

        Raises:
            FlowenvError: if the spec is wrong or the platform refuses it.
        """
        from flowenv.submission import lifecycle

        lifecycle.setup(flow, self)

    def execute(self, flow: Flow[..., Any], **parameters: Any) -> FlowRun:
        """Run the flow in this environment; includes `setup`.

        Args:
            flow: the flow.
            **parameters: the flow's parameters.

        Returns:
            The run, submitted; in the local process it is over.

        Raises:
            FlowenvError: before anything was submitted if the input is wrong, or if the
                platform refuses the run.
        """
        from flowenv.submission import lifecycle

        return lifecycle.execute(flow, self, parameters)

    def run(self, flow: Flow[..., Any], **parameters: Any) -> Any:
        """Run the flow from this process: what the flow's container does, done here.

        For a Dask environment the cluster is made where it says, and the flow's own code
        runs here.

        Args:
            flow: the flow.
            **parameters: the flow's parameters.

        Returns:
            The flow's result; its exceptions come through.
        """
        from flowenv.submission import lifecycle

        return lifecycle.run_here(flow, self, parameters)

    # -- data ---------------------------------------------------------------------------

    def serialize(self, encoder: Encoder | None = None) -> dict[str, Any]:
        """The environment as JSON data, without secrets.

        Args:
            encoder: encodes the executor and callbacks; by default a fresh one.

        Raises:
            PayloadError: if a callback or executor can neither be named nor pickled.
        """
        from flowenv._version import __version__
        from flowenv.serialization.encoding import Encoder

        encoder = encoder or Encoder()
        data: dict[str, Any] = {"__version__": __version__, "type": self.backend}
        for name in self._serialized():
            value = getattr(self, name)
            value = list(value) if isinstance(value, Labels) else value
            data[name] = encoder.encode(value, f"{type(self).__name__}.{name}")
        return data

    @staticmethod
    def deserialize(data: Mapping[str, Any]) -> Environment:
        """The environment that `serialize` gave the data of; its backend must be installed.

        Raises:
            BackendNotFound: if it isn't.
            ConfigurationError: if the data isn't an environment's.
        """
        from flowenv.submission import lifecycle

        return lifecycle.deserialize(data)

    @classmethod
    def from_serialized(cls, data: Mapping[str, Any]) -> Environment:
        """An environment of this class from `serialize` data."""
        from flowenv.serialization.encoding import decode

        known = {one.name for one in settings_of(cls)}
        settings = {n: v for n, v in data.items() if n not in ("__version__", "type")}
        for name in settings:
            if name not in known:
                raise ConfigurationError(
                    f"{cls.__name__} has no setting {name!r}.", hint=nearest(name, known)
                )
        return cls(**{name: decode(value) for name, value in settings.items()})

    def _serialized(self) -> list[str]:
        if not dataclasses.is_dataclass(self):
            raise SettingError(f"{type(self).__name__} must be a dataclass.")
        keywords = ["kwargs"] if self.takes_any_setting else []
        meant = [*keywords, "configured_as"]  # whose place is where the run is submitted
        warn_of_attributes(self, [*meant, *(f.name for f in fields_of(type(self)))])
        return [f.name for f in fields_of(type(self)) if f.metadata.get("serialized", True)]

    def __getstate__(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self._serialized()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        defaults = {one.name: one.default for one in settings_of(type(self))}
        self.__dict__.update({**defaults, **state, "_is_checked": True})
        if dataclasses.is_dataclass(self):
            hide_secrets(self)

    def __repr__(self) -> str:
        shown: list[str] = []
        kind: type = type(self)
        fields = fields_of(kind) if dataclasses.is_dataclass(kind) else []
        for field in fields:
            value = getattr(self, field.name, None)
            if value is None or value is field.default or _is_default(value, field.default):
                continue
            secret = field.metadata.get("secret") or not field.metadata.get("serialized", True)
            shown.append(f"{field.name}={'***' if secret else repr(value)}")
        return f"{type(self).__name__}({', '.join(shown)})"


def _is_default(value: object, default: object) -> bool:
    """True for plain values that say nothing; others may have a comparison of their own."""
    if isinstance(value, list | dict | Labels):
        return not value
    return isinstance(value, str | int | float) and value == default
