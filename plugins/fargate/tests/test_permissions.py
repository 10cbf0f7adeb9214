"""The policies in the documentation name every action that the backend calls, and no other."""

import json
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
SOURCE = ROOT / "plugins" / "fargate" / "src" / "flowenv_fargate"
PAGE = ROOT / "docs" / "backends" / "fargate.md"
ACTIONS = {
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:HeadBucket": "s3:ListBucket",
    "s3:HeadObject": "s3:GetObject",
}
# by tags in RunTask and RegisterTaskDefinition, their roles, and presigned URLs
IMPLIED = {"ecs:TagResource", "iam:PassRole", "s3:GetObject"}


def called() -> set[str]:
    """The actions of all calls in the source."""
    found = set()
    for path in SOURCE.rglob("*.py"):
        for service, operation in re.findall(r'call\(\s*"(\w+)", "(\w+)"', path.read_text()):
            found.add(ACTIONS.get(f"{service}:{operation}", f"{service}:{operation}"))
    return found


def allowed() -> set[str]:
    """The actions that the page's policies allow."""
    found: set[str] = set()
    for block in re.findall(r"```json[^\n]*\n(.*?)```", PAGE.read_text(), re.DOTALL):
        statements: list[dict[str, Any]] = json.loads(block)["Statement"]
        for one in statements:
            actions = one["Action"]
            found |= {actions} if isinstance(actions, str) else set(actions)
    return found


def test_the_documented_policies_allow_what_is_called_and_no_more() -> None:
    assert len(called()) > 15
    assert allowed() == called() | IMPLIED
