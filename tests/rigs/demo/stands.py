"""Where the demo runs flows: a platform on this machine, and the configuration that names it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from flowenv.plugin import Environment

IMAGE = "flows:1"
"""The one image that there is: this Python, with what the examples import."""
_ENDS_WITHIN = 2.0
"""Seconds that a container has to end by itself."""


@dataclass(frozen=True)
class Stand:
    """A platform that runs.

    Args:
        what: what stands in for what, in a sentence.
        environment: the class of the environments that it is for.
        configuration: flowenv.toml, with the environment `demo`.
        variables: how commands find the platform.
    """

    what: str
    environment: type[Environment]
    configuration: str
    variables: Mapping[str, str]


@contextmanager
def k8s(folder: Path) -> Iterator[Stand]:
    """A Kubernetes cluster for Jobs."""
    from flowenv_k8s import KubernetesJobEnvironment

    with _kubernetes(folder) as variables:
        yield Stand(_KUBERNETES, KubernetesJobEnvironment, _K8S, variables)


@contextmanager
def dask_k8s(folder: Path) -> Iterator[Stand]:
    """A Kubernetes cluster for Jobs that make their own Dask cluster."""
    from flowenv_dask_k8s import DaskKubernetesEnvironment

    with _kubernetes(folder) as variables:
        yield Stand(_KUBERNETES, DaskKubernetesEnvironment, _DASK_K8S, variables)


@contextmanager
def fargate(folder: Path) -> Iterator[Stand]:
    """An AWS account with an ECS cluster and a bucket."""
    from flowenv_fargate import FargateTaskEnvironment
    from rigs.ecs import EcsRig

    with EcsRig(_images(folder), stop_timeout=_ENDS_WITHIN) as rig:
        account = rig.prepare()
        place = {"LocationConstraint": rig.region}
        rig.client("s3").create_bucket(Bucket="flows", CreateBucketConfiguration=place)
        configuration = _FARGATE.format(
            cluster=account.cluster,
            role=account.execution_role_arn,
            subnet=account.subnets[0],
            group=account.security_group,
        )
        yield Stand(_AWS, FargateTaskEnvironment, configuration, rig.environment())


@contextmanager
def dask_cloud(folder: Path) -> Iterator[Stand]:
    """An AWS account for dask-cloudprovider's FargateCluster."""
    from flowenv_dask_cloud import DaskCloudProviderEnvironment
    from rigs.ecs import EcsRig

    # dask-cloudprovider attaches some of AWS's own policies to the roles that it makes
    images = _images(folder)
    with EcsRig(images, stop_timeout=_ENDS_WITHIN, aws_managed_policies=True) as rig:
        yield Stand(_AWS, DaskCloudProviderEnvironment, _DASK_CLOUD, rig.environment())


STANDS: Mapping[str, Callable[[Path], AbstractContextManager[Stand]]] = {
    "k8s": k8s,
    "dask_k8s": dask_k8s,
    "fargate": fargate,
    "dask_cloud": dask_cloud,
}
"""The platforms, by backend; each is given a folder for all that it and its containers write."""


@contextmanager
def _kubernetes(folder: Path) -> Iterator[Mapping[str, str]]:
    from rigs.kubernetes import Image, KubernetesRig, Timing

    images = {name: Image(env) for name, env in _images(folder).items()}
    with KubernetesRig(images=images, timing=Timing(longest_grace=_ENDS_WITHIN)) as rig:
        yield {"KUBECONFIG": str(rig.kubeconfig(folder / "kubeconfig"))}


def _images(folder: Path) -> Mapping[str, Mapping[str, str]]:
    """The image, in which nothing writes anywhere else than into the folder."""
    from rigs.kubernetes import Image

    places = dict.fromkeys(("HOME", "TMPDIR"), str(folder))
    return {IMAGE: {**Image().env, **places, "PYTHONDONTWRITEBYTECODE": "1"}}


_KUBERNETES = (
    "A stand-in for Kubernetes on this machine: its API over HTTP, with Jobs, pods and logs. "
    "A container is a process of this Python."
)
_AWS = (
    "A stand-in for AWS on this machine: ECS, S3, IAM and CloudWatch Logs over HTTP. "
    "A container is a process of this Python."
)
_K8S = f"""\
[environments.demo]
type = "k8s"
metadata = {{image = "{IMAGE}"}}
"""
_DASK_K8S = f"""\
[environments.demo]
type = "dask_k8s"
min_workers = 1
max_workers = 2
nthreads = 1
metadata = {{image = "{IMAGE}"}}
"""
_FARGATE = f"""\
[environments.demo]
type = "fargate"
cluster = "{{cluster}}"
executionRoleArn = "{{role}}"
metadata = {{{{image = "{IMAGE}", payload_url = "s3://flows/demo"}}}}

[environments.demo.networkConfiguration.awsvpcConfiguration]
subnets = ["{{subnet}}"]
securityGroups = ["{{group}}"]
"""
_DASK_CLOUD = f"""\
[environments.demo]
type = "dask_cloud"
provider_class = "dask_cloudprovider.aws.FargateCluster"
n_workers = 1
fargate_use_private_ip = true
scheduler_cpu = 256
scheduler_mem = 512
worker_cpu = 1024
worker_mem = 2048
metadata = {{image = "{IMAGE}"}}
"""
