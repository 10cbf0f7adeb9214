"""Builds the requests: environment and run become plain data. No network, no clock.

    {"task_definition": {…}, "run_task": {…}, "payload": {…}, "common": {…}, "runtime": {…}}

`task_definition` is absent where an existing one is run, `payload` where the payload fits into
the run's overrides whatever URLs come there, `common` where the run shares no part of it with
others of a batch, `runtime` where flowenv is in the image. These three lie below `place`, in a
folder of the account and the cluster, which are only known when the run is submitted.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, Protocol

from flowenv.errors import SpecError
from flowenv.plugin import PAYLOAD_FILE, Marks, Target, contract, seal_of
from flowenv_fargate.spec import arguments as args
from flowenv_fargate.spec.definition.comparison import normalised
from flowenv_fargate.spec.definition.container_variables import divide, run_entries
from flowenv_fargate.spec.definition.entry_point import take_over
from flowenv_fargate.spec.definition.identity import (
    FLOW_CONTAINER,
    Definition,
    generated_family,
)
from flowenv_fargate.spec.definition.sizes import complete_size
from flowenv_fargate.spec.overrides import LIMIT, put_payload_inline, set_variable
from flowenv_fargate.spec.places import payload_place
from flowenv_fargate.spec.shapes import REGISTER, RUN, ParametersOf, Shape
from flowenv_fargate.spec.shared_objects import KINDS, LONGEST_URL, shared_part, shared_runtime
from flowenv_fargate.spec.tags import (
    CLUSTER,
    MARKS,
    client_token,
    cluster_tag,
    marks,
    run_tags,
    started_by,
)

if TYPE_CHECKING:
    from flowenv.plugin import FlowRun, Process

Overrides = list[dict[str, Any]]

_OWN = frozenset(
    {contract.PAYLOAD, contract.PAYLOAD_SEAL, contract.RUNTIME_FILE, contract.RUNTIME_DIGEST, MARKS}
)
"""The variables by which flowenv's own process in the container knows its run."""


class Settings(Protocol):
    """What the requests take from the environment."""

    launch_type: Literal["FARGATE", "EC2", "EXTERNAL"] | None
    log_group: str | None
    metadata: dict[str, Any] | None
    kwargs: dict[str, Any]


def build_spec(
    environment: Settings, flow_run: FlowRun, process: Process, parameters_of: ParametersOf
) -> dict[str, Any]:
    """The complete requests for one run.

    Args:
        environment: where the flow runs.
        flow_run: the run, or a draft.
        process: what the flow's container runs.
        parameters_of: knows what the operations take.

    Raises:
        SpecError: if what the user gave can't work.
    """
    spec: dict[str, Any] = {}
    if args.uses_existing(environment.kwargs):
        overrides = _overrides_of_existing(environment, process)
    else:
        shape = parameters_of(REGISTER)
        spec["task_definition"], overrides = _definition(environment, flow_run, process, shape)
    shape, definition = parameters_of(RUN), spec.get("task_definition")
    spec["run_task"] = _run_task(environment, flow_run, overrides, definition, shape)
    if process.runtime:
        spec["runtime"] = shared_runtime(environment, process, overrides[0])
    if not flow_run.is_draft:
        _add_payload(spec, environment, process)
    process.variables.note_own(_own(spec))
    return spec


def _own(spec: Mapping[str, Any]) -> dict[str, str]:
    """What flowenv itself tells the flow's container, shortened, for `flowenv explain`."""
    override = spec["run_task"]["overrides"]["containerOverrides"][0]
    own = {e["name"]: e["value"] for e in override["environment"] if e["name"] in _OWN}
    if (payload := str(own.get(contract.PAYLOAD, ""))).startswith("data:"):
        own[contract.PAYLOAD] = f"data:… ({len(payload):,} characters)"
    if stored := spec.get("payload"):
        own[contract.PAYLOAD] = f"data:…, or a signed URL of what is stored below {stored['place']}"
    for part, kind in KINDS.items():
        if stored := spec.get(part):
            own[kind.variable] = f"a signed URL of what is stored below {stored['place']}"
    return own


def _definition(
    environment: Settings, flow_run: FlowRun, process: Process, shape: Shape
) -> tuple[Definition, Overrides]:
    kwargs = environment.kwargs
    definition = args.for_operation(kwargs, shape)
    containers = definition.pop("containerDefinitions", None) or [{}]
    overrides = _user_overrides(kwargs)
    built = []
    for index, container in enumerate(containers):
        if not isinstance(container, dict):
            raise SpecError(f"containerDefinitions[{index}] must be a mapping.")
        target = Target.SIDECAR
        if index == 0:
            target = Target.FLOW
            container = _flow_container(container, environment, flow_run, process)
        divided = divide(container, process.variables, target)
        built.append(_with_variables(container, divided.environment, divided.secrets))
        _add_override(overrides, str(container.get("name", "")), divided.run, first=index == 0)
    definition["containerDefinitions"] = built
    definition = _with_defaults(definition, environment)
    family = kwargs.get("family")
    if not family:
        cluster = {"key": CLUSTER, "value": cluster_tag(kwargs.get("cluster"))}
        definition["tags"] = [*(definition.get("tags") or []), cluster]
        family = generated_family(flow_run.flow_name, definition)
    return {"family": family, **definition}, overrides


