"""Runs of one flow in one environment, checked and prepared; nothing is built or sent yet."""

from __future__ import annotations

import datetime
import functools
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from flowenv.environments.environment import Environment
from flowenv.environments.labels import Labels
from flowenv.flows.definition import Flow
from flowenv.flows.importing import check_not_importing
from flowenv.registry.registry import registry
from flowenv.registry.required_plugins import check_required
from flowenv.registry.settings_of_plugins import check_plugin_settings
from flowenv.runs.flow_run import FlowRun
from flowenv.runs.identity import DRAFT_ID
from flowenv.runs.submitter import submitter
from flowenv.serialization.plain_data import own_copy
from flowenv.settings.configuration import configuration
from flowenv.submission.configured_variables import checked_variables
from flowenv.submission.container_process import process_of
from flowenv.submission.named_environments import as_environment
from flowenv.submission.prepared import Prepared
from flowenv.submission.process_variables import variables_here

if TYPE_CHECKING:
    from flowenv.payload.packing import Packing


def environment_of(flow: Flow[..., Any], environment: Environment | str | None) -> Environment:
    """The environment given, else the flow's own, else the configured or the local one.

    Raises:
        BackendNotFound: if nothing has that name.
        SettingError: if it is no Environment, and no name of one.
    """
    return as_environment(environment if environment is not None else flow.environment)


class Preparation:
    """What is looked up and checked once for all runs of a flow in an environment.

    Args:
        flow: the flow.
        environment: where to run it, or the name of a configured environment or a backend; by
            default the flow's own. Each run has a copy of its own.
        variables: variables for the runs' containers, over the configured ones.
        packing: packs the runs, if they are a batch's.

    Raises:
        PluginError: if the backend or a required plugin can't be loaded.
        ConfigurationError: if what is configured for a plugin is wrong.
        RunWhileImporting: if the flow's own module is just being imported.
    """

    def __init__(
        self,
        flow: Flow[..., Any],
        environment: Environment | str | None,
        variables: Mapping[str, Any],
        packing: Packing | None = None,
    ) -> None:
        check_required(registry())
        check_not_importing(flow)
        chosen = environment_of(flow, environment)
        chosen.check_is_checked()
        self._flow = flow
        self._environment = chosen
        self._hooks = registry().hooks(chosen.backend)
        check_plugin_settings(self._hooks, registry())
        self._variables = checked_variables(variables)
        self._packing = packing
        self._submitter = submitter()
        self._shown_parameters = None if configuration().show_parameters else dict[str, str]()

    def run(
        self,
        parameters: Mapping[str, Any],
        labels: Sequence[str] = (),
        *,
        draft: bool = False,
        is_preview: bool = False,
    ) -> Prepared:
        """Prepare one run; the arguments are those of `prepare`.

        Raises:
            ParameterError: if the parameters don't fit the flow's signature.
        """
        environment = self._environment.own_copy()
        checked = parameters if draft else self._flow.check(parameters)
        run = FlowRun(
            environment,
            id=DRAFT_ID if draft else str(uuid.uuid4()),
            flow_name=self._flow.name,
            flow=self._flow,
            parameters=own_copy(checked),  # what hooks do to them, they don't do to the caller's
            labels=_all_labels(environment, labels),
            created=None if draft else datetime.datetime.now(datetime.UTC),
            hooks=self._hooks,
            submitter="" if draft else self._submitter,
            shown_parameters=self._shown_parameters,
        )
        run.is_preview = is_preview
        run.variables = dict(self._variables)
        process = process_of(run, self._hooks, self._packing)
        run.surroundings = functools.partial(variables_here, run, self._hooks, process.variables)
        return Prepared(run, self._hooks, process)


def _all_labels(environment: Environment, labels: Iterable[str]) -> tuple[str, ...]:
    """The environment's labels, to which somebody may have added, then the run's own."""
    own = Labels.of(environment.labels, f"{type(environment).__name__} labels")
    Labels.of(labels, "labels")
    return tuple(dict.fromkeys([*own, *labels]))
