"""The one place that knows moto: its web application, and what is not reachable through it.

moto keeps its state in the process, by account. Every rig takes an account of its own, so two rigs
in one process don't see each other, and drops the account's state when it ends.
"""

import io
import json
import os
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from moto.backends import get_backend
from moto.core.base_backend import BackendDict
from moto.core.model_instances import reset_model_data
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from .errors import Answer, AwsError

_FIRST_ACCOUNT = 123456789012
_TARGETS = {
    "ecs": "AmazonEC2ContainerServiceV20141113",
    "logs": "Logs_20140328",
    "secretsmanager": "secretsmanager",
    "ssm": "AmazonSSM",
}
_accounts_in_use: set[int] = set()
_accounts_lock = threading.Lock()


@dataclass(frozen=True)
class NetworkInterface:
    """An elastic network interface as DescribeTasks shows it."""

    id: str
    address: str
    mac_address: str
    private_dns_name: str
    subnet: str


class Moto:
    """moto's services for one account, called in this process."""

    def __init__(self, *, aws_managed_policies: bool = False) -> None:
        with _accounts_lock:
            account = next(
                _FIRST_ACCOUNT + n
                for n in range(1000)
                if _FIRST_ACCOUNT + n not in _accounts_in_use
            )
            _accounts_in_use.add(account)
        self._account = account
        self.account_id = str(account)
        self._application = _moto_application()
        if aws_managed_policies:
            self._load_managed_policies()

    def answer(self, environ: dict[str, Any]) -> Answer:
        """Let moto answer a WSGI request whose body has been buffered."""
        environ["HTTP_X_MOTO_ACCOUNT_ID"] = self.account_id
        status = 500
        headers: list[tuple[str, str]] = []

        def start_response(
            line: str, sent: list[tuple[str, str]], _exc_info: object = None
        ) -> Callable[[bytes], None]:
            nonlocal status, headers
            status, headers = int(line.split(" ", 1)[0]), sent
            return lambda _data: None

        body = b"".join(self._application(environ, start_response))
        error = _error_code(body) if status >= 400 else None
        return Answer(status, body, headers, error)

    def call(
        self, service: str, operation: str, parameters: Mapping[str, Any], region: str
    ) -> dict[str, Any]:
        """Call an operation of a JSON service without going through the network.

        Raises AwsError with what moto answered where it refuses.
        """
        body = json.dumps(parameters).encode()
        environ = {
            "REQUEST_METHOD": "POST",
            "PATH_INFO": "/",
            "QUERY_STRING": "",
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "HTTP_HOST": "localhost",
            "HTTP_X_AMZ_TARGET": f"{_TARGETS[service]}.{operation}",
            "HTTP_AUTHORIZATION": (
                f"AWS4-HMAC-SHA256 Credential=RIG/20260101/{region}/{service}/aws4_request"
            ),
            "CONTENT_TYPE": "application/x-amz-json-1.1",
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": io.StringIO(),
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        answer = self.answer(environ)
        result: dict[str, Any] = json.loads(answer.body or b"{}")
        if answer.status >= 400:
            message = result.get("message") or result.get("Message") or ""
            raise AwsError(answer.error_code or "ServerException", message, answer.status)
        return result

    def create_network_interface(
        self, region: str, subnet: str, security_groups: Iterable[str], address: str
    ) -> NetworkInterface:
        """Make an interface that has `address`, so that clients of EC2 find it there."""
        backend: Any = get_backend("ec2")[self.account_id][region]
        interface = backend.create_network_interface(
            subnet=subnet,
            private_ip_address=address,
            group_ids=list(security_groups),
            description="ECS task",
        )
        interface.status = "in-use"
        return NetworkInterface(
            interface.id, address, interface.mac_address, interface.private_dns_name, subnet
        )

    def delete_network_interface(self, region: str, interface: NetworkInterface) -> None:
        """Remove an interface; one that is gone already is no error."""
        backend: Any = get_backend("ec2")[self.account_id][region]
        backend.enis.pop(interface.id, None)

    def bucket_region(self, name: str) -> str | None:
        """The region in which a bucket is, or None where there is no such bucket."""
        backend: Any = get_backend("s3")[self.account_id]["aws"]
        bucket = backend.buckets.get(name)
        return None if bucket is None else str(bucket.region_name)

    def subnets(self, region: str) -> dict[str, str]:
        """The subnets of a region: id → availability zone."""
        backend: Any = get_backend("ec2")[self.account_id][region]
        return {subnet.id: subnet.availability_zone for subnet in backend.describe_subnets()}

    def security_groups(self, region: str) -> set[str]:
        """The ids of a region's security groups."""
        backend: Any = get_backend("ec2")[self.account_id][region]
        return {group.id for group in backend.describe_security_groups()}

    def register_container_instance(
        self, region: str, cluster: str, ec2_instance: str, *, external: bool = False
    ) -> str:
        """Register an instance in a cluster, as its ECS agent would; returns the ARN."""
        backend: Any = get_backend("ecs")[self.account_id][region]
        instance = backend.register_container_instance(cluster, ec2_instance)
        if external:
            # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-anywhere.html
            instance.attributes["ecs.capability.external"] = ""
        return str(instance.container_instance_arn)

    def scales(self, region: str, provider: str) -> bool:
        """Whether a capacity provider has managed scaling."""
        wanted = {"capacityProviders": [provider]}
        found = self.call("ecs", "DescribeCapacityProviders", wanted, region)["capacityProviders"]
        groups = (one.get("autoScalingGroupProvider") or {} for one in found)
        return any((one.get("managedScaling") or {}).get("status") == "ENABLED" for one in groups)

    def container_instances(self, region: str, cluster: str, *, external: bool) -> list[str]:
        """The ARNs of a cluster's active instances: the external ones, or those of EC2."""
        backend: Any = get_backend("ecs")[self.account_id][region]
        instances = backend.container_instances.get(cluster, {}).values()
        return [
            instance.container_instance_arn
            for instance in instances
            if instance.status == "ACTIVE"
            and ("ecs.capability.external" in instance.attributes) == external
        ]

    def forget(self) -> None:
        """Drop everything that this account has."""
        with _accounts_lock:
            _accounts_in_use.discard(self._account)
            if not _accounts_in_use:
                # S3 has something to close, a temporary file for each object, and closes those of
                # all accounts. Nothing is reset of an account that has never used it.
                s3_here: Any = get_backend("s3")[self.account_id]["aws"]
                s3_here.reset()
            s3: Any = get_backend("s3")
            buckets = s3.bucket_accounts
            for name in [n for n, (_, owner) in buckets.items() if owner == self.account_id]:
                del buckets[name]
            for backends in list(BackendDict._instances):  # type: ignore[misc]
                if self.account_id in backends:
                    del backends[self.account_id]
            if not _accounts_in_use:
                BackendDict.reset()
                reset_model_data()

    def _load_managed_policies(self) -> None:
        """Make AWS's own policies known; moto reads the variable when the backend is made."""
        name = "MOTO_IAM_LOAD_MANAGED_POLICIES"
        before = os.environ.get(name)
        os.environ[name] = "true"
        try:
            get_backend("iam")[self.account_id]["aws"]
        finally:
            os.environ.pop(name)
            if before is not None:
                os.environ[name] = before


@lru_cache
def _moto_application() -> Callable[[dict[str, Any], Any], Iterable[bytes]]:
    return DomainDispatcherApplication(create_backend_app)


def _error_code(body: bytes) -> str | None:
    try:
        kind = json.loads(body).get("__type")
    except (ValueError, AttributeError):
        text = body.decode(errors="replace")
        return text.partition("<Code>")[2].partition("</Code>")[0] or None
    return str(kind).rpartition("#")[2] if kind else None
