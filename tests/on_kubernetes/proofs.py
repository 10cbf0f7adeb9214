"""What the process of a submitted run can prove, as it has read its payload."""

from __future__ import annotations

import re

from flowenv.plugin import PAYLOAD_FILE, FlowRun, revealed
from flowenv.results.record.seal import proof_of


def proof(run: FlowRun) -> str:
    """The proof that belongs into the record of a run that this process has submitted."""
    assert run.spec
    stored = run.spec.get("payload")
    content = stored["content"] if stored else None
    if content is None:
        secret = run.spec["secret"]
        content = {**secret.get("data", {}), **revealed(secret["stringData"])}[PAYLOAD_FILE]
    return proof_of(content.encode() if isinstance(content, str) else content)


def unsealed(text: str) -> str:
    """A spec as JSON without the seal, which is another for each run."""
    return re.sub(r'("FLOWENV_PAYLOAD_SEAL", "value": ")[0-9a-f]{64}"', r'\1…"', text)
