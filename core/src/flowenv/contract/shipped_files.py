"""What a shipped Python file is called where it is imported: here, in a container, in a worker."""

from __future__ import annotations

import re
from pathlib import Path


def module_name(path: Path) -> str:
    """The name under which a file is imported: `my-flow.py` becomes `my_flow`.

    >>> module_name(Path("2024 my-flow.py"))
    '_2024_my_flow'
    """
    name = re.sub(r"\W", "_", path.stem)
    return name if name.isidentifier() else f"_{name}"
