"""What the flow's container runs, independent of the platform."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from flowenv import contract
from flowenv.configuration import configuration
from flowenv.contract import Target
from flowenv.secret import Secret
from flowenv.variables import Layer, Value, Variables

if TYPE_CHECKING:
    from flowenv.flow_run import FlowRun
    from flowenv.registry import BackendHooks

COMMAND = ("/bin/sh", "-c", "exec python -c 'import flowenv; flowenv.load_and_run_flow()'")
"""The container's command. `exec`, because a shell as process 1 swallows SIGTERM."""

PAYLOAD_FILE = "payload.json"


class Process:
    """What the flow's container runs: a command, variables, and the payload's files.

    Everything is made when it is first asked for, so a backend that runs the flow in this
    process pays for none of it.

    Attributes:
        command: the command and its arguments.
    """

    command: tuple[str, ...] = COMMAND

    def __init__(self, flow_run: FlowRun, hooks: BackendHooks) -> None:
        self._flow_run = flow_run
        self._hooks = hooks
        self.variables = Variables(self._layers)

    @functools.cached_property
    def files(self) -> dict[str, bytes]:
        """The payload's files by name; the container finds them through `FLOWENV_PAYLOAD`.

        Raises:
            PayloadError: if something of the flow can't be sent to another process.
        """
        from flowenv.payload import pack

        return {PAYLOAD_FILE: pack(self._flow_run)}

    def _layers(self, target: Target) -> Sequence[Layer]:
        run, environment = self._flow_run, self._flow_run.environment
        names = environment.contract.get(target, ())
        values = self._contract_values(names, target)
        logging = {n: v for n, v in values.items() if n in contract.LOGGING}
        others = {n: v for n, v in values.items() if n not in contract.LOGGING}
        configured = {n: v for n, v in configuration().env.items() if n not in others}
        layers = [
            Layer("contract logging", logging),
            Layer("configuration", configured),
            Layer("environment", environment.variables(target)),
            Layer("contract", others, above_file=True),
        ]
        hooked = self._hooks.each(
            "flowenv_environment_variables", environment=environment, flow_run=run, target=target
        )
        for name, call in hooked:
            if given := call():
                layers.append(Layer(name, _checked(given, name), True, True))
        return layers

    def _contract_values(self, names: Sequence[str], target: Target) -> dict[str, Value]:
        """The contract's variables for a target; configuration wins over the defaults."""
        run, environment = self._flow_run, self._flow_run.environment
        known: dict[str, Value] = {
            **contract.DEFAULTS,
            contract.FLOW_RUN_ID: run.id,
            contract.IMAGE: run.image or "",
            **environment.contract_values(run),
            **{n: v for n, v in configuration().env.items() if n in names},
        }
        values = {name: known.get(name, "") for name in names if name != contract.AUTH_TOKEN}
        if contract.AUTH_TOKEN in names and target is not Target.SIDECAR:
            values[contract.AUTH_TOKEN] = self.token or ""
        return values

    @functools.cached_property
    def token(self) -> Secret | None:
        """The auth token, if anybody provides one."""
        found = self._hooks.hook.flowenv_get_secret(name=contract.AUTH_TOKEN_SECRET)
        return Secret(found) if isinstance(found, str) else found


def _checked(given: Mapping[str, Value], name: str) -> Mapping[str, Value]:
    from flowenv.errors import PluginError

    for variable, value in given.items():
        if not isinstance(variable, str) or not isinstance(value, str | Secret | None):
            raise PluginError(
                f"{name} gives {type(value).__name__} for the variable {variable}.",
                hint="A variable is a string, a Secret, or None to remove it.",
            )
    return given
