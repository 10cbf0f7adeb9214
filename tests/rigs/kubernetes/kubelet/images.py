"""Container images: here, an environment in which a command finds its programs."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"


def _own_python() -> Mapping[str, str]:
    return {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{_SYSTEM_PATH}"}


@dataclass(frozen=True)
class Image:
    """An image that can be pulled.

    Args:
        env: variables that the image sets; ``PATH`` decides which programs it holds. By default
            the programs of the running interpreter and of the machine.
        entrypoint: what runs when a container gives no command.
        cmd: its arguments when a container gives none.
        workdir: directory in which containers start; by default an empty one of their own.
        user: the user that the image names: a number, a name, or empty for root. None lets every
            ``runAsNonRoot`` pass. Nothing here really runs as it.
    """

    env: Mapping[str, str] = field(default_factory=_own_python)
    entrypoint: Sequence[str] = ()
    cmd: Sequence[str] = ()
    workdir: str | None = None
    user: str | None = None

    @classmethod
    def of_environment(cls, prefix: Path | str, **env: str) -> Image:
        """Return an image that holds a virtual environment's programs, and further variables."""
        return cls({"PATH": f"{Path(prefix) / 'bin'}{os.pathsep}{_SYSTEM_PATH}", **env})


class Images:
    """The images that there are; None means that every name is one, with this Python in it."""

    def __init__(self, images: Mapping[str, Image | Mapping[str, str]] | None) -> None:
        self._images = (
            None
            if images is None
            else {
                name: image if isinstance(image, Image) else Image(dict(image))
                for name, image in images.items()
            }
        )

    def find(self, name: str) -> Image | None:
        """Return the image of a name, or None."""
        return Image() if self._images is None else self._images.get(name)

    def add(self, name: str, image: Image) -> None:
        """Have an image from now on."""
        if self._images is not None:
            self._images[name] = image


# The path of a repository, a tag and a digest; github.com/distribution/reference (regexp.go).
_PATH = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_TAG_AND_DIGEST = re.compile(r"(?::[\w][\w.-]{0,127})?(?:@[A-Za-z][\w+.-]*:[0-9a-fA-F]{32,})?")
_REST = re.compile(rf"({_PATH}(?:/{_PATH})*)(.*)", re.DOTALL)


def invalid_reference(image: str) -> str | None:
    """Return what the kubelet finds wrong with an image's name, or None.

    >>> invalid_reference("registry.example:5000/team/flow:1")
    >>> invalid_reference("local/Flow:1")
    'couldn\'t parse image name "local/Flow:1": invalid reference format: repository name \
(local/Flow) must be lowercase'
    """
    domain, slash, rest = image.partition("/")
    is_domain = slash and ("." in domain or ":" in domain or domain in ("localhost",))
    if not (is_domain or (slash and domain != domain.lower())):
        rest = image
    found = _REST.fullmatch(rest)
    if found and _TAG_AND_DIGEST.fullmatch(found[2]):
        return None
    wrong = f'couldn\'t parse image name "{image}": invalid reference format'
    repository = rest.partition("@")[0].partition(":")[0]
    if repository != repository.lower():
        wrong += f": repository name ({repository}) must be lowercase"
    return wrong


def pull_error(image: str) -> str:
    """Return what containerd says of an image that no registry has."""
    reference = image if "/" in image else f"docker.io/library/{image}"
    reference = reference if ":" in reference.rpartition("/")[2] else f"{reference}:latest"
    return (
        f'rpc error: code = NotFound desc = failed to pull and unpack image "{reference}": '
        f'failed to resolve reference "{reference}": {reference}: not found'
    )
