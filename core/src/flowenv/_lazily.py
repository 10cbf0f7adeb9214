"""Doors whose names are imported when they are first used."""

from __future__ import annotations

import importlib

TYPE_CHECKING = False  # as type checkers know it: `typing` itself takes its time
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def names_of(
    door: dict[str, object], places: Mapping[str, str], former: str = ""
) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """A door's `__getattr__` and `__dir__`.

    Args:
        door: the module's globals, with its `__name__` and `__all__`.
        places: names by the module below `flowenv` that they come from, as one text each; a
            module may be a name itself.
        former: a module below `flowenv` whose `IMPORTED` says what became of other names.
    """
    where = {name: module for module, names in places.items() for name in names.split()}

    def get(name: str) -> object:
        if name not in where:
            if former and not name.startswith("_"):
                known = importlib.import_module(f"flowenv.{former}")
                if name in known.IMPORTED:  # an AttributeError's words are lost in an import
                    what = f"{door['__name__']} has no {name!r}: {known.IMPORTED[name]}"
                    raise ImportError(f"{what} {known.PAGE}")
            raise AttributeError(f"module {door['__name__']!r} has no attribute {name!r}")
        module = importlib.import_module(f"flowenv.{where[name]}")
        value = getattr(module, name, module)  # the module itself can be the name
        door[name] = value
        return value

    return get, lambda: list(door["__all__"])  # type: ignore[call-overload]
