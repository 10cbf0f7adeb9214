"""`flowenv spec` on Kubernetes: documents that kubectl reads."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from flowenv.cli.app import app
from flowenv.plugin import configuration

FLOW = "from flowenv import flow\n\n@flow\ndef add(text: str = ''):\n    return text\n"


def shown(folder: Path, *options: str) -> str:
    (folder / "add.py").write_text(FLOW)
    given = [str(folder / "add.py"), "--env", "k8s", *options]
    ended = CliRunner().invoke(app, ["spec", *given], catch_exceptions=False)
    assert ended.exit_code == 0, ended.output
    return ended.stdout


def test_each_manifest_is_a_document_but_one_whose_files_are_left_out(tmp_path: Path) -> None:
    text = shown(tmp_path, "-s", "runtime=shipped")
    kinds = {one["kind"]: one for one in yaml.safe_load_all(text) if one}
    assert list(kinds) == ["Job", "Secret"]  # the ConfigMap that is there couldn't become empty
    (volume,) = [
        one["configMap"]["name"]
        for one in kinds["Job"]["spec"]["template"]["spec"]["volumes"]
        if "configMap" in one
    ]
    assert f"# runtime: ConfigMap {volume}, which flowenv makes if it isn't there" in text
    assert re.search(r"^# binaryData\.\S+ has [\d,]+ bytes, left out here$", text, re.MULTILINE)
    assert kinds["Secret"]["stringData"] == {"payload.json": "***"}


def test_what_is_no_manifest_stands_in_a_comment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLOWENV_PAYLOAD_URL", "memory://payloads/")
    configuration.cache_clear()
    text = shown(
        tmp_path, "-s", "runtime=image", "-s", "metadata.image=a", "-p", "text=" + "x" * 1_100_000
    )
    assert [one["kind"] for one in yaml.safe_load_all(text) if one] == ["Job"]
    assert "# payload:\n#   url: memory://payloads/" in text


def test_for_scripts_it_is_one_object(tmp_path: Path) -> None:
    found = json.loads(shown(tmp_path, "-s", "runtime=shipped", "-o", "json"))
    assert list(found) == ["job", "runtime", "secret"]
