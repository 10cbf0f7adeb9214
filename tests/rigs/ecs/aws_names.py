"""The rig under AWS's own names: a proxy to which `https://….amazonaws.com` leads to the rig.

With it boto3 and presigned URLs need no endpoint of the rig's, and name the hosts that they would
name on AWS. Nothing leaves the machine: every other host is refused.
"""

import datetime
import select
import socket
import ssl
import threading
from functools import lru_cache
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_DOMAIN = ".amazonaws.com"
_CHUNK = 65536


class AwsNames:
    """A proxy for HTTPS, and the authority whose certificates it shows.

    Args:
        port: of the rig.
        directory: where certificates are written.
    """

    def __init__(self, port: int, directory: Path) -> None:
        self._authority_file = directory / "authority.pem"
        self._authority_file.write_bytes(_pem(_authority()[0]))
        self._server = _Proxy(port, directory)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), daemon=True
        )
        self._thread.start()

    def environment(self) -> dict[str, str]:
        """The variables with which programs go through the proxy, and trust it."""
        proxy = f"http://127.0.0.1:{self._server.server_address[1]}"
        file = str(self._authority_file)
        return {
            **dict.fromkeys(("HTTPS_PROXY", "https_proxy"), proxy),
            **dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1,localhost"),
            **dict.fromkeys(("AWS_CA_BUNDLE", "SSL_CERT_FILE"), file),
        }

    def close(self) -> None:
        """Take no more connections."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Proxy(ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, port: int, directory: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Tunnel)
        self.rig_port = port
        self._directory = directory
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._lock = threading.Lock()

    def context(self, host: str) -> ssl.SSLContext:
        """What to show to a client that wants to speak with `host`."""
        with self._lock:
            if host not in self._contexts:
                file = self._directory / f"{len(self._contexts)}.pem"
                file.write_bytes(_certificate_of(host))
                self._contexts[host] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                self._contexts[host].load_cert_chain(file)
            return self._contexts[host]


class _Tunnel(StreamRequestHandler):
    rbufsize = 0  # what comes after the request's end belongs to TLS
    server: _Proxy

    def handle(self) -> None:
        """Answer one CONNECT, and carry the bytes of both sides."""
        method, target, *_ = [*self.rfile.readline().decode("latin-1").split(), "", ""]
        while self.rfile.readline().strip():
            pass
        host = target.partition(":")[0]
        if method != "CONNECT" or not host.endswith(_DOMAIN):
            self.wfile.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
            return
        self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        try:
            client = self.server.context(host).wrap_socket(self.request, server_side=True)
        except OSError:  # a client that doesn't trust us leaves
            return
        with client, socket.create_connection(("127.0.0.1", self.server.rig_port)) as rig:
            _carry(client, rig)


def _carry(client: ssl.SSLSocket, rig: socket.socket) -> None:
    """Copy both ways until one side ends."""
    try:
        while True:
            # bytes that TLS has decrypted already don't show in select
            ready = [client] if client.pending() else select.select([client, rig], [], [])[0]
            for side, other in ((client, rig), (rig, client)):
                if side in ready:
                    data = side.recv(_CHUNK)
                    if not data:
                        return
                    other.sendall(data)
    except OSError:
        return


@lru_cache
def _authority() -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """One for the process: its certificate and key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("Authority of the rig")
    public = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    builder = (
        _builder(name, name, key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(), critical=True)
        .add_extension(public, critical=False)
    )
    return builder.sign(key, hashes.SHA256()), key


def _certificate_of(host: str) -> bytes:
    """Key and certificate for one host."""
    authority, authority_key = _authority()
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())
    certificate = (
        _builder(_name("The rig"), authority.subject, key.public_key())
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(issuer, critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return private + _pem(certificate)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    today = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - datetime.timedelta(days=1))
        .not_valid_after(today + datetime.timedelta(days=2))
    )


def _usage() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        crl_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
