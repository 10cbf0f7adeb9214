"""A folder of wheels, as an index would give them: of a distribution that nobody else has."""

from __future__ import annotations

import zipfile
from pathlib import Path


def wheel(folder: Path, version: str, name: str = "parcel") -> Path:
    """A wheel with one module, which says its `VERSION`.

    Args:
        folder: where it is made.
        version: its version.
        name: of the distribution and of its module.
    """
    folder.mkdir(exist_ok=True)
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": f"VERSION = {version!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    made = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(made, "w") as archive:
        for path, content in files.items():
            archive.writestr(path, content)
        archive.writestr(f"{info}/RECORD", "".join(f"{path},,\n" for path in files))
    return made
