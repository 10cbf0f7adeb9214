"""What other libraries' flows can do, and how that is written here, for messages."""

from __future__ import annotations

from collections.abc import Mapping

_SUBMIT = (
    "flowenv.submit({flow}, n=5) runs it where its environment says, {flow}.run(5) in this process."
)
CALLS: Mapping[str, str] = {
    **dict.fromkeys(("submit", "delay", "apply_async", "remote", "execute", "start"), _SUBMIT),
    "map": "flowenv.map({flow}, […]) makes a run of each; one flow maps over values itself with "
    "flowenv.get_executor().map(…).",
    "with_options": "make another one: Flow({flow}.function, name=…, environment=…).",
    "serve": "flowenv schedules nothing: cron, or a CronJob, calls `flowenv run`.",
}
"""Attributes of flows."""
