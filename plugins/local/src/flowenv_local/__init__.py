"""Run flows in the local process."""

from flowenv_local.environment import LocalEnvironment

__all__ = ["LocalEnvironment"]
