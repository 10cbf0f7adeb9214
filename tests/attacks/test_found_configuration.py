"""A configuration that somebody else has put where it is found runs nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

FLOW = "from flowenv import flow\n\n@flow\ndef hello() -> int:\n    return 1\n"
SOMEBODY = 12345


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder of the user's own below one in which somebody left a configuration."""
    (tmp_path / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    (tmp_path / "flowenv.toml").write_text('plugins = ["evil.py"]\n')
    below = tmp_path / "below"
    below.mkdir()
    (below / "hello.py").write_text(FLOW)
    return below


def flowenv(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    kept = {n: v for n, v in os.environ.items() if not n.startswith("FLOWENV_")}
    return subprocess.run(
        [str(Path(sys.executable).with_name("flowenv")), *arguments],
        cwd=folder,
        env={**kept, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_users_own_file_is_read(place: Path) -> None:
    flowenv(place, "run", "hello.py")
    assert (place.parent / "ran").exists()


@pytest.mark.parametrize("what", ["flowenv.toml", "."])
@pytest.mark.parametrize("mode", [0o602, 0o777])
def test_a_file_that_everybody_may_write_is_skipped_and_named(
    place: Path, what: str, mode: int
) -> None:
    (place.parent / what).chmod(mode | (0o100 if what == "." else 0))
    ended = flowenv(place, "run", "hello.py")
    assert not (place.parent / "ran").exists()
    assert f"{place.parent / 'flowenv.toml'} is skipped: everybody may write to it" in (
        ended.stderr.replace(f"its folder {place.parent}", "it")
    )
    assert (ended.returncode, ended.stdout) == (0, "Result: 1\n")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("what", ["flowenv.toml", "."])
def test_a_file_of_somebody_else_is_skipped_and_named(place: Path, what: str) -> None:
    os.chown(place.parent / what, SOMEBODY, SOMEBODY)
    ended = flowenv(place, "run", "hello.py")
    assert not (place.parent / "ran").exists()
    assert f"belongs to another user ({SOMEBODY})" in ended.stderr


def test_the_variable_says_otherwise(place: Path) -> None:
    (place.parent / "flowenv.toml").chmod(0o666)
    flowenv(place, "run", "hello.py", FLOWENV_CONFIG="../flowenv.toml")
    assert (place.parent / "ran").exists()


def test_nothing_is_searched_above_the_home_directory(place: Path) -> None:
    flowenv(place, "run", "hello.py", HOME=str(place))
    assert not (place.parent / "ran").exists()


def test_the_working_directory_hides_no_installed_module(place: Path) -> None:
    ran = place / "ran"
    (place / "yaml.py").write_text(f"open({str(ran)!r}, 'w')\n")
    (place / "pack").mkdir()
    (place / "pack" / "flows.py").write_text(FLOW)
    ended = flowenv(place, "spec", "pack.flows:hello")
    assert ended.returncode == 0, ended.stderr
    assert not ran.exists()
