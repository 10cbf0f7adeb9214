"""The version of the core, without asking the distribution's metadata for it."""

__version__ = "0.1.0"
