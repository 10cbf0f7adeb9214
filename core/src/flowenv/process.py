"""What the flow's container runs, independent of the platform."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from flowenv import contract
from flowenv.configuration import configuration
from flowenv.contract import Target
from flowenv.secret import Secret
from flowenv.variables import Layer, Value, Variables, checked

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
        values = self._contract_values(environment.contract.get(target, ()))
        logging = {n: v for n, v in values.items() if n in contract.LOGGING}
        others = {n: v for n, v in values.items() if n not in logging}
        configured = configuration().env.items()
        layers = [
            *self._token_layer(target),
            Layer("contract logging", logging),
            Layer("configuration", {n: v for n, v in configured if n not in {*others, *_SECRET}}),
            Layer("environment", checked(environment.variables(target), "The environment")),
            Layer("contract", others, above_file=True),
        ]
        hooked = self._hooks.each(
            "flowenv_environment_variables", environment=environment, flow_run=run, target=target
        )
        for name, call in hooked:
            if given := call():
                layers.append(Layer(name, checked(given, name), True, True))
        return layers

    def _contract_values(self, names: Sequence[str]) -> dict[str, Value]:
        """The contract's variables but for secrets; configuration wins over the defaults."""
        run, environment = self._flow_run, self._flow_run.environment
        known: dict[str, Value] = {
            **contract.DEFAULTS,
            contract.IMAGE: run.image or "",
            **environment.contract_values(run),
            **{n: v for n, v in configuration().env.items() if n in names},
            contract.FLOW_RUN_ID: run.id,  # an id is of one run: nobody can configure it
        }
        return {name: known.get(name, "") for name in names if name not in _SECRET}

    def _token_layer(self, target: Target) -> Iterator[Layer]:
        """The auth token, as a layer that is named after who gives it."""
        names = self._flow_run.environment.contract.get(target, ())
        if contract.AUTH_TOKEN in names and target is Target.FLOW:
            token, giver = self._token
            # without a token there is nothing that could win over the user's own
            values = checked({contract.AUTH_TOKEN: token or ""}, giver)
            yield Layer(giver, values, above_file=token is not None)

    @functools.cached_property
    def _token(self) -> tuple[Secret | None, str]:
        """The auth token and who gives it; even from `[env]` it comes as a secret."""
        token, giver = self._hooks.find_secret(contract.AUTH_TOKEN_SECRET)
        if token is None and (text := configuration().env.get(contract.AUTH_TOKEN)):
            token = Secret(text)
        return token, giver if giver.startswith(("plugin ", "backend ")) else "contract"
