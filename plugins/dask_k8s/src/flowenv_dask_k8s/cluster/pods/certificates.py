"""A run's own certificates: made for it, signed by nobody else, and gone with its Secret."""

from __future__ import annotations

import datetime
import functools
from collections.abc import Mapping

from flowenv.plugin import Secret
from flowenv_dask_k8s.spec.tls import AUTHORITY, CERTIFICATE, KEY

_VALID = datetime.timedelta(days=3650)
"""A run may take as long as it likes; what ends the certificates is the end of its Secret."""
_SKEW = datetime.timedelta(days=1)
"""How far a node's clock may be behind."""


@functools.lru_cache(maxsize=256)
def certificates_of(run_id: str) -> Mapping[str, Secret]:
    """A run's certificates: the same ones when its submission is tried again.

    Args:
        run_id: the run.
    """
    return make_certificates()


def make_certificates() -> dict[str, Secret]:
    """One certificate for client, scheduler and workers of a run, by the names of its files.

    Who has it is of the run. The key that signed it is kept nowhere, so that nobody can make
    another one.

    >>> sorted(make_certificates())
    ['dask-ca.pem', 'dask-cert.pem', 'dask-key.pem']
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    def named(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    signer, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    issuer, now = named("flowenv run"), datetime.datetime.now(datetime.UTC)

    def begun(subject: x509.Name, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _SKEW)
            .not_valid_after(now + _VALID)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        )

    def usage(*, signs: bool) -> x509.KeyUsage:
        others = dict.fromkeys(
            [
                *("content_commitment", "key_encipherment", "data_encipherment"),
                *("key_agreement", "crl_sign", "encipher_only", "decipher_only"),
            ],
            False,
        )
        return x509.KeyUsage(key_cert_sign=signs, digital_signature=not signs, **others)

    authority = (
        begun(issuer, signer.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage(signs=True), critical=True)
        .sign(signer, hashes.SHA256())
    )
    both = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    whose = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
    certificate = (
        begun(named("flowenv dask"), key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(both), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("flowenv-dask")]), critical=False)
        .add_extension(whose, critical=False)
        .sign(signer, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    texts = {
        AUTHORITY: authority.public_bytes(pem),
        CERTIFICATE: certificate.public_bytes(pem),
        KEY: private,
    }
    return {name: Secret(text.decode()) for name, text in texts.items()}
