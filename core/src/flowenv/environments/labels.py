"""The labels of an environment: texts, each once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from flowenv.errors import SettingError


class Labels(set[str]):
    """A set of texts whose order is always the same; it can be added to.

    >>> labels = Labels.of(["nightly", "gpu", "nightly"], "labels")
    >>> labels.add("eu")
    >>> labels, labels == {"eu", "gpu", "nightly"}
    (['eu', 'gpu', 'nightly'], True)
    """

    @classmethod
    def of(cls, given: Any, name: str) -> Labels:
        """Labels from what somebody gives.

        Args:
            given: any iterable of texts; None for none.
            name: what messages call it.

        Raises:
            SettingError: if it is something else; one text too, as its letters are meant by nobody.
        """
        if isinstance(given, str | bytes):
            raise SettingError(
                f"{name} must be several texts, not the one text {given!r}.",
                hint=f"Write [{given!r}].",
            )
        if given is None:
            return cls()
        if isinstance(given, Mapping) or not isinstance(given, Iterable):
            raise SettingError(
                f"{name} must be texts, such as a list, not {type(given).__name__} ({given!r})."
            )
        found = list(given)
        for one in found:
            if not isinstance(one, str):
                raise SettingError(f"{name} must be texts, but {one!r} is {type(one).__name__}.")
        return cls(found)

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(super().__iter__(), key=str))

    def __repr__(self) -> str:
        return repr(list(self))

    def __reduce__(self) -> tuple[Any, ...]:
        return Labels, (list(self),)
