"""Are the installed packages what they were when they were installed?

Compares each file of each installed distribution with the hash in the distribution's own record,
one call a distribution. Needs nothing but Python, so it runs in any image, and it uses
`get_executor()`: the interface of `concurrent.futures`, on whatever executor the flow has.

    flowenv run examples/image_check/image_check.py
    flowenv run examples/image_check/image_check.py -p pattern='dask*'
"""

import csv
import hashlib
from base64 import urlsafe_b64encode
from fnmatch import fnmatch
from importlib.metadata import distribution, distributions
from pathlib import Path
from typing import Any

from flowenv import flow, get_executor


@flow
def check_image(pattern: str = "*") -> dict[str, Any]:
    """Find installed files that are gone or no longer match their recorded hash.

    Args:
        pattern: Which distributions, by name; ``*`` stands for any characters.

    Returns:
        How many distributions and files were checked, and the paths of files that differ.
    """
    names = sorted({d.name for d in distributions() if fnmatch(d.name, pattern)})
    checked, damaged = 0, []
    for count, bad in get_executor().map(check_distribution, names):
        checked += count
        damaged += bad
    return {"distributions": len(names), "files": checked, "damaged": damaged}


def check_distribution(name: str) -> tuple[int, list[str]]:
    """Return how many files of a distribution have a recorded hash, and which don't match it."""
    found = distribution(name)
    # Not `found.files`: some versions of importlib.metadata leave missing files out of it.
    record = csv.reader((found.read_text("RECORD") or "").splitlines())
    hashes = {path: recorded for path, recorded, _size in record if recorded}
    damaged = [
        path
        for path, recorded in hashes.items()
        if not is_intact(Path(str(found.locate_file(path))), recorded)
    ]
    return len(hashes), damaged


def is_intact(path: Path, recorded: str) -> bool:
    """Say whether a file is there and has the recorded hash, such as ``sha256=5b3f…``."""
    if not path.is_file():
        return False
    algorithm, _, expected = recorded.partition("=")
    with path.open("rb") as content:
        digest = hashlib.file_digest(content, algorithm).digest()
    return urlsafe_b64encode(digest).decode().rstrip("=") == expected
