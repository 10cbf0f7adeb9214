"""What a word in YAML means to Kubernetes.

`kubectl` reads with sigs.k8s.io/yaml, which is go-yaml v2: YAML 1.1 without numbers of base 60 and
without `=`, with `y` and `n` as true and false, `0o17` and `1e3` as numbers; dates are text
(https://github.com/kubernetes-sigs/yaml, `resolve.go` in its goyaml.v2). PyYAML's own loader reads
all of these differently.
"""

from __future__ import annotations

import base64
import math
import re
from typing import Any


class NotYaml(Exception):
    """A text that isn't YAML, or none that Kubernetes would read.

    Args:
        problem: what is wrong.
        line: where; 0 if it isn't known.
    """

    def __init__(self, problem: str, line: int) -> None:
        super().__init__(problem)
        self.problem = problem
        self.line = line


_CORE = "tag:yaml.org,2002:"
_KINDS: dict[str, tuple[type, ...]] = {
    _CORE + "int": (int,),
    _CORE + "float": (int, float),
    _CORE + "bool": (bool,),
    _CORE + "null": (type(None),),
}
_TRUE, _FALSE = (["y", "yes", "true", "on"], ["n", "no", "false", "off"])
_WORDS: dict[str, Any] = {
    "": None,
    "~": None,
    **dict.fromkeys(("null", "Null", "NULL")),
    **{form: True for word in _TRUE for form in (word, word.capitalize(), word.upper())},
    **{form: False for word in _FALSE for form in (word, word.capitalize(), word.upper())},
}
_NOT_FINITE = re.compile(r"\.(nan|NaN|NAN)|[-+]?\.(inf|Inf|INF)")
_INTEGER = re.compile(
    r"([-+]?)(?:(0[xX])([0-9a-fA-F]+)|(0[bB])([01]+)|(0[oO]?)([0-7]+)|(0|[1-9][0-9]*))"
)
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_LARGEST = 2**64


def scalar(text: str, tag: str, plain: bool, line: int = 0) -> Any:
    """What a scalar means.

    Args:
        text: as the parser gives it.
        tag: its tag, such as `!!int` in full; empty without one.
        plain: True if it stands without quotes, and in no block.
        line: where it stands, for the error.

    Raises:
        NotYaml: if it isn't what its tag says, or is a number that JSON doesn't have.
    """
    if tag == _CORE + "binary":
        try:
            return base64.b64decode(text).decode()
        except ValueError as error:
            raise NotYaml("!!binary is no text in base64", line) from error
    if tag in _KINDS or (plain and not tag):
        value = resolved(text, line)
        if tag in _KINDS and not _is_of(value, _KINDS[tag]):
            raise NotYaml(f"{text!r} is no {tag.removeprefix(_CORE)}", line)
        return value
    return text


def _is_of(value: Any, kinds: tuple[type, ...]) -> bool:
    return isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))


def resolved(text: str, line: int = 0) -> Any:
    """What a scalar without quotes means.

    Raises:
        NotYaml: if it is a number that JSON doesn't have.

    >>> [resolved(one) for one in ("12:30", "=", "0755", "1_000", "1.10", "yes", "2024-01-02")]
    ['12:30', '=', 493, 1000, 1.1, True, '2024-01-02']
    """
    if text in _WORDS:
        return _WORDS[text]
    if _NOT_FINITE.fullmatch(text):
        raise NotYaml(f"{text} is no number in JSON", line)
    if text[0] not in "0123456789+-.":
        return text
    plain = text.replace("_", "") if text[0] != "." else text
    if found := _INTEGER.fullmatch(plain):
        value = _integer(found)
        if -(2**63) <= value < _LARGEST:
            return value
    if _FLOAT.fullmatch(plain) and math.isfinite(number := float(plain)):
        # JSON as Go writes it has no fraction where there is none
        return int(number) if number.is_integer() and abs(number) < 1e21 else number
    return text


def _integer(found: re.Match[str]) -> int:
    sign = -1 if found[1] == "-" else 1
    for digits, base in ((found[3], 16), (found[5], 2), (found[7], 8), (found[8], 10)):
        if digits is not None:
            return sign * int(digits, base)
    raise AssertionError(found)
