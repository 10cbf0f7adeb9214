"""Certificates and keys that stand in a kubeconfig: whom they trust, and where they are kept."""

from __future__ import annotations

import contextlib
import datetime
import http.server
import json
import os
import secrets
import ssl
import sys
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from flowenv.errors import PlatformUnreachable
from flowenv_k8s.api.client import Client
from flowenv_k8s.api.kubeconfig import Source
from rigs.kubernetes.certificates import Certificates, make_certificates
from rigs.kubernetes.kubeconfig import add_context

PLUGINS = "client.authentication.k8s.io/v1"
Make = Callable[..., Client]


@dataclass(frozen=True)
class Identity:
    """Who somebody is (PEM)."""

    certificate: str
    key: str


def identity() -> Identity:
    """Somebody new, known by nobody."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, secrets.token_hex(8))])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
    return Identity(made.public_bytes(pem).decode(), private.decode())


class Server(http.server.BaseHTTPRequestHandler):
    """Speaks only to those whose certificate it knows, and remembers what they asked."""

    asked: ClassVar[list[str]] = []
    outdated: ClassVar[str] = ""

    def do_GET(self) -> None:
        self.asked.append(self.path)
        known = ssl.DER_cert_to_PEM_cert(self.connection.getpeercert(binary_form=True))
        outdated = known.strip() == self.outdated.strip()
        self.send_response(401 if outdated else 403 if "Upgrade" in self.headers else 200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *args: object) -> None:
        pass


class TlsServer(http.server.ThreadingHTTPServer):
    context: ssl.SSLContext
    daemon_threads = True

    def finish_request(self, request: Any, client_address: Any) -> None:
        try:
            with self.context.wrap_socket(request, server_side=True) as secured:
                super().finish_request(secured, client_address)
        except OSError:
            pass  # whoever doesn't trust it, or isn't known, has hung up


@pytest.fixture(scope="module")
def known() -> Identity:
    return identity()


@pytest.fixture(scope="module")
def renewed() -> Identity:
    return identity()


@pytest.fixture(scope="module")
def certificates(
    known: Identity, renewed: Identity, tmp_path_factory: pytest.TempPathFactory
) -> Certificates:
    made = make_certificates(tmp_path_factory.mktemp("tls"))
    for one in (known, renewed):
        made.context.load_verify_locations(cadata=one.certificate)
    made.context.verify_mode = ssl.CERT_REQUIRED
    return made


@pytest.fixture(scope="module")
def port(certificates: Certificates) -> Iterator[int]:
    with TlsServer(("127.0.0.1", 0), Server) as server:
        server.context = certificates.context
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def data(pem: str | bytes) -> str:
    return b64encode(pem.encode() if isinstance(pem, str) else pem).decode()


@pytest.fixture
def make(port: int, known: Identity, certificates: Certificates, tmp_path: Path) -> Make:
    """A client of the server's, whose certificates stand in the kubeconfig."""
    Server.asked.clear()

    def client(who: Identity = known, plugin: str = "", **cluster: object) -> Client:
        file = tmp_path / "config"
        url = f"https://127.0.0.1:{port}"
        add_context(
            file,
            url=url,
            token="t",
            context="a",
            namespace="default",
            authority=certificates.authority,
        )
        config = yaml.safe_load(file.read_text())
        entry = {**config["clusters"][0]["cluster"], **cluster}
        config["clusters"][0]["cluster"] = {name: it for name, it in entry.items() if it}
        config["users"][0]["user"] = {
            "client-certificate-data": data(who.certificate),
            "client-key-data": data(who.key),
        }
        if plugin:
            run = {"apiVersion": PLUGINS, "command": "sh", "args": ["-c", plugin]}
            config["users"][0]["user"] = {"exec": run}
        file.write_text(yaml.safe_dump(config))
        return Client(Source(None, str(file)))

    return client


@pytest.mark.skipif(sys.platform != "linux", reason="other systems list no descriptors")
def test_certificates_are_in_no_descriptor_that_somebody_might_close(make: Make) -> None:
    before = descriptors()
    client = make()
    for new in descriptors() - before:
        os.close(new)
    client.read("/version")
    assert Server.asked == ["/version"]


def descriptors() -> set[int]:
    """Those in memory that are open."""
    found = set()
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # the folder's own
            if str(entry.readlink()).startswith("/memfd:"):
                found.add(int(entry.name))
    return found


@pytest.mark.filterwarnings("ignore:Unverified HTTPS:Warning")
@pytest.mark.parametrize(
    "cluster",
    [
        {},
        {"tls-server-name": "localhost"},
        {"insecure-skip-tls-verify": True, "certificate-authority-data": None},
    ],
    ids=["authority", "name", "insecure"],
)
def test_a_certificate_of_the_kubeconfig_logs_in(make: Make, cluster: dict[str, object]) -> None:
    client = make(**cluster)
    client.read("/version")
    with pytest.raises(PlatformUnreachable, match="403"):
        client.websocket("/forward")
    assert Server.asked == ["/version", "/forward"]


@pytest.fixture(scope="module")
def another(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return make_certificates(tmp_path_factory.mktemp("other")).authority


@pytest.mark.parametrize("wrong", ["authority", "name", "system", "client"])
def test_whom_the_kubeconfig_does_not_know_is_not_spoken_to(
    make: Make, another: bytes, wrong: str
) -> None:
    client = {
        "authority": lambda: make(**{"certificate-authority-data": data(another)}),
        "name": lambda: make(**{"tls-server-name": "example.com"}),
        "system": lambda: make(**{"certificate-authority-data": None}),
        "client": lambda: make(identity()),
    }[wrong]()
    with pytest.raises(PlatformUnreachable):
        client.read("/version")
    with pytest.raises(PlatformUnreachable):
        client.websocket("/forward")
    assert Server.asked == []


def test_a_certificate_that_a_plugin_renews_takes_the_place_of_the_old_one(
    make: Make, known: Identity, renewed: Identity, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    give(known, tmp_path / "credential")
    client = make(plugin=f"cat {tmp_path}/credential")
    client.read("/first")
    give(renewed, tmp_path / "credential")
    monkeypatch.setattr(Server, "outdated", known.certificate)
    client.read("/second")
    assert Server.asked == ["/first", "/second", "/second"]


def give(who: Identity, path: Path) -> None:
    """Have the plugin say who somebody is."""
    status = {
        "clientCertificateData": who.certificate,
        "clientKeyData": who.key,
    }
    path.write_text(json.dumps({"apiVersion": PLUGINS, "kind": "ExecCredential", "status": status}))
