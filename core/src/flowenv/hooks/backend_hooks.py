"""One backend's hooks: a pluggy manager with the core's and all plugins' implementations."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pluggy

from flowenv.answers.checked import RAISED, blamed, failed
from flowenv.errors import FlowenvError, PluginError
from flowenv.execution.running import Returned
from flowenv.hooks import specs as hookspecs
from flowenv.hooks.checks import (
    check_arguments,
    check_no_wrappers,
    check_replaces_nothing,
    explain_misfit,
)
from flowenv.hooks.ignored import check_ignores_nothing
from flowenv.results.output_folder import output_folder
from flowenv.secret import Secret

if TYPE_CHECKING:
    from flowenv.hooks.notifications import Notifier
    from flowenv.runs.flow_run import FlowRun
    from flowenv.states import Status


_TOLD_OTHERWISE = ("flowenv_run_flow", "flowenv_state_changed")
"""Hooks whose exceptions are the flow's own, or are logged with the plugin's name."""


@dataclass(frozen=True)
class LoadedPlugin:
    """A plugin that is registered with every backend.

    Args:
        name: how messages name it.
        module: its module.
        required_by: who requires it; empty if nobody does.
        is_local: True for a module or file that somebody has named, which no distribution brings.
    """

    name: str
    module: ModuleType
    required_by: str = ""
    is_local: bool = False


class BackendHooks:
    """The hooks of one backend, with the core's and all plugins' implementations.

    Args:
        name: the backend's name.
        backend: its module; None for what needs no backend.
        plugins: the plugins for every backend.
        distribution: the backend's distribution and its version; empty if it isn't known.

    Attributes:
        owner: the backend and its distribution, as messages name them.
        asked_for: the names of the secrets that somebody has asked for.
        with_entry_points: `backend ssh` and `plugin acme`, whose names are their entry points'.
    """

    def __init__(
        self,
        name: str,
        backend: ModuleType | None,
        plugins: Sequence[LoadedPlugin],
        distribution: str = "",
    ):
        from flowenv.hooks import core_hooks

        self.name = name
        self.asked_for: set[str] = set()
        self.owner = f"The backend {name}" + (f" of {distribution}" if distribution else "")
        self.manager = pluggy.PluginManager("flowenv")
        self.manager.add_hookspecs(hookspecs)
        # pluggy calls the last registered first
        if backend is not None:
            own = LoadedPlugin(self.owner, backend)
            register(self.manager, _naming_failures(own, is_backend=True), f"backend {name}")
        register(self.manager, core_hooks, "core")
        for plugin in plugins:
            register(self.manager, _naming_failures(plugin), plugin.name)
        self.hook = self.manager.hook
        installed = [plugin.name for plugin in plugins if not plugin.is_local]
        self.with_entry_points = frozenset((f"backend {name}", *installed))
        self._notifiers: dict[str, Notifier] = {}

    def each(self, hook: str, **arguments: Any) -> Iterator[tuple[str, Callable[[], Any]]]:
        """A hook's implementations one by one: name, and the call that runs it.

        In the order in which contributions are merged, so that the last one wins: backend,
        core, installed, local; `tryfirst` before and `trylast` after all others.
        """
        for found in sorted(getattr(self.hook, hook).get_hookimpls(), key=self._place):
            given = [arguments[name] for name in found.argnames]
            yield found.plugin_name, functools.partial(found.function, *given)

    def claimed(self, capability: str, hook: str, **arguments: Any) -> Any:
        """What a hook gives that the backend's capabilities claim.

        Args:
            capability: the capability's name: `find`.
            hook: the hook's name: `flowenv_find_runs`.
            **arguments: the hook's arguments.

        Raises:
            PluginError: if nobody implements it, or it gives None.
        """
        caller = getattr(self.hook, hook)
        found = caller(**arguments)
        if found is None:
            lacks = f"its {hook} gives None" if caller.get_hookimpls() else f"implements no {hook}"
            raise PluginError(
                f"{self.owner} claims {capability}, but {lacks}.",
                hint=f"Mend the hook, or leave {capability} out of the capabilities.",
            )
        return found

    def _place(self, found: pluggy.HookImpl) -> tuple[int, int]:
        registered = [name for name, _ in self.manager.list_name_plugin()]
        return found.trylast - found.tryfirst, registered.index(found.plugin_name)

    def find_secret(self, name: str, *, is_preview: bool = False) -> tuple[Secret | None, str]:
        """A named secret from the first who has it, and who that is.

        Args:
            name: what `flowenv_get_secret` is asked for.
            is_preview: True if a run is only shown.

        Returns:
            The secret, also where a plugin gave a text, and `plugin acme`, `backend k8s` or
            `core`; None and an empty string if nobody has it.

        Raises:
            PluginError: if somebody gives anything else.
        """
        self.asked_for.add(name)
        given = {"name": name, "is_preview": is_preview}
        # asked as pluggy asks for a first result
        for one in reversed(self.hook.flowenv_get_secret.get_hookimpls()):
            giver = one.plugin_name
            found = one.function(*(given[argument] for argument in one.argnames))
            if isinstance(found, str) and found:
                found = Secret(found)
            if isinstance(found, Secret):
                return found, giver
            if found is not None and found != "":
                raise PluginError(
                    f"{giver} gives {type(found).__name__} for the secret {name}.",
                    hint="flowenv_get_secret returns a Secret, a string, or None if it has none.",
                )
        return None, ""

    def run_flow(self, flow_run: FlowRun) -> Any:
        """Let `flowenv_run_flow` run the flow, and return the flow's result.

        Raises:
            PluginError: if the hook that ran it gave anything but `Returned`.
        """
        with output_folder(flow_run):
            answer = self.hook.flowenv_run_flow(environment=flow_run.environment, flow_run=flow_run)
        return _returned(answer, self._wrappers_of_run_flow() or self.owner)

    def _wrappers_of_run_flow(self) -> str:
        """Who else than the backend may have given what `flowenv_run_flow` gave."""
        found = self.hook.flowenv_run_flow.get_hookimpls()
        return " or ".join(one.plugin_name for one in found if one.wrapper or one.hookwrapper)

    def notify(self, flow_run: FlowRun, status: Status) -> None:
        """Have the plugins told of a change of state; none of them can hurt the run.

        They are told from threads of their own, and of a copy of the run as it is now.
        """
        told = flow_run.as_of(status)
        arguments = {"flow_run": told, "status": status}
        for name, call in self.each("flowenv_state_changed", **arguments):
            from flowenv.hooks.notifications import Notifier, tell

            notifier = self._notifiers.setdefault(name, Notifier(name))
            tell(notifier, call, is_end=status.state.is_final)


def register(manager: pluggy.PluginManager, module: ModuleType, name: str) -> None:
    """Register a module's hook implementations, or leave no trace of it.

    Raises:
        PluginError: if it doesn't fit: another API version, an unknown hook, an argument
            that the hook doesn't have or that never gets a value.
    """
    wanted = getattr(module, "flowenv_api_version", hookspecs.API_VERSION)
    if not isinstance(wanted, int):
        raise PluginError(
            f"{name} has flowenv_api_version = {wanted!r}, which is no version of the hooks.",
            hint=f"Write the number: flowenv_api_version = {hookspecs.API_VERSION}",
        )
    if wanted != hookspecs.API_VERSION:
        newer = wanted > hookspecs.API_VERSION
        raise PluginError(
            f"{name} is written for version {wanted} of flowenv's hooks; this flowenv has "
            f"version {hookspecs.API_VERSION}.",
            hint=f"Upgrade {'flowenv' if newer else name}.",
        )
    try:
        manager.register(module, name)
        manager.check_pending()
        check_no_wrappers(manager, module)
        check_arguments(module, name)
        check_ignores_nothing(module, name)
    except (pluggy.PluginValidationError, PluginError) as error:
        if manager.is_registered(module):
            manager.unregister(module)
        if isinstance(error, PluginError):
            raise
        why = explain_misfit(error, module)
        raise PluginError(f"{name} doesn't fit the hooks: {why}") from error


def _returned(answer: object, owner: str) -> Any:
    if not isinstance(answer, Returned):
        raise PluginError(
            f"{owner} gave {answer!r} in flowenv_run_flow, which is no result of a flow.",
            hint="flowenv_run_flow returns flowenv.plugin.Returned(result); a wrapper what it got.",
        )
    return answer.value


def _naming_failures(plugin: LoadedPlugin, is_backend: bool = False) -> ModuleType:
    """A module whose hooks raise what says whose they are; wrappers stay as they are."""
    named = ModuleType(plugin.module.__name__)
    for attribute, value in vars(plugin.module).items():
        mark = getattr(value, "flowenv_impl", {}) if inspect.isroutine(value) else {}
        hook = mark.get("specname") or attribute
        if mark and not (mark["wrapper"] or mark["hookwrapper"]):
            if hook == "flowenv_run_flow":
                value = _checking_result(value, plugin.name)
            elif hook not in _TOLD_OTHERWISE:
                value = (_naming_backend if is_backend else _naming)(value, plugin, hook)
        setattr(named, attribute, value)
    return named


def _checking_result(function: Callable[..., Any], owner: str) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*arguments: Any) -> Any:
        answer = function(*arguments)  # what it raises is the flow's own
        if answer is not None:
            _returned(answer, owner)
        return answer

    return call


def _naming_backend(
    function: Callable[..., Any], backend: LoadedPlugin, hook: str
) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*arguments: Any) -> Any:
        with blamed(backend.name, hook):
            return function(*arguments)

    return call


def _naming(function: Callable[..., Any], plugin: LoadedPlugin, hook: str) -> Callable[..., Any]:
    required = plugin.required_by and f"Mend it: {plugin.required_by} requires it."

    @functools.wraps(function)
    def call(*arguments: Any) -> Any:
        from flowenv.hooks.slowness import named_if_slow

        try:
            with named_if_slow(plugin.name, hook):
                return function(*arguments)
        except FlowenvError:  # what the plugin has to say, such as a refusal
            raise
        except RAISED as error:
            if frames := error.__traceback__:
                error.__traceback__ = frames.tb_next  # the plugin's own part
            hint = required or "Mend it, or leave the plugin out."
            raise failed(plugin.name, hook, error, hint) from error

    return call


def try_out(module: ModuleType, name: str) -> None:
    """Register a plugin with a manager of its own, so that a wrong one harms no other.

    Raises:
        PluginError: if it doesn't fit.
    """
    manager = pluggy.PluginManager("flowenv")
    manager.add_hookspecs(hookspecs)
    register(manager, module, name)
    check_replaces_nothing(module, name)
