"""The errors of flowenv: one root, each also the builtin that a caller would expect.

`exit_code` is what the command line exits with: 1 the flow failed, 2 wrong usage or
configuration, 3 the platform failed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from flowenv.wording import sentences

if TYPE_CHECKING:
    from flowenv.states import Reason


__all__ = [
    "FlowenvError",
    "FlowNotFound",
    "RunWhileImporting",
    "ParameterError",
    "ConfigurationError",
    "SettingError",
    "SpecError",
    "RunRefused",
    "PluginError",
    "PluginFailed",
    "BackendNotFound",
    "PayloadError",
    "UnsupportedOperation",
    "SecretNotFound",
    "PlatformError",
    "TransientPlatformError",
    "PlatformUnreachable",
    "RunNotFound",
    "RunConflict",
    "WaitTimeout",
    "RunFailed",
    "CallbackFailed",
    "RunCrashed",
    "RunCancelled",
    "ResultUnavailable",
    "FileConflict",
]


def __dir__() -> list[str]:
    return __all__


class FlowenvError(Exception):
    """The root of every error that flowenv raises itself.

    Args:
        message: what failed, on which object, and why.
        hint: the next step to take; printed behind the message.

    >>> print(FlowenvError("The file has no flow.", hint="Decorate a function with @flow."))
    The file has no flow. Decorate a function with @flow.
    """

    exit_code: ClassVar[int] = 2

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return sentences(self.message, self.hint)

    def add_hint(self, text: str) -> None:
        """Say what else helps: on a line of its own, if the hint has lines to copy."""
        between = "\n" if "\n" in self.hint else " "
        self.hint = f"{self.hint}{between}{text}".strip()

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.message, self.hint, self.__dict__))


def _rebuild(
    cls: type[FlowenvError], message: str, hint: str, state: dict[str, object]
) -> FlowenvError:
    error = cls(message, hint=hint)
    error.__dict__.update(state)
    return error


class FlowNotFound(FlowenvError, LookupError):
    """A target (a file or module) holds no such flow."""


class RunWhileImporting(FlowenvError, RuntimeError):
    """A module runs one of its own flows while it is imported: the run would import it again."""


class ParameterError(FlowenvError, TypeError, ValueError):
    """Parameters don't fit the flow's signature, or a value doesn't parse."""


class ConfigurationError(FlowenvError, ValueError):
    """A configuration file, a setting or an environment variable is wrong."""


class SettingError(ConfigurationError, TypeError):
    """A setting of an environment or executor has the wrong type or value."""


class SpecError(FlowenvError, ValueError):
    """A built or user-written spec (a manifest, a task definition) is wrong."""


class RunRefused(FlowenvError, PermissionError):
    """A plugin refused the run. Raise it from `flowenv_modify_spec` to refuse by policy."""


class PluginError(FlowenvError, ImportError):
    """A plugin can't be imported, doesn't fit the hook specs, or isn't unique."""


class PluginFailed(PluginError):
    """A plugin's hook raised an exception, which is the `__cause__`."""


class BackendNotFound(PluginError, LookupError):
    """No installed distribution provides the backend."""


class PayloadError(FlowenvError, ValueError):
    """A flow can't be packed to be shipped, or a shipped one can't be unpacked here."""


class UnsupportedOperation(FlowenvError, NotImplementedError):
    """The backend's capabilities don't include what was asked for."""


class SecretNotFound(FlowenvError, LookupError):
    """Nobody provides the named secret."""


class PlatformError(FlowenvError, RuntimeError):
    """The platform refused or failed; trying again as it is doesn't help.

    Args:
        message: what failed, on which object, and why.
        hint: the next step to take.
        reason: why, from the list that all backends share, if it is known.
    """

    exit_code = 3

    def __init__(self, message: str, *, hint: str = "", reason: Reason | None = None) -> None:
        super().__init__(message, hint=hint)
        self.reason = reason


class TransientPlatformError(PlatformError):
    """The platform failed for now; the same call may succeed later."""


class PlatformUnreachable(PlatformError, EnvironmentError):
    """No way to reach the platform was found, or it doesn't answer."""


class RunNotFound(FlowenvError, LookupError):
    """The platform has no such run, and nobody here has seen it."""

    exit_code = 3


class RunConflict(PlatformError, FileExistsError):
    """Another run holds the name that this run wants, or two say that they are the same run."""


class WaitTimeout(FlowenvError, TimeoutError):
    """The run isn't over after the time that the caller was ready to wait."""

    exit_code = 3


class RunFailed(FlowenvError, RuntimeError):
    """The flow raised an exception; `error_class` and the message name it."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "", error_class: str = "") -> None:
        super().__init__(message, hint=hint)
        self.error_class = error_class


class CallbackFailed(RunFailed):
    """`on_start`, `on_exit` or another callback of the environment raised an exception."""


class RunCrashed(PlatformError):
    """The platform or the start failed; the message says why."""


class RunCancelled(FlowenvError, RuntimeError):
    """The run was cancelled."""

    exit_code = 3


class ResultUnavailable(FlowenvError, LookupError):
    """The run completed, but its result didn't travel back."""

    exit_code = 4


class FileConflict(FlowenvError, FileExistsError):
    """Something else is where a run's files should be written."""
