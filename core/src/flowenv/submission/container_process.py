"""The command, variables and payload of a run's container: what wins over what."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from flowenv import contract
from flowenv.answers.checked import blamed
from flowenv.contract import Target
from flowenv.contract.process import Process, Runtime
from flowenv.contract.variables import THIS_PROCESS, Layer, Value, checked
from flowenv.secret import Secret
from flowenv.settings.configuration import configuration, contract_variables_here
from flowenv.submission.configured_variables import (
    ConfiguredVariables,
    configured_secrets,
    of_environment,
    of_run,
)

if TYPE_CHECKING:
    from flowenv.hooks.backend_hooks import BackendHooks
    from flowenv.payload.packing import Packing
    from flowenv.runs.flow_run import FlowRun

_SECRET = frozenset({contract.AUTH_TOKEN})


def process_of(flow_run: FlowRun, hooks: BackendHooks, packing: Packing | None = None) -> Process:
    """What the container of a run runs.

    Args:
        flow_run: the run.
        hooks: its backend's hooks, which may add variables.
        packing: packs it, if it is one of many that share their flow.
    """
    from flowenv.payload.packing import pack

    def ship() -> Runtime:
        from flowenv.payload.runtime import shipped_runtime

        return shipped_runtime(environment.shipped)

    def require() -> Sequence[str]:
        return flow_run.requirements

    environment = flow_run.environment
    layers = VariableLayers(flow_run, hooks).of
    shipped = ship if environment.ships_runtime else None
    if packing is None:
        return Process(layers, lambda: pack(flow_run), shipped, require)
    whole, in_parts = packing.whole, packing.in_parts
    return Process(layers, lambda: whole(flow_run), shipped, require, lambda: in_parts(flow_run))


class VariableLayers:
    """The layers of variables of a run's containers."""

    def __init__(self, flow_run: FlowRun, hooks: BackendHooks, *, with_token: bool = True) -> None:
        self._with_token = with_token
        self._flow_run = flow_run
        self._hooks = hooks
        self._known_secrets: dict[str, Mapping[str, Value]] = {}

    def of(self, target: Target) -> Sequence[Layer]:
        """The layers for one kind of container, later wins."""
        run, environment = self._flow_run, self._flow_run.environment
        known = self._facts()
        values = self._contract_values(environment.contract.get(target, ()), known)
        logging = {n: v for n, v in values.items() if n in contract.LOGGING}
        others = {n: v for n, v in values.items() if n not in logging}
        configured = configuration().env.items()
        named, given = of_environment(environment), of_run(run)
        here = {n: v for n, v in contract_variables_here().items() if n not in known}
        layers = [
            *self._token_layer(target),
            Layer("contract logging", logging),
            Layer("configuration", {n: v for n, v in configured if n not in {*others, *_SECRET}}),
            Layer("configuration", self._secrets),
            Layer(
                named.layer,
                {n: v for n, v in named.plain.items() if n not in {*others, *_SECRET}},
            ),
            Layer(named.layer, self._secrets_of(named)),
            Layer(THIS_PROCESS, {n: v for n, v in here.items() if n not in others}),
            Layer("environment", self._of_environment(target)),
            Layer("contract", others, above_file=True),
            Layer(THIS_PROCESS, {n: v for n, v in here.items() if n in others}, above_file=True),
            Layer(given.layer, given.plain, True, True),
            Layer(given.layer, self._secrets_of(given), True, True),
        ]
        hooked = self._hooks.each(
            "flowenv_environment_variables", environment=environment, flow_run=run, target=target
        )
        for name, call in hooked:
            if given := call():
                layers.append(Layer(name, checked(given, name), True, True))
        return layers

    def _of_environment(self, target: Target) -> Mapping[str, Value]:
        environment = self._flow_run.environment
        with blamed(self._hooks.owner, f"{type(environment).__name__}.variables"):
            given = environment.variables(target)
        return checked(given, "The environment")

    def _facts(self) -> dict[str, Value]:
        """What is so for this run, whatever is configured: its id, its image, where it goes."""
        run = self._flow_run
        with blamed(self._hooks.owner, f"{type(run.environment).__name__}.contract_values"):
            given = dict(run.environment.contract_values(run))
        known = {contract.IMAGE: run.image, **given}
        return {**{n: v for n, v in known.items() if v}, contract.FLOW_RUN_ID: run.id}

    def _contract_values(
        self, names: Sequence[str], facts: Mapping[str, Value]
    ) -> dict[str, Value]:
        """The contract's variables but for secrets; configuration wins over the defaults."""
        known = {**contract.DEFAULTS, **self._configured, **facts}
        return {name: known.get(name, "") for name in names if name not in _SECRET}

    @property
    def _configured(self) -> Mapping[str, str]:
        """The configured variables that are texts: for all runs, over them the environment's."""
        return {**configuration().env, **of_environment(self._flow_run.environment).plain}

    def _token_layer(self, target: Target) -> Iterator[Layer]:
        """The auth token, as a layer that is named after who gives it."""
        names = self._flow_run.environment.contract.get(target, ())
        if self._with_token and contract.AUTH_TOKEN in names and target is Target.FLOW:
            token, giver = self._token
            # without a token there is nothing that could win over the user's own
            values = checked({contract.AUTH_TOKEN: token or ""}, giver)
            yield Layer(giver, values, above_file=token is not None)

    @functools.cached_property
    def _secrets(self) -> Mapping[str, Value]:
        """The configured variables that are secrets."""
        return configured_secrets(self._hooks, is_preview=self._flow_run.is_preview)

    def _secrets_of(self, variables: ConfiguredVariables) -> Mapping[str, Value]:
        if variables.layer not in self._known_secrets:
            is_preview = self._flow_run.is_preview
            found = variables.secrets(self._hooks, is_preview=is_preview)
            self._known_secrets[variables.layer] = found
        return self._known_secrets[variables.layer]

    @functools.cached_property
    def _token(self) -> tuple[Secret | None, str]:
        """The auth token and who gives it; even from `[env]` it comes as a secret."""
        is_preview = self._flow_run.is_preview
        token, giver = self._hooks.find_secret(contract.AUTH_TOKEN_SECRET, is_preview=is_preview)
        if token is None and (text := self._configured.get(contract.AUTH_TOKEN)):
            token = Secret(text)
        return token, giver if giver.startswith(("plugin ", "backend ")) else "contract"
