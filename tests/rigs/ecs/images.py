"""Images: what a container image is to a rig that has no container engine."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"


@dataclass(frozen=True)
class Image:
    """An image that can be pulled: its environment variables, ENTRYPOINT and CMD.

    `environment` needs a PATH on which the container's command is found.
    """

    environment: Mapping[str, str] = field(default_factory=lambda: {"PATH": _SYSTEM_PATH})
    entrypoint: Sequence[str] = ()
    command: Sequence[str] = ()

    @classmethod
    def of_interpreter(cls, python: str = sys.executable, **environment: str) -> "Image":
        """An image in which `python` and the scripts beside it are found.

        Example: `EcsRig(images={"flow:1": Image.of_interpreter()})`.
        """
        path = f"{Path(python).parent}:{_SYSTEM_PATH}"
        return cls(environment={"PATH": path, "PYTHONDONTWRITEBYTECODE": "1", **environment})


class Images:
    """The images that a rig can pull, by reference."""

    def __init__(self, images: Mapping[str, Image | Mapping[str, str]]) -> None:
        self._images = {
            reference: image if isinstance(image, Image) else Image(environment=image)
            for reference, image in images.items()
        }

    def find(self, reference: str) -> Image | None:
        """The image, or None where no registry has it."""
        return self._images.get(reference)
