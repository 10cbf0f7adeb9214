"""Names and label values that Kubernetes accepts, from any text.

Names are lower-case RFC 1123 labels of at most 63 characters, since a Job's name becomes the
value of a label on its pods
(https://kubernetes.io/docs/concepts/overview/working-with-objects/names/).
"""

from __future__ import annotations

import re
import unicodedata

from flowenv.errors import SpecError

LONGEST = 63
"""The most characters of a name or a label's value."""

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?")
_PREFIX = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")


def is_name(text: object, longest: int = LONGEST) -> bool:
    """True if Kubernetes takes the text as a Job's name.

    >>> is_name("nightly-7.b"), is_name("Nightly"), is_name("a" * 64)
    (True, False, False)
    """
    return isinstance(text, str) and len(text) <= longest and bool(_NAME.fullmatch(text))


def is_label_value(text: object) -> bool:
    """True if Kubernetes takes the text as a label's value."""
    return isinstance(text, str) and len(text) <= LONGEST and bool(_VALUE.fullmatch(text))


def is_label_key(text: object) -> bool:
    """True if Kubernetes takes the text as a label's or annotation's key.

    >>> is_label_key("flowenv.io/run-id"), is_label_key("a/b/c"), is_label_key("")
    (True, False, False)
    """
    if not isinstance(text, str):
        return False
    prefix, slash, name = text.rpartition("/")
    if slash and not (len(prefix) <= 253 and _PREFIX.fullmatch(prefix)):
        return False
    return 0 < len(name) <= LONGEST and bool(_VALUE.fullmatch(name))


def slug(text: str) -> str:
    """The text as lower-case letters, digits and single dashes; accents are dropped.

    >>> slug("Prévision — Nuit 2"), slug("夜")
    ('prevision-nuit-2', '')
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")


def run_suffix(run_id: str) -> str:
    """The part of a run's id that tells its objects from others': 12 hexadecimal digits.

    >>> run_suffix("6f1c1a52-0f5e-4b5e-9d55-2f6c1f1f0a11")
    '6f1c1a520f5e'
    """
    return slug(run_id).replace("-", "")[:12]


def object_name(base: str, suffix: str = "", longest: int = LONGEST) -> str:
    """A valid name from any text, cut so that the suffix stays whole.

    Args:
        base: what the object is called, such as the flow's name.
        suffix: what tells it from others, such as `run_suffix(…)`: letters and digits.
        longest: the most characters; a DaskCluster's name may have 53.

    Returns:
        A lower-case name without dots; `flow` stands for a base of which nothing is left.

    >>> object_name("Train (GPU)", "0f5e"), object_name("夜", "0f5e")
    ('train-gpu-0f5e', 'flow-0f5e')
    """
    room = longest - (len(suffix) + 1 if suffix else 0)
    stem = slug(base)[:room].strip("-") or "flow"
    return f"{stem}-{suffix}" if suffix else stem


def label_value(text: str) -> str:
    """A valid label value for any text: the text itself where it is valid.

    Otherwise it is cut and cleaned, and a short hash keeps different texts apart.

    Raises:
        SpecError: if the text is empty, so that nothing could be found by it.

    >>> label_value("nightly"), label_value("team a/gpu")
    ('nightly', 'team-a-gpu-ad77169c')
    """
    if not text.strip():
        raise SpecError("A label is empty, so no run could be found by it.")
    if is_label_value(text):
        return text
    mark = _mark(text)
    stem = re.sub(r"[^A-Za-z0-9_.]+", "-", text)[: LONGEST - 9].strip("-_.")
    return f"{stem}-{mark}" if stem else mark


def label_key_part(text: str, longest: int) -> str:
    """The text as the end of a label's key, at most so long; like `label_value`."""
    value = label_value(text)
    if len(value) <= longest:
        return value
    mark = _mark(text)
    return f"{value[: longest - 9].strip('-_.')}-{mark}"


def _mark(text: str) -> str:
    """What tells texts apart that look alike once they are cut and cleaned."""
    import hashlib  # most names and labels need no mark

    return hashlib.sha256(text.encode()).hexdigest()[:8]
