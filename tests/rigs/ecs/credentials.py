"""The ways in which a process finds AWS credentials, and how each of them fails.

Each is a set of environment variables, and of files that they name. To be used in an environment
without any other variable that begins with `AWS_`.
"""

import json
import shlex
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from .metadata import CONTAINER_TOKEN, OWN_CREDENTIALS
from .rig import ACCESS_KEY_ID, EcsRig

_ROLE = "arn:aws:iam::123456789012:role/flows"
_KEYS = f"aws_access_key_id = {ACCESS_KEY_ID}\naws_secret_access_key = rig\n"
_PROCESS_ANSWER = {"Version": 1, "AccessKeyId": ACCESS_KEY_ID, "SecretAccessKey": "rig"}


def credentials(way: str, rig: EcsRig, directory: Path) -> dict[str, str]:
    """The variables of one way; writes the files that it needs into `directory`.

    Raises KeyError for a name that is neither in `WORKING` nor in `BROKEN`.
    """
    config = directory / "aws-config"
    config.write_text("")
    bare = {n: v for n, v in rig.environment().items() if n not in _OWN_KEYS}
    return {
        **bare,
        "AWS_CONFIG_FILE": str(config),
        **{**WORKING, **BROKEN}[way](rig, directory),
    }


_Way = Callable[[EcsRig, Path], dict[str, str]]
_OWN_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")


def _profile(directory: Path, lines: str) -> dict[str, str]:
    (directory / "aws-config").write_text(f"[profile flows]\n{lines}\n[profile keys]\n{_KEYS}")
    return {"AWS_PROFILE": "flows"}


def _process(program: str) -> _Way:
    command = f"{sys.executable} -c {shlex.quote(program)}"
    return lambda _rig, directory: _profile(directory, f"credential_process = {command}")


def _web_identity(token: str | None) -> _Way:
    def variables(_rig: EcsRig, directory: Path) -> dict[str, str]:
        file = directory / "web-identity-token"
        if token is not None:
            file.write_text(token)
        return {"AWS_WEB_IDENTITY_TOKEN_FILE": str(file), "AWS_ROLE_ARN": _ROLE}

    return variables


def _container(token: str | None) -> _Way:
    def variables(rig: EcsRig, directory: Path) -> dict[str, str]:
        file = directory / "container-token"
        if token is not None:
            file.write_text(token)
        return {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{rig.url}/_rig/{OWN_CREDENTIALS}",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(file),
        }

    return variables


WORKING: Mapping[str, _Way] = {
    "profile": lambda _rig, directory: _profile(directory, _KEYS),
    "process": _process(f"print({json.dumps(_PROCESS_ANSWER)!r})"),
    "role": lambda _rig, directory: _profile(
        directory, f"role_arn = {_ROLE}\nsource_profile = keys"
    ),
    "web identity": _web_identity("a token"),
    "container": _container(CONTAINER_TOKEN),
}
"""Ways that work. `role` and `web identity` ask STS, which the fault `access_denied` can refuse."""

BROKEN: Mapping[str, _Way] = {
    "no such profile": lambda _rig, _directory: {"AWS_PROFILE": "nosuch"},
    "half a key": lambda _rig, _directory: {"AWS_ACCESS_KEY_ID": ACCESS_KEY_ID},
    "nothing": lambda _rig, _directory: {},
    "process is not there": lambda _rig, directory: _profile(
        directory, f"credential_process = {directory / 'no-such-program'}"
    ),
    "process fails": _process("raise SystemExit('log in first')"),
    "process says nonsense": _process("print('hello')"),
    "web identity token is not there": _web_identity(None),
    "container token is not there": _container(None),
    "container token is refused": _container("another token"),
}
"""Ways that fail before AWS is asked for anything but credentials."""
