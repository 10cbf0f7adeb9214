"""A user's manifest is checked when the environment is made, with file and line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from flowenv import make_environment
from flowenv.errors import SettingError, SpecError
from flowenv_k8s import KubernetesJobEnvironment

JOB = """\
apiVersion: batch/v1
kind: Job
metadata:
  name: my-job
spec:
  template:
    spec:
      containers:
      - name: flow
        image: repo/flow:1
"""

Write = Callable[[str], str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(text: str) -> str:
        path = tmp_path / "job.yaml"
        path.write_text(text)
        return str(path)

    return write


def refusal(path: str) -> str:
    with pytest.raises(SpecError) as caught:
        KubernetesJobEnvironment(job_spec_file=path)
    return str(caught.value)


def test_a_file_may_go_once_the_environment_is_made(write: Write) -> None:
    path = write(JOB)
    environment = KubernetesJobEnvironment(path)
    Path(path).unlink()
    assert environment.manifest.data["metadata"]["name"] == "my-job"


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("  name: my-job", "  name: [my-job", 5, "this is no YAML"),
        ("kind: Job", "kind: Pod", 2, "this is a Pod, not a Job"),
        ("apiVersion: batch/v1", "apiVersion: v1", 1, "it must be batch/v1"),
        ("  name: my-job", "  name: My_Job", 4, "'My_Job' is no valid name"),
        ("  name: my-job", "  labels: {a: 0755}", 4, 'Quote it: "0755"'),
        ("  name: my-job", "  labels: {a: yes}", 4, "the label a is yes, which is no text"),
        ("  name: my-job", "  annotations: {a: 1.10}", 4, 'Quote it: "1.10"'),
        ("  name: my-job", "  name: 0123", 4, "name is 0123, which is no text"),
        ("  name: my-job", "  namespace: 12", 4, 'Quote it: "12"'),
        ("  name: my-job", "  name: [a]", 4, "name must be a text, not a list"),
        ("  name: my-job", "  label: {a: b}", 4, "'labels'?"),
        ("  name: my-job", "  name: a\n  name: b", 5, "the key 'name' comes twice"),
        ("spec:\n  template", "spec:\n  completions: 3\n  template", 6, "completions is 3"),
        ("spec:\n  template", "spec:\n  parallelism: 2\n  template", 6, "parallelism is 2"),
        ("spec:\n  template", "spec:\n  parallelism: 0\n  template", 6, "parallelism is 0"),
        ("spec:\n  template", "spec:\n  backoffLimit: x\n  template", 6, "must be a whole number"),
        (
            "    spec:\n      containers",
            "    spec:\n      restartPolicy: OnFailure\n      containers",
            8,
            "would run twice",
        ),
        ("spec:\n  template", "spec:\n  backoffLimit: -1\n  template", 6, "must be 0 or more"),
        ("spec:\n  template", "spec:\n  suspend: 'no'\n  template", 6, "must be true or false"),
        (
            "spec:\n  template",
            "spec:\n  serviceAccountName: a\n  template",
            6,
            "It belongs to the pod's spec (spec.template.spec)",
        ),
        (
            "      containers:",
            "      imagePullPolicy: Always\n      containers:",
            8,
            "It belongs to a container (spec.template.spec.containers[0])",
        ),
        (":1\n", ":1\n        backoffLimit: 1\n", 11, "It belongs to the Job's spec (spec)"),
        ("spec:\n  template", "labels: {a: b}\nspec:\n  template", 5, "It belongs to metadata"),
        (":1\n", ":1\n        args: [a, 0755]\n", 11, "args[1] is 0755, which is no text"),
        (":1\n", ":1\n        args: [on]\n", 11, 'Quote it: "on"'),
        (":1\n", ":1\n        command: python x.py\n", 11, '[sh, -c, "python x.py"]'),
        (":1\n", ":1\n        workingDir: 7\n", 11, 'Quote it: "7"'),
        (":1\n", ":1\n        stdin: 1\n", 11, "stdin must be true or false, not '1'"),
        (":1\n", ":1\n      - name: side\n", 11, "the container side has no image"),
        (":1\n", ":1\n      - {name: flow, image: b}\n", 11, "two containers have the name"),
        (":1\n", ":1\n        env:\n        - value: a\n", 12, "no valid name"),
        (":1\n", ":1\n        env:\n        - {name: A, value: 1}\n", 12, 'Quote it: "1"'),
        (
            ":1\n",
            ":1\n        env:\n        - {name: A, val: a}\n",
            12,
            "field 'val' here. Did you mean",
        ),
        (
            ":1\n",
            ":1\n        env:\n        - {name: A, value: a}\n        - {name: A}\n",
            13,
            "A comes twice",
        ),
        (
            ":1\n",
            ":1\n        env:\n        - {name: A, value: a, valueFrom: {b: c}}\n",
            12,
            "both a value and a valueFrom",
        ),
        ("      containers:", "      restartPolicy: Always\n      containers:", 8, "Never or OnF"),
        ("spec:\n  template", "spec:\n  backofLimit: 1\n  template", 6, "'backoffLimit'?"),
        (
            "      containers:",
            "      nodeselector: {a: b}\n      containers:",
            8,
            "'nodeSelector'?",
        ),
        (":1\n", ":1\n        resorces: {limits: {cpu: 1}}\n", 11, "Did you mean 'resources'?"),
        (
            ":1\n",
            ":1\n        resources:\n          limits:\n            memory: 1 Gigs\n",
            13,
            "limits.memory is '1 Gigs', which is no quantity",
        ),
        (
            ":1\n",
            ":1\n        resources:\n          limits: {memory: 128m}\n",
            12,
            "limits.memory is '128m', which is 0.128 bytes",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_line(
    write: Write, old: str, new: str, line: int, said: str
) -> None:
    assert old in JOB
    message = refusal(write(JOB.replace(old, new)))
    assert f"job.yaml:{line}: " in message
    assert said in message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "has 0 YAML documents"),
        (JOB + "---\n" + JOB, "has 2 YAML documents"),
        ("- a\n", "this is a list"),
        ("kind: Job\nspec: 3\n", "spec must be a mapping"),
        ("kind: Job\nspec: {template: {spec: {containers: [a]}}}\n", "must be a mapping"),
        ("kind: Job\nspec: {template: {spec: {containers: {a: b}}}}\n", "must be a list"),
    ],
)
def test_what_is_no_manifest_is_refused(write: Write, text: str, said: str) -> None:
    assert said in refusal(write(text))


def test_a_configured_file_is_beside_the_configuration(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(JOB)
    toml = '[environments.nightly]\ntype = "k8s"\njob_spec_file = "job.yaml"\n'
    (tmp_path / "flowenv.toml").write_text(toml)
    (tmp_path / "flows").mkdir()
    monkeypatch.chdir(tmp_path / "flows")
    environment = make_environment("nightly")
    assert isinstance(environment, KubernetesJobEnvironment)
    assert environment.manifest.data["metadata"]["name"] == "my-job"


def test_a_file_that_is_not_there_is_named() -> None:
    assert "nowhere.yaml can't be read: No such file" in refusal("nowhere.yaml")


def test_in_the_flows_container_it_is_said_how_the_file_gets_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FLOWENV_PAYLOAD", "/var/run/flowenv/payload.json")
    with pytest.raises(SpecError) as caught:
        KubernetesJobEnvironment("job.yaml")
    assert "@flow(files=['job.yaml'])" in caught.value.hint


def test_a_date_in_yaml_is_a_string_as_for_kubernetes(write: Write) -> None:
    path = write(JOB.replace("  name: my-job", "  annotations: {since: 2026-11-22}"))
    environment = KubernetesJobEnvironment(job_spec_file=path)
    assert environment.manifest.data["metadata"]["annotations"] == {"since": "2026-11-22"}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"ttl": -1}, "ttl must not be negative"),
        ({"deadline": "1h"}, "deadline must be"),
        ({"image_pull_policy": "Sometimes"}, "image_pull_policy must be"),
        ({"resources": {"memory": "2Gi"}}, "resources has memory"),
        ({"resources": {"limits": {"memory": "1 Gigs"}}}, "limits.memory is '1 Gigs'"),
        ({"resources": {"limits": {"memory": 5}}}, "'5', which is 5 bytes.*512Mi"),
        ({"resources": {"requests": "2Gi"}}, "requests is '2Gi', which is no quantity"),
        ({"job_spec": {}, "job_spec_file": "a"}, "not both"),
    ],
)
def test_a_wrong_setting_is_refused(settings: dict[str, object], said: str) -> None:
    with pytest.raises(SettingError, match=said):
        KubernetesJobEnvironment(**settings)  # type: ignore[arg-type]
