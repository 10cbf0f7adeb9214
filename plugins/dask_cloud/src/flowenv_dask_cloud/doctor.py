"""`flowenv doctor`: can the provider be used, and how would its scheduler be protected?"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from flowenv.errors import SpecError
from flowenv.plugin import Finding, revealed
from flowenv_dask_cloud.api import any_error
from flowenv_dask_cloud.cluster.diagnosis import said
from flowenv_dask_cloud.cluster.ecs.account import Account
from flowenv_dask_cloud.environment import DaskCloudProviderEnvironment
from flowenv_dask_cloud.spec.build import security_of
from flowenv_dask_cloud.spec.checks import check_is_protected
from flowenv_dask_cloud.spec.providers import Provider, load_provider


def check(environment: DaskCloudProviderEnvironment) -> Iterator[Finding]:
    """What `flowenv doctor` says of the environment."""
    try:
        provider = load_provider(environment.provider_class)
    except Exception as error:  # an extra of dask-cloudprovider may be missing
        yield Finding(
            "provider", False, str(error), "Such as: pip install 'dask-cloudprovider[aws]'"
        )
        return
    yield Finding("provider", True, f"{provider.name} can be imported.")
    yield _security(environment, provider)
    if provider.facts.environment is None:
        yield Finding(
            "variables", None, f"{provider.title} has no argument for environment variables."
        )
    if provider.facts.family == "ecs":
        yield from _aws(environment)


def _security(environment: DaskCloudProviderEnvironment, provider: Provider) -> Finding:
    try:
        security = security_of(environment.security, provider, environment.kwargs)
    except SpecError as error:
        return Finding("scheduler", False, error.message, error.hint)
    if security in ("temporary", "given"):
        return Finding("scheduler", True, f"It is protected by {security} certificates.")
    if environment.security is False:
        return Finding("scheduler", True, "It is open, which security=False says that you know.")
    try:
        check_is_protected(provider, environment.kwargs, environment.security)
    except SpecError as error:
        return Finding("scheduler", False, error.message, error.hint)
    return Finding(
        "scheduler",
        None,
        f"A {provider.title}'s scheduler may be open to everybody who reaches it.",
        "Use private addresses and security groups of your own.",
    )


def _aws(environment: DaskCloudProviderEnvironment) -> Iterator[Finding]:
    account = Account(revealed(environment.kwargs))
    questions: dict[str, Callable[[], object]] = {
        "credentials": lambda: account.client("sts").get_caller_identity(),
        "ECS": lambda: account.client("ecs").list_clusters(),
        "EC2 networks": lambda: account.client("ec2").describe_vpcs(),
    }
    for subject, ask in questions.items():
        try:
            ask()
        except any_error() as error:
            yield Finding(subject, False, *said(error))
        else:
            yield Finding(subject, True, f"AWS answers for {subject}.")
