"""Pages of at most a hundred results, as ECS's List operations give them."""

from collections.abc import Mapping
from typing import Any

PAGE_SIZE = 100


def page(name: str, results: list[str], parameters: Mapping[str, Any]) -> dict[str, Any]:
    """One page of `results`, and a `nextToken` where there are more."""
    start = int(parameters.get("nextToken") or 0)
    end = start + (parameters.get("maxResults") or PAGE_SIZE)
    answer: dict[str, Any] = {name: results[start:end]}
    if end < len(results):
        answer["nextToken"] = str(end)
    return answer
