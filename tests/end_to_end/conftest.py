"""The report says which Kubernetes the tests saw."""

from __future__ import annotations

from typing import Any

import pytest

from on_kubernetes.cluster_under_test import IMAGE, KUBECONFIG, description


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Name the real cluster, if there was one: what passes on the rig says less."""
    if KUBECONFIG:
        terminalreporter.section("the cluster that end-to-end tests saw")
        terminalreporter.line(f"{description()}; image {IMAGE}")
