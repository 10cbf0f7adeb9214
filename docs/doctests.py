"""A griffe extension: shows the doctests of docstrings as code in the API reference."""

from __future__ import annotations

import re
from typing import Any

import griffe

_DOCTEST = re.compile(r"^>>> .*(?:\n.+)*", re.MULTILINE)


class FencedDoctests(griffe.Extension):
    """Puts each paragraph that begins with `>>>` into a fence."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Griffe calls this with each class, function and attribute that it has read."""
        if obj.docstring:
            obj.docstring.value = _DOCTEST.sub(r"```python\n\g<0>\n```", obj.docstring.value)
