"""Kubeconfig files that lead to a rig."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import yaml


def add_context(
    path: Path,
    *,
    url: str,
    token: str,
    context: str,
    namespace: str,
    token_file: Path | None = None,
    authority: bytes | None = None,
) -> None:
    """Write a context to a kubeconfig file and make it the current one; others stay.

    Args:
        path: the file; it need not exist.
        url: the API server.
        token: bearer token of the user.
        context: name of the context, and of its cluster and user.
        namespace: the context's namespace.
        token_file: put the token in this file instead, and name the file.
        authority: certificate of the server's authority (PEM), for ``https``.
    """
    user: dict[str, Any] = {"token": token}
    if token_file is not None:
        token_file.write_text(token)
        user = {"tokenFile": str(token_file)}
    cluster: dict[str, Any] = {"server": url}
    if authority is not None:
        cluster["certificate-authority-data"] = base64.b64encode(authority).decode()
    where = {"cluster": context, "user": context, "namespace": namespace}
    config = yaml.safe_load(path.read_text()) if path.exists() else {}
    config = {"apiVersion": "v1", "kind": "Config", **(config or {}), "current-context": context}
    entries = (("clusters", "cluster", cluster), ("users", "user", user))
    for plural, singular, value in (*entries, ("contexts", "context", where)):
        others = [item for item in config.get(plural, []) if item["name"] != context]
        config[plural] = [*others, {"name": context, singular: value}]
    path.write_text(yaml.safe_dump(config))


def replace_token(path: Path, old: str, new: str) -> None:
    """Put a new token in a kubeconfig file, wherever the old one stands."""
    config = yaml.safe_load(path.read_text())
    for entry in config.get("users", []):
        user = entry["user"]
        if user.get("token") == old:
            user["token"] = new
        if "tokenFile" in user:
            Path(user["tokenFile"]).write_text(new)
    path.write_text(yaml.safe_dump(config))
