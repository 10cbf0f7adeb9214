"""The log group of flows whose log settings are flowenv's: there when a run needs it."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any

from flowenv_fargate.api.client import Aws
from flowenv_fargate.api.refusals import AwsRefused, Kind

SEEN_FOR = 30.0
"""Seconds after which a log group that was there is made again, in case somebody deleted it."""


class LogGroups:
    """The log groups of one account, as far as this process needs them.

    Args:
        aws: calls AWS.
    """

    def __init__(self, aws: Aws) -> None:
        self._aws = aws
        self._seen: dict[str, float] = {}
        self._lock = threading.Lock()

    def forget(self) -> None:
        """Make them again when they are needed next: a task has missed its own."""
        self._seen.clear()

    def ensure(self, options: Mapping[str, Any], *, needed: bool) -> None:
        """Make a log group if it isn't there.

        Args:
            options: of the log configuration.
            needed: False where the definition is there already, and the group probably too:
                then it is no error if it may not be made.

        Raises:
            PlatformError: if it can't be made.
        """
        group = str(options["awslogs-group"])
        with self._lock:  # of many runs at once, one looks
            seen = self._seen.get(group)
            if seen is None or time.monotonic() - seen > SEEN_FOR:
                self._make(group, options.get("awslogs-region"), needed)
                self._seen[group] = time.monotonic()

    def _make(self, group: str, region: str | None, needed: bool) -> None:
        parameters = {"logGroupName": group}
        try:
            self._aws.call("logs", "CreateLogGroup", parameters, region=region)
        except AwsRefused as error:
            if error.refusal.code == "ResourceAlreadyExistsException":
                return
            if error.refusal.kind is Kind.DENIED and not needed:
                return
            error.hint = (
                f"Make the log group {group} yourself, allow logs:CreateLogGroup, or pass "
                "log_group=None to do without logs."
            )
            raise
