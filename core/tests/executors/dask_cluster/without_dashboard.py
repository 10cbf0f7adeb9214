"""Settings of a LocalCluster."""

from typing import Any

WITHOUT_DASHBOARD: dict[str, Any] = {
    "dashboard_address": ":0",
    "scheduler_kwargs": {"dashboard": False},
}
"""No dashboard, whose import takes its time. With `dashboard_address=None` there is none either,
but port 8787 is taken, which somebody else on this machine may have."""
