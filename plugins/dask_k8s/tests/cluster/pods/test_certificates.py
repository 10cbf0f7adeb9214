"""A run's certificates: who has them speaks with the run's, and nobody else does."""

from __future__ import annotations

import ssl
from typing import Any

import pytest

from flowenv.plugin import revealed
from flowenv_dask_k8s.api.spec_cluster import security_of
from flowenv_dask_k8s.cluster.pods.certificates import make_certificates
from flowenv_dask_k8s.spec.tls import AUTHORITY, CERTIFICATE, KEY


def texts() -> tuple[str, str, str]:
    made = revealed(make_certificates())
    return made[AUTHORITY], made[CERTIFICATE], made[KEY]


def handshake(server: ssl.SSLContext, client: ssl.SSLContext) -> None:
    """Let two sides greet each other, in memory.

    Raises:
        ssl.SSLError: one refuses the other.
    """
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = [
        client.wrap_bio(to_client, to_server),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    for _ in range(4):
        for side in sides:
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    for side in sides:
        with pytest.raises(ssl.SSLWantReadError):  # nothing more to say, and no refusal
            side.read()


def context(certificates: tuple[str, str, str], role: str) -> ssl.SSLContext:
    security: Any = security_of(*certificates)
    how = security.get_listen_args if role == "scheduler" else security.get_connection_args
    found: ssl.SSLContext = how(role)["ssl_context"]
    return found


@pytest.mark.parametrize("role", ["client", "worker"])
@pytest.mark.parametrize("is_strict", [False, True])
def test_those_of_one_run_speak_with_each_other(role: str, is_strict: bool) -> None:
    own = texts()
    client = context(own, role)
    if is_strict:  # as Python does from 3.13 on
        client.verify_flags |= ssl.VERIFY_X509_STRICT

    handshake(context(own, "scheduler"), client)


def test_another_runs_certificate_is_refused() -> None:
    with pytest.raises(ssl.SSLError, match=r"(?i)certificate.verify.failed"):
        handshake(context(texts(), "scheduler"), context(texts(), "client"))


def test_who_has_no_certificate_is_refused() -> None:
    own = texts()
    stranger = ssl.create_default_context(cadata=own[0])
    stranger.check_hostname = False

    with pytest.raises(ssl.SSLError, match=r"(?i)peer.did.not.return.a.certificate"):
        handshake(context(own, "scheduler"), stranger)


def test_the_key_shows_nowhere() -> None:
    made = make_certificates()

    assert "PRIVATE KEY" in made[KEY].reveal()
    assert "PRIVATE KEY" not in repr(made) + str(made[KEY])
