"""A value that must not be seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from flowenv.redaction import keep_out_of_logs


class Secret:
    """A string that never shows in a print, a log, a repr, an error or a pickle.

    It travels by the platform's own secret mechanism where there is one: a Kubernetes
    Secret, or, when a `reference` is given, what the platform resolves by itself.

    Args:
        value: the secret text; not needed with a reference.
        reference: the platform's name for the secret, such as the ARN of an AWS
            Secrets Manager secret; the value then never passes through this process.

    >>> token = Secret("s3cr3t")
    >>> token, f"{token}"
    (Secret('***'), '***')
    >>> token.reveal()
    's3cr3t'
    >>> Secret(reference="arn:aws:secretsmanager:eu-west-1:123456789012:secret:token")
    Secret(reference='arn:aws:secretsmanager:eu-west-1:123456789012:secret:token')
    """

    __slots__ = ("_value", "reference")

    def __init__(self, value: str | None = None, *, reference: str | None = None) -> None:
        if (value is None) == (reference is None):
            raise TypeError("A Secret takes either a value or a reference.")
        if not isinstance(value, str | None) or not isinstance(reference, str | None):
            raise TypeError("A Secret's value and reference are strings.")
        self._value = value
        self.reference = reference

    def reveal(self) -> str:
        """The secret text itself; from now on it is kept out of all logs of this process.

        Raises:
            ValueError: if the secret is only a reference, which the platform resolves.
        """
        text = self._revealed()
        keep_out_of_logs(text)
        return text

    def _revealed(self) -> str:
        if self._value is None:
            raise ValueError(f"{self!r} holds no value here: the platform resolves it.")
        return self._value

    @property
    def size(self) -> int:
        """How many bytes the secret text has, without revealing it; 0 for a reference.

        >>> Secret("s3cr3t").size
        6
        """
        return len((self._value or "").encode())

    def __repr__(self) -> str:
        return f"Secret(reference={self.reference!r})" if self.reference else "Secret('***')"

    def __str__(self) -> str:
        return "***"

    def __format__(self, spec: str) -> str:
        return format("***", spec)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return (self._value, self.reference) == (other._value, other.reference)

    def __hash__(self) -> int:
        return hash((self._value, self.reference))

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        # a spec with secrets in it is copied to show what a plugin has changed
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("A Secret can't be pickled: it would be readable.")


class SecretDocument(Secret):
    """A text that is masked as a `Secret` is, and isn't looked for in logs.

    It is for what is confidential as a whole, such as a payload, and is no credential. Each run has
    one of its own: thousands of them would have every log record searched for each.

    >>> SecretDocument('{"parameters": {}}')
    Secret('***')
    """

    __slots__ = ()

    def reveal(self) -> str:
        """The text itself.

        Raises:
            ValueError: if it is only a reference, which the platform resolves.
        """
        return self._revealed()


def revealed(value: Any) -> Any:
    """A copy of a spec, or of a part of it, in which every Secret is its text.

    Only for what is sent now: whatever shows or keeps a spec gets it as it is.

    Raises:
        ValueError: if a secret is only a reference, which the platform resolves.

    >>> revealed({"env": [{"name": "TOKEN", "value": Secret("s3cr3t")}]})
    {'env': [{'name': 'TOKEN', 'value': 's3cr3t'}]}
    """
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, Mapping):
        return {key: revealed(one) for key, one in value.items()}
    if type(value) in (list, tuple):  # a platform's library may mean something by other kinds
        return type(value)(revealed(one) for one in value)
    return value
