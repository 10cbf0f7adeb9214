"""RunTask's `clientToken`: the same token and parameters give the same tasks again.

Source for the rules: the `clientToken` and `ConflictException` parts of RunTask in botocore's
service model of ECS (ecs/2014-11-13).
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from .errors import AwsError

_VALID = re.compile(r"[\x21-\x7e]{1,64}")


def check_token(token: str) -> None:
    """Refuse a token that is longer than 64 characters or not of the characters 33 to 126."""
    if not _VALID.fullmatch(token):
        # The rule is botocore's; no public source for ECS's own words was found.
        raise AwsError(
            "InvalidParameterException",
            "(rig) clientToken has to be 1 to 64 characters from the range 33-126.",
        )


class ClientTokens:
    """The tokens used so far, by region and cluster."""

    def __init__(self) -> None:
        self._used: dict[tuple[str, str, str], tuple[str, list[str]]] = {}

    def tasks_of(
        self, region: str, cluster: str, token: str, parameters: Mapping[str, Any]
    ) -> list[str] | None:
        """The ARNs that the token stands for, or None where it is new.

        Raises a ConflictException where the token was used with other parameters.
        """
        used = self._used.get((region, cluster, token))
        if used is None:
            return None
        before, task_arns = used
        if before != _fingerprint(parameters):
            # Meaning and `resourceIds` are botocore's; no public source for the words was found.
            raise AwsError(
                "ConflictException",
                "(rig) The clientToken is already in use with a different RunTask request.",
                members={"resourceIds": task_arns},
            )
        return task_arns

    def remember(
        self,
        region: str,
        cluster: str,
        token: str,
        parameters: Mapping[str, Any],
        task_arns: list[str],
    ) -> None:
        """Note which tasks a token stands for."""
        self._used[region, cluster, token] = (_fingerprint(parameters), task_arns)


def _fingerprint(parameters: Mapping[str, Any]) -> str:
    return json.dumps(parameters, sort_keys=True)
