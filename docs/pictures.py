"""Makes the pictures of the README and of these pages: `nox -s pictures`.

Each is of something that runs: commands on a terminal of their own, pages in a browser. The
platform is the repository's stand-in for Kubernetes. The drawings aren't made here: `generate.py`
draws the architecture, and the life of a run is drawn by hand.
"""

from __future__ import annotations

import os
import re
import runpy
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from rigs.kubernetes import Image, KubernetesRig

ROOT = Path(__file__).parents[1]
PICTURES = ROOT / "docs" / "pictures"
TERMINAL = "terminal.svg"
PAGES = ("run", "batch")
MADE = (
    TERMINAL,
    *(f"{name}-{scheme}.png" for name in PAGES for scheme in ("dark", "light")),
)
"""The pictures that are made here."""
NAMESPACE = "team-a"
CONFIGURATION = """\
[environments.prod]
type = "k8s"
metadata = {image = "python:3-slim"}
"""
TOOL = str(Path(sys.executable).with_name("flowenv"))
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
WIDTH, HEIGHT = 1120, 900
COLOURS = 200
ROWS = """\
group,min_count,output
species,10,out
species,100,out
species,200,out
island,10,out
island,60,out
island,10,/dev/null/out
sex,10,out
sex,100,out
sex,150,out
"""
"""The parameters of nine runs, of which one fails: there is no such folder, and can't be."""


@contextmanager
def place() -> Iterator[tuple[Path, Mapping[str, str]]]:
    """A folder where `--env prod` is a cluster that runs, and the variables for commands there.

    The cluster's image has Python and no flowenv, as Python's own images.
    """
    images = {
        "python:3-slim": Image.of_environment(sys.base_prefix),
        "flows:7": Image(),
    }
    with tempfile.TemporaryDirectory() as made, KubernetesRig(images=images) as rig:
        folder = Path(made)
        rig.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
        kubeconfig = rig.kubeconfig(folder / "kubeconfig", namespace=NAMESPACE)
        (folder / "flowenv.toml").write_text(CONFIGURATION)
        (folder / "shop.py").write_text(flow_of_readme())
        yield (
            folder,
            {
                "PATH": os.environ["PATH"],
                "KUBECONFIG": str(kubeconfig),
                "HOME": made,
                "LOGNAME": "ada",
                "LANG": "C.UTF-8",
            },
        )


def flow_of_readme() -> str:
    """The README's first example."""
    readme = (ROOT / "README.md").read_text("utf-8")
    return readme.partition("```python\n")[2].partition("```")[0]


def run_on_a_terminal() -> list[str]:
    """What a user sees who runs the README's flow, and asks how it went."""
    terminal = runpy.run_path(str(ROOT / "docs" / "terminal.py"))
    lines: list[str] = []

    def type_in(*arguments: str) -> None:
        printed = terminal["record"]([TOOL, *arguments], folder, variables)
        lines.extend(
            [f"\x1b[1m$ flowenv {' '.join(arguments)}\x1b[0m", *terminal["screen"](printed)]
        )

    with place() as (folder, variables):
        type_in("run", "shop.py", "--env", "prod", "-p", "prices=12.5,30")
        type_in("runs", "--env", "prod")
        shown = terminal["plain"]("\n".join(lines))
        [reference, *_] = re.findall(rf"{NAMESPACE}/total-[0-9a-f]+", shown)
        type_in("status", reference, "--env", "prod")
    return lines


def write_pages(folder: Path, variables: Mapping[str, str]) -> None:
    """Make `run.html` and `batch.html`, the pages about an example's run and about nine of them."""
    (folder / "groups.csv").write_text(ROWS)
    flow = (str(ROOT / "examples" / "penguins" / "penguins.py"), "--env", "prod")
    image = ("-s", "metadata.image=flows:7")
    for code, more in (
        (0, ("--report", "run.html")),
        (
            1,
            (
                "--each",
                "groups.csv",
                "--batch",
                "bills",
                "--at-once",
                "3",
                "--report",
                "batch.html",
            ),
        ),
    ):
        done = subprocess.run(
            [TOOL, "run", *flow, *image, *more], cwd=folder, env=variables, check=False
        )
        if done.returncode != code:
            raise RuntimeError(f"{more} exited with {done.returncode}, not {code}")


def photograph(page: Path, name: str) -> None:
    """Take pictures of a page, light and dark, as `NAME-light.png` and `NAME-dark.png`."""
    from PIL import Image as Pixels

    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise RuntimeError(f"No browser: install one of {', '.join(BROWSERS)}.")
    for number, scheme in enumerate(("dark", "light")):
        taken = page.with_suffix(f".{scheme}.png")
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        options += [f"--blink-settings=preferredColorScheme={number}", f"--screenshot={taken}"]
        options += [f"--window-size={WIDTH},{HEIGHT}", "--force-device-scale-factor=1.25"]
        subprocess.run([browser, *options, page.as_uri()], check=True, stderr=subprocess.DEVNULL)
        with Pixels.open(taken) as pixels:
            few = pixels.convert("RGB").quantize(COLOURS, dither=Pixels.Dither.NONE)
            few.save(PICTURES / f"{name}-{scheme}.png", optimize=True)


def write_terminal() -> None:
    """Make the picture of a terminal anew."""
    terminal = runpy.run_path(str(ROOT / "docs" / "terminal.py"))
    drawn = terminal["picture"](run_on_a_terminal(), "flowenv")
    (PICTURES / TERMINAL).write_text(drawn, "utf-8")


def write_photographs() -> None:
    """Make the pictures of pages anew."""
    with place() as (folder, variables):
        write_pages(folder, variables)
        for name in PAGES:
            photograph(folder / f"{name}.html", name)


if __name__ == "__main__":
    write_terminal()
    if sys.argv[1:] != ["terminal"]:
        write_photographs()
