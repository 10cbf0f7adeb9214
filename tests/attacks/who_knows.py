"""A flow that looks which processes of this machine know its token."""

from __future__ import annotations

import os
from pathlib import Path

from flowenv import flow


@flow
def who_knows(parallel: bool = False) -> dict[str, list[str]]:
    """The command lines of processes that show the token, in them or among their variables."""
    if parallel:
        import dask

        dask.delayed(len)("started").compute()
    token = "-".join(["pl4nted", "t0ken", "of", "this", "test"]).encode()
    found: dict[str, list[str]] = {"cmdline": [], "environ": []}
    for process in Path("/proc").glob("[0-9]*"):
        for name, seen in found.items():
            try:
                text = (process / name).read_bytes()
                if token in text and process.name != str(os.getpid()):
                    line = (process / "cmdline").read_bytes().replace(b"\0", b" ")
                    seen.append(line.decode(errors="replace")[:200])
            except OSError:
                continue  # it is over
    return found
