"""Submits a run: one task, also when an answer is lost on the way."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

from flowenv.errors import FlowenvError, RunConflict, SpecError
from flowenv.plugin import FlowRun, Secret, contract, payload_object, revealed
from flowenv_fargate.api.refusals import AwsRefused, Kind, failures_error
from flowenv_fargate.environment import FargateTaskEnvironment
from flowenv_fargate.runs import s3_payload
from flowenv_fargate.runs.account import Account, account_of, cluster_of
from flowenv_fargate.runs.handle import TaskHandle
from flowenv_fargate.runs.registration import Registered
from flowenv_fargate.runs.tasks import describe_tasks, tasks_of_run
from flowenv_fargate.spec.checks import check_network
from flowenv_fargate.spec.definition.entry_point import check_runs_command
from flowenv_fargate.spec.definition.identity import flow_container_name
from flowenv_fargate.spec.definition.secrets import check_own_values, check_secrets, leave_secrets
from flowenv_fargate.spec.overrides import (
    add_missing,
    check_length,
    flow_override,
    inline_secrets,
    put_payload_inline,
    set_variable,
)
from flowenv_fargate.spec.shared_objects import KINDS, SharedKind
from flowenv_fargate.spec.tags import Identity

Request = dict[str, Any]


def find_definition(environment: FargateTaskEnvironment, spec: Mapping[str, Any]) -> Registered:
    """The task definition to run: an existing one, or ours, registered if need be."""
    definitions = account_of(environment).definitions
    if spec.get("task_definition") is None:
        return definitions.existing(spec["run_task"]["taskDefinition"])
    return definitions.ensure(environment, spec["task_definition"])


def submit(
    environment: FargateTaskEnvironment, flow_run: FlowRun, spec: Mapping[str, Any]
) -> TaskHandle:
    """Start the run's task.

    Args:
        environment: where.
        flow_run: the run.
        spec: the finished spec; it isn't changed.

    Raises:
        FlowenvError: if it can't be started; nothing of it is left then.
    """
    account = account_of(environment)
    try:
        return _submit(environment, flow_run, spec, account)
    except AwsRefused as error:
        if error.refusal.operation != "RunTask" or error.refusal.kind is not Kind.ABSENT:
            raise
        # the definition was deregistered since we looked (or the cluster isn't there)
        account.definitions.forget()
        return _submit(environment, flow_run, spec, account)


def _submit(
    environment: FargateTaskEnvironment,
    flow_run: FlowRun,
    spec: Mapping[str, Any],
    account: Account,
) -> TaskHandle:
    registered = find_definition(environment, spec)
    request = _request(spec, registered)
    _check_image(environment, flow_run, registered)
    check_network(registered.definition, request)
    _warn(request, registered)
    payload_url = _bring(environment, account, flow_run.id, spec, request)
    with _stored(account, payload_url, spec.get("payload")):
        task = _run(account, request, flow_run.id)
    return TaskHandle(
        account,
        cluster_of(environment),
        task["taskArn"],
        run_id=flow_run.id,
        container=flow_override(request)["name"],
        start_timeout=environment.start_timeout,
        payload_url=payload_url,
        task=task,
        submitted=True,
    )


def _bring(
    environment: FargateTaskEnvironment,
    account: Account,
    run_id: str,
    spec: Mapping[str, Any],
    request: Request,
) -> str:
    """Bring to S3 what the run shares with others, and tell its task where it all is.

    Returns:
        The URL of the payload; empty if it comes with the request.
    """
    override, cluster = flow_override(request), cluster_of(environment)

    def sign(name: str, url: str) -> None:
        signed = s3_payload.presigned(account.aws, url, environment.start_timeout)
        set_variable(override, name, Secret(signed))

    shared = list(_shared(spec, request["taskDefinition"], cluster))
    for kind, url, _ in shared:
        sign(kind.variable, url)
    payload, payload_url = spec.get("payload"), ""
    # a URL was allowed for as long as one can be; besides shorter ones there may be room
    if payload and not put_payload_inline(request["overrides"], override, payload["content"]):
        folder = s3_payload.folder(payload["place"], request["taskDefinition"], cluster)
        payload_url = payload_object(folder, run_id)
        sign(contract.PAYLOAD, payload_url)
    check_length(request["overrides"])
    for kind, url, content in shared:
        account.shared.bring(url, content, kind.content_type)
    return payload_url


def _shared(
    spec: Mapping[str, Any], arn: str, cluster: str
) -> Iterator[tuple[SharedKind, str, bytes]]:
    """What a run shares with others: its kind, where in S3 it goes, and the content."""
    for part, kind in KINDS.items():
        if stored := spec.get(part):
            folder = s3_payload.folder(stored["place"], arn, cluster)
            yield kind, kind.url(folder, stored["name"]), stored["content"]


@contextlib.contextmanager
def _stored(account: Account, url: str, payload: Mapping[str, Any] | None) -> Iterator[None]:
    """The payload in S3, if it goes there; removed again if the run isn't started."""
    if payload is None or not url:
        yield
        return
    s3_payload.store(account.aws, url, payload["content"])
    try:
        yield
    except BaseException:
        with contextlib.suppress(FlowenvError):
            s3_payload.remove(account.aws, url)
        raise


