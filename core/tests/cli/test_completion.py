"""Completion in the shells themselves."""

from __future__ import annotations

import shutil

import pytest

from .project import Project


def complete_in_bash(project: Project, *words: str) -> list[str]:
    """What bash would offer for the last word."""
    quoted = " ".join(f"'{word}'" for word in words)
    script = f"""
        eval "$(flowenv completion bash)"
        COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}
        compopt() {{ printf '%s ' compopt "$@"; echo; }}
        _flowenv_completion flowenv
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    return project.shell("bash", script).split("\n")[:-1]


def test_commands_complete(project: Project) -> None:
    assert complete_in_bash(project, "flowenv", "sw") == ["sweep"]


def test_environments_complete_from_configuration_and_backends(fake: Project) -> None:
    fake.write("flowenv.toml", '[environments.fast]\ntype = "local"\n')
    assert set(complete_in_bash(fake, "flowenv", "run", "--env", "fa")) >= {"fast", "fake"}


def test_a_broken_configuration_doesnt_disturb_the_typing(fake: Project) -> None:
    fake.write("flowenv.toml", "image = \n")
    assert "fake" in complete_in_bash(fake, "flowenv", "runs", "--env", "fa")


@pytest.mark.parametrize("words", [["run", "fl"], ["run", "--plugin", "po"]])
def test_files_complete_where_files_go(project: Project, words: list[str]) -> None:
    assert "compopt -o default " in complete_in_bash(project, "flowenv", *words)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_one_that_the_shell_understands(project: Project, shell: str) -> None:
    script = project.flowenv("completion", shell).stdout
    assert "_FLOWENV_COMPLETE" in script
    if shell == "fish":  # a help text with commas comes whole
        assert 'string split --max 1 ","' in script
    if not shutil.which(shell):
        pytest.skip(f"{shell} isn't here to read it")
    path = project.write("script", script)
    project.shell(shell, f"{shell} -n {path}")