def _flow_container(
    container: dict[str, Any],
    environment: Settings,
    flow_run: FlowRun,
    process: Process,
) -> dict[str, Any]:
    """The user's first container as the flow's: with a name, the image and the command."""
    if container.get("firelensConfiguration"):
        raise SpecError(
            f"The first container, {container.get('name', 'without a name')}, is a log router "
            "(firelensConfiguration), and the first is the flow's.",
            hint="Put the flow's container before it.",
        )
    image = flow_run.image or container.get("image") or flow_run.require_image()
    flow = {"name": FLOW_CONTAINER, **take_over(container), "image": image}
    flow["command"] = list(process.image_command)  # a shipped one comes with the run
    has_role = "executionRoleArn" in environment.kwargs
    if "logConfiguration" not in flow and environment.log_group and has_role:
        # the region is the client's: it is filled in when the definition is registered
        options = {"awslogs-group": environment.log_group, "awslogs-stream-prefix": "flowenv"}
        flow["logConfiguration"] = {"logDriver": "awslogs", "options": options}
    return flow


def _with_variables(
    container: Mapping[str, Any], environment: Overrides, secrets: Overrides
) -> dict[str, Any]:
    result = {k: v for k, v in container.items() if k not in ("environment", "secrets")}
    if environment:
        result["environment"] = environment
    if secrets:
        result["secrets"] = secrets
    return result


def _with_defaults(definition: Definition, environment: Settings) -> Definition:
    """The definition with what Fargate (or EC2) needs and the user left out."""
    result, launch_type = normalised(definition), environment.launch_type
    arguments = environment.kwargs
    if args.runs_on_fargate(arguments, launch_type):
        is_open = args.runs_where_the_cluster_says(arguments, launch_type)
        result.setdefault("networkMode", "awsvpc")
        result.setdefault("requiresCompatibilities", ["EC2", "FARGATE"] if is_open else ["FARGATE"])
        result["cpu"], result["memory"] = complete_size(result.get("cpu"), result.get("memory"))
        return result
    chosen = args.launch_type_of(arguments, launch_type)
    result.setdefault("requiresCompatibilities", [chosen or "EC2"])
    sized = [c for c in result["containerDefinitions"] if "memory" in c or "memoryReservation" in c]
    if "memory" not in result and len(sized) < len(result["containerDefinitions"]):
        result["memory"] = complete_size(None, None)[1]
    return result


def _overrides_of_existing(environment: Settings, process: Process) -> Overrides:
    """All that the flow needs, as the definition has nothing of it.

    The container's name is only known to ECS; it is filled in before the call.
    """
    overrides = _user_overrides(environment.kwargs)
    first = overrides.pop(0) if overrides else {}
    merged = run_entries(first, process.variables)
    entries = [{"name": e.name, "value": e.value} for e in merged if e.value is not None]
    flow = {**first, "command": list(process.image_command), "environment": entries}
    return [flow, *overrides]


def _user_overrides(kwargs: Mapping[str, Any]) -> Overrides:
    given = kwargs.get("overrides") or {}
    return copy.deepcopy(list(given.get("containerOverrides") or []))


def _add_override(overrides: Overrides, name: str, entries: Overrides, *, first: bool) -> None:
    """Add a container's variables to its override; the run's win over the user's.

    The command of the flow's container is the definition's: flowenv's own.
    """
    mine = next((one for one in overrides if one.get("name") == name), None)
    if mine is None:
        if not entries and not first:
            return
        mine = {"name": name}
        overrides.append(mine)
    ours = {entry["name"] for entry in entries}
    users = [e for e in mine.get("environment") or [] if e.get("name") not in ours]
    mine["environment"] = [*users, *entries]
    if first:
        mine.pop("command", None)
        overrides.remove(mine)
        overrides.insert(0, mine)


def _run_task(
    environment: Settings,
    flow_run: FlowRun,
    containers: Overrides,
    definition: Definition | None,
    shape: Shape,
) -> dict[str, Any]:
    kwargs = environment.kwargs
    request = args.for_operation(kwargs, shape)
    request.pop("count", None)
    if not request.get("capacityProviderStrategy"):
        request.pop("capacityProviderStrategy", None)  # the cluster's own holds
    launch_type = args.launch_type_of(kwargs, environment.launch_type)
    if launch_type:
        request["launchType"] = launch_type
    request["taskDefinition"] = definition["family"] if definition else kwargs["taskDefinition"]
    request["overrides"] = {**(kwargs.get("overrides") or {}), "containerOverrides": containers}
    request.setdefault("startedBy", started_by(flow_run.id))
    request["clientToken"] = client_token(flow_run.id)
    ours = run_tags(Marks.of_run(flow_run))
    request["tags"] = [*(request.get("tags") or []), *ours]
    set_variable(containers[0], MARKS, marks(ours))
    return request


def _add_payload(spec: dict[str, Any], environment: Settings, process: Process) -> None:
    payload = process.payload.own
    if common := shared_part(environment, process.payload.common):
        spec["common"] = common
    elif process.payload.common:
        payload = process.files[PAYLOAD_FILE]
    overrides = spec["run_task"]["overrides"]
    override = overrides["containerOverrides"][0]
    set_variable(override, contract.PAYLOAD_SEAL, seal_of(payload))
    room = LIMIT - LONGEST_URL * sum(part in spec for part in KINDS)
    if put_payload_inline(overrides, override, payload, room):
        return
    place = payload_place(environment)
    if place is None:
        raise SpecError(
            f"The payload of {len(payload)} bytes doesn't fit into the 8,192 characters that ECS "
            "takes with a run.",
            hint="Set payload_url in the configuration to an s3:// place, or put the flow into "
            "the image and use @flow(code='module').",
        )
    spec["payload"] = {"place": place, "content": payload}