def _request(spec: Mapping[str, Any], registered: Registered) -> Request:
    """RunTask's parameters for the definition that was found."""
    request: Request = _copied(spec["run_task"])
    request["taskDefinition"] = registered.arn
    override = flow_override(request)
    there = {one["name"]: one for one in registered.definition["containerDefinitions"]}
    flows = flow_container_name(registered.definition)
    if spec.get("task_definition") is None and override.get("name", flows) != flows:
        raise SpecError(
            f"The first of containerOverrides is for {override['name']}, and the flow's container "
            f"in {registered.arn.rpartition('/')[2]} is {flows}.",
            hint=f"Put {{'name': '{flows}'}} before it.",
        )
    if override.get("name") not in there:
        override["name"] = flows
    if not registered.ours:
        _bring_everything(spec, request, registered)
    check_own_values(there[override["name"]], registered.arn)
    for override in request["overrides"]["containerOverrides"]:
        leave_secrets(override, there.get(override.get("name")) or {}, registered.arn)
    return request


def _copied(value: Any) -> Any:
    """A copy of plain data; Secrets, which can't be copied, stay the same objects."""
    if isinstance(value, Mapping):
        return {key: _copied(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_copied(one) for one in value]
    return value


def _bring_everything(spec: Mapping[str, Any], request: Request, registered: Registered) -> None:
    """Put into the overrides what somebody else's definition doesn't have."""
    wanted = (spec.get("task_definition") or {}).get("containerDefinitions") or []
    there = {c["name"]: c for c in registered.definition["containerDefinitions"]}
    override = flow_override(request)
    for index, container in enumerate(wanted):
        name = override["name"] if index == 0 else container["name"]
        check_secrets(container, there.get(name) or {}, registered.arn)
        mine = override if index == 0 else _override_of(request, name)
        add_missing(mine, container.get("environment") or [])
        if index == 0:
            mine.setdefault("command", container["command"])
    check_runs_command(there[override["name"]], registered.arn, override["command"])
    image = there[override["name"]]["image"]
    entries = {e["name"]: e.get("value") for e in override.get("environment") or []}
    if not entries.get(contract.IMAGE):
        set_variable(override, contract.IMAGE, image)


def _override_of(request: Request, name: str) -> dict[str, Any]:
    overrides = request["overrides"]["containerOverrides"]
    found = next((one for one in overrides if one.get("name") == name), None)
    if found is None:
        found = {"name": name}
        overrides.append(found)
    return found


def _check_image(
    environment: FargateTaskEnvironment, flow_run: FlowRun, registered: Registered
) -> None:
    """An existing definition's image can't be overridden: another one must not be wanted."""
    wanted = (environment.metadata or {}).get("image") or getattr(flow_run.flow, "image", None)
    if registered.ours or not wanted:
        return
    there = [c["image"] for c in registered.definition["containerDefinitions"]]
    if wanted not in there:
        raise SpecError(
            f"The flow {flow_run.flow_name} asks for the image {wanted}, and the task definition "
            f"{registered.arn.rpartition('/')[2]} runs {there[0]}; an image can't be overridden.",
            hint="Leave the image out, or let flowenv register a definition.",
        )


def _warn(request: Request, registered: Registered) -> None:
    """Say once what makes this run less than it could be."""
    if names := inline_secrets(request["overrides"]):
        warnings.warn(
            f"Secret values of {', '.join(names)} go into the task's overrides, where everybody "
            "who may describe the task reads them. Keep them in AWS Secrets Manager and give "
            "Secret(reference='arn:…'), or [secrets] NAME = {reference = 'arn:…'}.",
            stacklevel=2,
        )
    name = flow_override(request)["name"]
    found = {c["name"]: c for c in registered.definition["containerDefinitions"]}[name]
    if (found.get("logConfiguration") or {}).get("logDriver") != "awslogs":
        warnings.warn(
            f"The container {name} doesn't log to CloudWatch: there are no logs to read, and "
            "without a result the outcome is only known by the exit code. Pass executionRoleArn, "
            "or a logConfiguration with awslogs.",
            stacklevel=2,
        )


def _run(account: Account, request: Request, run_id: str) -> Mapping[str, Any]:
    """Start the task, or find it where it was started already."""
    try:
        answer = account.aws.call("ecs", "RunTask", revealed(request))
    except AwsRefused as error:
        if error.refusal.code == "ConflictException":
            return _adopted(account, request, error, run_id)
        raise
    if answer.get("tasks"):
        return answer["tasks"][0]  # type: ignore[no-any-return]
    # `failures` is no proof that nothing started
    cluster = request.get("cluster") or "default"
    for task in tasks_of_run(account.aws, cluster, run_id):
        return task
    raise failures_error(answer.get("failures") or [], f"a task for the run {run_id}")


def _adopted(
    account: Account, request: Request, error: AwsRefused, run_id: str
) -> Mapping[str, Any]:
    """The task that this run's client token has started, with other parameters, before."""
    cluster = request.get("cluster") or "default"
    arns = list(error.refusal.resources)
    found = describe_tasks(account.aws, cluster, arns) or list(
        tasks_of_run(account.aws, cluster, run_id)
    )
    for task in found:
        identity = Identity.of(task, request.get("startedBy"))
        if identity and identity.run_id == run_id:
            return task
    raise RunConflict(
        f"The client token of the run {run_id} stands for another task.", hint="Submit it again."
    ) from error
