"""Run flows on acme."""

from flowenv_acme.environment import AcmeEnvironment

__all__ = ["AcmeEnvironment"]
