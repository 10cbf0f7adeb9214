"""Run flows in a separate Python interpreter."""

from flowenv_subprocess.environment import SubprocessEnvironment

__all__ = ["SubprocessEnvironment"]
