"""The Fargate environment: what the user sets."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from flowenv.errors import SettingError
from flowenv.executors import Executor
from flowenv.plugin import (
    Callback,
    Capabilities,
    Environment,
    HiddenItems,
    Target,
    check_results_are_shared,
    contract,
    executor_setting,
    labels_setting,
    metadata_setting,
    on_exit_setting,
    on_start_setting,
    runtime_setting,
    setting,
    settings_of,
)
from flowenv_fargate.api.service_model import parameters_of
from flowenv_fargate.spec.arguments import (
    check_arguments,
    check_launch_type,
    own_image,
    uses_existing,
)
from flowenv_fargate.spec.described import as_arguments
from flowenv_fargate.spec.places import place_in_s3

if TYPE_CHECKING:
    from flowenv.plugin import FlowRun, Value

_KEYS = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
"""What nobody gave comes from the variables of these names; after that boto3's chain is asked."""


@dataclasses.dataclass(repr=False, init=False, eq=False)
class FargateTaskEnvironment(Environment):
    """Runs a flow as a task on AWS Fargate, or on ECS's EC2 launch type.

    Args:
        launch_type: `FARGATE`, `EC2` or `EXTERNAL`; a `capacityProviderStrategy` takes its
            place. None, or an empty strategy, leaves it to the cluster's default strategy.
        aws_access_key_id: by default the environment variable `AWS_ACCESS_KEY_ID`, then what
            boto3 finds.
        aws_secret_access_key: by default the variable `AWS_SECRET_ACCESS_KEY`, then boto3.
        aws_session_token: by default the variable `AWS_SESSION_TOKEN`, then boto3.
        region_name: by default the variable `REGION_NAME`, then boto3.
        executor: where the flow's parallel work runs; without one the default executor.
        labels: strings to find this environment's runs by.
        on_start: called in the task before the flow begins.
        on_exit: called in the task after the flow has ended, also when it failed.
        metadata: further data, serialised with the environment; `image` is the container
            image, `payload_url` and `results_url` win over the configured ones.
        on_mismatch: what to do if the family's definition is another one: `error`, or
            `register` a new revision.
        log_group: the CloudWatch log group of a flow's container that has no
            `logConfiguration` of its own; made when it isn't there. None for no log.
        start_timeout: seconds within which a task must run, image pull included; after that
            it is stopped, and the run has crashed by its deadline.
        endpoint_url: of another AWS, such as an emulator; by default `AWS_ENDPOINT_URL`.
        profile_name: a profile of AWS's configuration files, by default `AWS_PROFILE`; keys of
            variables are not used then.
        role_arn: a role to assume with the credentials that the others give.
        runtime: `shipped` or `image`: whether flowenv travels with the run, by way of
            `payload_url`, so that any Python image will do, or is in the image; by default what
            the configuration says, else it travels if there is a `payload_url`.
        **kwargs: what boto3's `register_task_definition` and `run_task` take. The first
            container is the flow's.

    Credentials and `kwargs` are only ever on this object: neither `serialize()` nor a pickle
    has them.

    Raises:
        SettingError: a TypeError, if a setting has the wrong type, or if neither operation
            knows one of the `kwargs`; with the nearest right name.

    >>> from flowenv_fargate import FargateTaskEnvironment
    >>> FargateTaskEnvironment(region_name="eu-west-1", cpu="512", memory="1024")
    FargateTaskEnvironment(region_name='eu-west-1', cpu=***, memory=***)
    >>> FargateTaskEnvironment(memroy="1024")
    Traceback (most recent call last):
    ...
    flowenv.errors.SettingError: ... Did you mean 'memory'?
    """

    backend = "fargate"
    takes_any_setting: ClassVar[bool] = True
    capabilities = Capabilities(
        cancel=True, logs=True, attach=True, find=True, sweep=True, image=True, runtime=True
    )
    shipped = ("flowenv-fargate",)  # a flow's file may make its own environment
    dependencies = ("boto3", "botocore")

    launch_type: Literal["FARGATE", "EC2", "EXTERNAL"] | None = setting(
        "FARGATE", help="FARGATE, EC2 or EXTERNAL; None for the cluster's default strategy."
    )
    aws_access_key_id: str | None = setting(
        None, secret=True, help="AWS access key id; else AWS_ACCESS_KEY_ID, else boto3's chain."
    )
    aws_secret_access_key: str | None = setting(
        None, secret=True, help="AWS secret key; else AWS_SECRET_ACCESS_KEY, else boto3's chain."
    )
    aws_session_token: str | None = setting(
        None, secret=True, help="AWS session token; else AWS_SESSION_TOKEN, else boto3's chain."
    )
    region_name: str | None = setting(
        None, help="AWS region; else REGION_NAME, else boto3's chain."
    )
    executor: Executor | None = executor_setting()
    labels: Iterable[str] | None = labels_setting()
    on_start: Callback | None = on_start_setting()
    on_exit: Callback | None = on_exit_setting()
    metadata: dict[str, Any] | None = metadata_setting()
    on_mismatch: Literal["error", "register"] = setting(
        "error", kw_only=True, help="If the family's definition differs: error or register."
    )
    log_group: str | None = setting(
        "/ecs/flowenv", kw_only=True, help="CloudWatch log group of a flow without log settings."
    )
    start_timeout: float = setting(
        600.0, kw_only=True, help="Seconds until the task must run, image pull included."
    )
    endpoint_url: str | None = setting(
        None, kw_only=True, help="URL of another AWS, such as an emulator."
    )
    profile_name: str | None = setting(
        None, kw_only=True, help="A profile of AWS's configuration files; else AWS_PROFILE."
    )
    role_arn: str | None = setting(
        None, kw_only=True, help="ARN of a role to assume, for all calls to AWS."
    )
    runtime: Literal["shipped", "image"] | None = runtime_setting()

    def __init__(
        self,
        launch_type: Literal["FARGATE", "EC2", "EXTERNAL"] | None = "FARGATE",
        aws_access_key_id: str | None = None,
        aws_secret_access_key: str | None = None,
        aws_session_token: str | None = None,
        region_name: str | None = None,
        executor: Executor | None = None,
        labels: Iterable[str] | None = None,
        on_start: Callback | None = None,
        on_exit: Callback | None = None,
        metadata: dict[str, Any] | None = None,
        *,
        on_mismatch: Literal["error", "register"] = "error",
        log_group: str | None = "/ecs/flowenv",
        start_timeout: float = 600.0,
        endpoint_url: str | None = None,
        profile_name: str | None = None,
        role_arn: str | None = None,
        runtime: Literal["shipped", "image"] | None = None,
        **kwargs: Any,
    ) -> None:
        self.launch_type = launch_type
        self.aws_access_key_id = aws_access_key_id
        self.aws_secret_access_key = aws_secret_access_key
        self.aws_session_token = aws_session_token
        self.region_name = region_name
        self.executor = executor
        self.labels = labels
        self.on_start = on_start
        self.on_exit = on_exit
        self.metadata = metadata
        self.on_mismatch = on_mismatch
        self.log_group = log_group
        self.start_timeout = start_timeout
        self.endpoint_url = endpoint_url
        self.profile_name = profile_name
        self.role_arn = role_arn
        self.runtime = runtime
        self.kwargs: dict[str, Any] = HiddenItems(as_arguments(kwargs))
        self.__post_init__()

    def __post_init__(self) -> None:
        """Check the settings, and take what nobody gave from environment variables."""
        check_launch_type(self.launch_type)
        super().__post_init__()
        if self.start_timeout <= 0:
            raise SettingError(f"start_timeout must be more than 0, not {self.start_timeout:g}.")
        if self.kwargs:
            own = [one.name for one in settings_of(type(self))]
            check_arguments(self.kwargs, self.launch_type, parameters_of, own)
        self._take_from_variables()

    def _take_from_variables(self) -> None:
        self.region_name = self.region_name or os.environ.get("REGION_NAME") or None
        found = {name: os.environ.get(name.upper()) or None for name in _KEYS}
        # an empty text counts as not given
        given = {name: getattr(self, name) or None for name in _KEYS}
        for name, value in given.items():
            setattr(self, name, value)
        key_id, secret, _ = _KEYS
        if self.profile_name and not (given[key_id] or given[secret]):
            return
        # secret and session token belong to their access key, whichever way they come
        if all(given[name] in (None, found[name]) for name in (key_id, secret)):
            for name, value in found.items():
                setattr(self, name, given[name] or value)

    @property
    def place(self) -> str:
        """The region, as far as it is set here, and the cluster."""
        region = self.region_name or os.environ.get("AWS_REGION")
        region = region or os.environ.get("AWS_DEFAULT_REGION") or ""
        return f"{region} {self.kwargs.get('cluster') or 'default'}".strip()

    def needs_image(self) -> bool:
        """False if the user's first container, or an existing task definition, has one."""
        return not (uses_existing(self.kwargs) or own_image(self.kwargs))

    @property
    def instead_of_image(self) -> str:
        """A place in S3, by which flowenv travels."""
        return "; or payload_url to an s3:// place: flowenv travels then, and any Python will do"

    @property
    def instead_of_delete(self) -> str:
        """When ECS, CloudWatch and S3 forget what."""
        return (
            "ECS forgets a task by itself, about an hour after its end. Its log stays as long as "
            "its log group keeps it, or until `aws logs delete-log-stream`; what it stored at "
            "results_url stays. A payload goes when the run is over, or by `flowenv sweep`."
        )

    def can_bring_runtime(self) -> bool:
        """True if there is a place in S3 to put it."""
        return place_in_s3(self) is not None

    def contract_values(self, flow_run: FlowRun) -> Mapping[str, Value]:
        """The image, where it is the user's own container that names it."""
        return {contract.IMAGE: flow_run.image or own_image(self.kwargs) or ""}

    def variables(self, target: Target) -> Mapping[str, Value]:
        """None of its own: the user's are in `containerDefinitions`."""
        return {}

    def validate_spec(self, spec: Mapping[str, Any], flow_run: FlowRun) -> None:
        """Check the requests as ECS would, before any call."""
        from flowenv_fargate.spec.checks import check_spec, shared_places

        check_spec(spec, parameters_of)
        if spec.get("task_definition") is not None:  # of another's, the volumes aren't known
            check_results_are_shared(self, shared_places(spec))

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self.kwargs = HiddenItems()
        self._take_from_variables()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, FargateTaskEnvironment):
            return NotImplemented
        return self.__dict__ == other.__dict__

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        shown = super().__repr__()
        if not self.kwargs:
            return shown
        masked = ", ".join(f"{name}=***" for name in self.kwargs)
        return f"{shown[:-1]}{', ' if not shown.endswith('()') else ''}{masked})"
