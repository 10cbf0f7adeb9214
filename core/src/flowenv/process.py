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

_SECRET = frozenset({contract.AUTH_TOKEN})


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
        values = self._contract_values(environment.contract.get(target, ()), target)
        logging = {n: v for n, v in values.items() if n in contract.LOGGING}
        # without a token there is nothing that could win over the user's own
        empty = {n: v for n, v in values.items() if n in _SECRET and not v}
        others = {n: v for n, v in values.items() if n not in {*logging, *empty}}
        configured = configuration().env.items()
        layers = [
            Layer("contract", empty),
            Layer("contract logging", logging),
            Layer("configuration", {n: v for n, v in configured if n not in {*others, *_SECRET}}),
            Layer("environment", _checked(environment.variables(target), "The environment")),
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
            contract.IMAGE: run.image or "",
            **environment.contract_values(run),
            **{n: v for n, v in configuration().env.items() if n in names},
            contract.FLOW_RUN_ID: run.id,  # an id is of one run: nobody can configure it
        }
        values = {name: known.get(name, "") for name in names if name != contract.AUTH_TOKEN}
        if contract.AUTH_TOKEN in names and target is not Target.SIDECAR:
            values[contract.AUTH_TOKEN] = self.token or ""
        return values

    @functools.cached_property
    def token(self) -> Secret | None:
        """The auth token, if anybody provides one; even from `[env]` it comes as a secret."""
        found = self._hooks.hook.flowenv_get_secret(name=contract.AUTH_TOKEN_SECRET)
        found = found or configuration().env.get(contract.AUTH_TOKEN) or None
        return Secret(found) if isinstance(found, str) else found


def _checked(given: Mapping[str, Value], name: str) -> Mapping[str, Value]:
    from flowenv.errors import PluginError

    if not isinstance(given, Mapping):
        raise PluginError(
            f"{name} gives {type(given).__name__} for the variables.",
            hint="Give a mapping of names to values.",
        )
    for variable, value in given.items():
        if not isinstance(variable, str) or not isinstance(value, str | Secret | None):
            raise PluginError(
                f"{name} gives {type(value).__name__} for the variable {variable}.",
                hint="A variable is a string, a Secret, or None to remove it.",
            )
    return given
