"""Rigs: platforms that flowenv's backends run on, small enough to live in a test session."""

from pathlib import Path

__all__ = ["WITHOUT_BOKEH", "WITHOUT_KUBERNETES"]

WITHOUT_BOKEH = str(Path(__file__).with_name("without_bokeh"))
"""On PYTHONPATH it hides bokeh, which doubles what a Dask scheduler's start costs."""
WITHOUT_KUBERNETES = str(Path(__file__).with_name("without_kubernetes"))
"""On PYTHONPATH it hides what an image lacks that has Dask and nothing of Kubernetes."""
