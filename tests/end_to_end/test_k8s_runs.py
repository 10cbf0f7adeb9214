"""Flows as Kubernetes Jobs, as users start them: the command line, files, modules, a prompt.

On the Kubernetes rig; on a real cluster when `FLOWENV_TEST_KUBECONFIG` and `FLOWENV_TEST_IMAGE`
are set.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from on_kubernetes.cluster_under_test import (
    IMAGE,
    KUBECONFIG,
    PULL_SECONDS,
    ClusterUnderTest,
    cluster_under_test,
    needs_the_rig,
)
from rigs.kubernetes import Image, KubernetesRig

ROOT = Path(__file__).parents[2]
PENGUINS = ROOT / "examples/penguins/penguins.py"
MODELS = ROOT / "examples/model_selection/model_selection.py"
WITHOUT_FLOWENV = os.environ.get("FLOWENV_TEST_BARE_IMAGE", "" if KUBECONFIG else "repo/bare:1")
"""An image with this Python's minor version and no flowenv."""
PYTHONS_OWN = f"python:{sys.version_info.major}.{sys.version_info.minor}-slim"
SMALL = ("-p", "resolution=2", "-p", "folds=2", "-p", "images=200")


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KubernetesRig | None]:
    if KUBECONFIG:
        yield None
        return
    bare = tmp_path_factory.mktemp("bare") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(bare)], check=True)
    images = {
        IMAGE: Image(),
        "repo/bare:1": Image.of_environment(bare),
        "repo/side:1": Image(),
        PYTHONS_OWN: Image.of_environment(bare),
    }
    with KubernetesRig(images=images, node_labels={"kubernetes.io/os": "linux"}) as made:
        yield made


class Shell:
    """Runs commands in a folder, with a cluster as the current context."""

    def __init__(self, folder: Path, kubeconfig: str) -> None:
        self.folder = folder
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("FLOWENV_", "PREFECT__"))}
        cache = str(folder / "cache")
        self.variables = {**kept, "KUBECONFIG": kubeconfig, "XDG_CACHE_HOME": cache}

    def python(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=self.variables,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def run(self, *arguments: str | Path, exit_code: int = 0) -> dict[str, Any]:
        """`flowenv run … -o json`, and what it says."""
        done = self.python("-m", "flowenv", "run", *map(str, arguments), "-o", "json")
        assert done.returncode == exit_code, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        found["stderr"] = done.stderr
        return found


@pytest.fixture
def cluster(
    rig: KubernetesRig | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ClusterUnderTest]:
    with cluster_under_test(rig, tmp_path, monkeypatch) as made:
        yield made


@pytest.fixture
def shell(cluster: ClusterUnderTest, tmp_path: Path) -> Shell:
    (tmp_path / "flowenv.toml").write_text(f'environment = "k8s"\nimage = "{IMAGE}"\n')
    return Shell(tmp_path, str(cluster.kubeconfig))


def test_the_plain_example_runs_unchanged(shell: Shell) -> None:
    found = shell.run(PENGUINS, "--env", "k8s")
    assert (found["state"], found["backend"]) == ("Completed", "k8s")
    assert found["result"]["overall_slope"] == -0.085


def test_the_parallel_example_runs_unchanged_on_a_dask_executor(shell: Shell) -> None:
    (shell.folder / "flowenv.toml").write_text(
        f'image = "{IMAGE}"\n[environments.prod]\ntype = "k8s"\nexecutor = "LocalDaskExecutor"\n'
    )
    found = shell.run(MODELS, "--env", "prod", *SMALL)
    assert found["result"]["candidates"] == 4
    assert found["result"]["test"] > 0.5


def test_a_flow_of_an_installed_module_runs(shell: Shell) -> None:
    found = shell.run("flowenv.testing.flows:add", "-p", "a=4")
    assert found["result"] == 5
    assert "adding up" in found["stderr"]


def test_a_flow_typed_at_a_prompt_runs(shell: Shell) -> None:
    typed = (
        "from flowenv import flow\n"
        "from flowenv_k8s import KubernetesJobEnvironment\n"
        "factor = 3\n"
        "@flow\n"
        "def triple(n):\n"
        "    return factor * n\n"
        "\n"
        "run = KubernetesJobEnvironment().execute(triple, n=14)\n"
        "print('it is', run.result())\n"
    )
    done = shell.python("-i", "-q", stdin=typed)
    assert "it is 42" in done.stdout, done.stderr


def test_a_flow_that_raises_exits_with_one_and_shows_its_traceback(shell: Shell) -> None:
    found = shell.run("flowenv.testing.flows:fail", "-p", "message=broken", exit_code=1)
    assert found["state"] == "Failed"
    assert "ValueError: broken" in found["stderr"]


def test_a_sidecar_that_never_ends_does_not_hold_the_run(
    shell: Shell, cluster: ClusterUnderTest
) -> None:
    sidecar = {"name": "side", "image": IMAGE, "command": ["python", "-c"]}
    sidecar["args"] = ["import signal; signal.pause()"]
    pod = {"terminationGracePeriodSeconds": 1, "containers": [{"name": "flow"}, sidecar]}
    manifest = {"kind": "Job", "spec": {"template": {"spec": pod}}}
    (shell.folder / "job.yaml").write_text(yaml.safe_dump(manifest))
    found = shell.run("flowenv.testing.flows:add", "-p", "a=1", "-s", "job_spec_file=job.yaml")
    assert (found["state"], found["result"]) == ("Completed", 2)
    of_run = f"flowenv.io/run-id={found['run_id']}"

    def job_has_ended() -> Any:
        [job] = cluster.objects("Job", of_run)
        return job["status"].get("conditions")

    cluster.wait_until(job_has_ended, "the Job's end")
    cluster.wait_until(lambda: not cluster.names("Pod", of_run), "the sidecar's end")


@pytest.mark.skipif(not WITHOUT_FLOWENV, reason="FLOWENV_TEST_BARE_IMAGE isn't set")
def test_a_flows_file_may_make_its_own_environment(shell: Shell) -> None:
    (shell.folder / "double.py").write_text(
        "from flowenv import flow\n"
        "from flowenv_k8s import KubernetesJobEnvironment\n\n"
        f"environment = KubernetesJobEnvironment(metadata={{'image': {WITHOUT_FLOWENV!r}}})\n\n\n"
        "@flow(environment=environment)\n"
        "def double(number: int) -> int:\n"
        "    return 2 * number\n"
    )
    assert shell.run("double.py", "-p", "number=21")["result"] == 42


def test_flowenv_is_brought_again_if_somebody_removes_it_while_a_run_waits(
    shell: Shell, cluster: ClusterUnderTest
) -> None:
    shell.run("flowenv.testing.flows:add", "-p", "a=1")
    for name in cluster.names("ConfigMap", "flowenv.io/kind=runtime"):
        cluster.delete("ConfigMap", name)
    found = shell.run("flowenv.testing.flows:add", "-p", "a=2")
    assert (found["state"], found["result"]) == ("Completed", 3)


def test_a_batch_whose_flow_is_stored_once_gives_each_rows_result(
    shell: Shell, cluster: ClusterUnderTest
) -> None:
    (shell.folder / "double.py").write_text(
        "from flowenv import flow\n\n@flow\ndef double(number: int) -> int:\n"
        f"    return 2 * number\n# {'x' * 8000}\n"
    )
    (shell.folder / "numbers.csv").write_text("number\n1\n2\n3\n")
    each = ("double.py", "--each", "numbers.csv", "-o", "json")
    done = shell.python("-m", "flowenv", "run", *each)
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert sorted((one["row"], one["result"]) for one in found) == [(1, 2), (2, 4), (3, 6)]
    assert len(cluster.names("ConfigMap", "flowenv.io/kind=batch")) == 1


NOBODY = """
apiVersion: batch/v1
kind: Job
spec:
  template:
    spec:
      securityContext: {runAsUser: 12345, runAsGroup: 12345, runAsNonRoot: true}
      containers:
        - name: flow
          securityContext: {readOnlyRootFilesystem: true}
"""


def test_a_user_whom_nobody_knows_runs_a_flow_on_a_read_only_root(shell: Shell) -> None:
    (shell.folder / "job.yaml").write_text(NOBODY)
    found = shell.run("flowenv.testing.flows:add", "-p", "a=1", "-s", "job_spec_file=job.yaml")
    assert (found["state"], found["result"]) == ("Completed", 2)


NOISE = """
import random
from flowenv import flow, output_dir

@flow
def noise(size: int) -> dict:
    (output_dir() / "plots").mkdir()
    (output_dir() / "plots" / "loss.png").write_bytes(random.Random(2).randbytes(size))
    print("no line end", end="")
    return {(1, "key"): random.Random(1).randbytes(size), "mean": float("inf")}
"""
FETCH = """
import random, sys
from flowenv import attach, submit
from flowenv.flows.finding import find_flow
from flowenv_k8s import KubernetesJobEnvironment

environment = KubernetesJobEnvironment(**eval(sys.argv[1]))
expected = {(1, "key"): random.Random(1).randbytes(700_000), "mean": float("inf")}
run = submit(find_flow("noise.py"), environment=environment, parameters={"size": 700_000})
run.wait()
assert run.result() == expected
assert dict(run.files()) == {"plots/loss.png": random.Random(2).randbytes(700_000)}
print(run.reference)
"""
ATTACH = """
import random, sys
from flowenv import attach
from flowenv_k8s import KubernetesJobEnvironment

run = attach(sys.argv[1], KubernetesJobEnvironment())
expected = {(1, "key"): random.Random(1).randbytes(700_000), "mean": float("inf")}
assert dict(run.files()) == {"plots/loss.png": random.Random(2).randbytes(700_000)}
assert run.result() == expected
print([line for line in run.logs() if "INFO flowenv" not in line])
"""


@pytest.fixture
def noise(shell: Shell) -> Shell:
    for name, text in {"noise": NOISE, "fetch": FETCH, "attach": ATTACH}.items():
        (shell.folder / f"{name}.py").write_text(text)
    return shell


def test_result_and_files_travel_in_the_log_and_nobody_is_shown_them(noise: Shell) -> None:
    fetched = noise.python("fetch.py", "{}")
    assert fetched.returncode == 0, fetched.stderr
    attached = noise.python("attach.py", fetched.stdout.strip())
    assert attached.stdout == "['no line end']\n", attached.stderr


def test_result_and_files_in_the_log_are_there_although_the_pod_was_ended(noise: Shell) -> None:
    side = {"name": "side", "image": IMAGE, "command": ["python", "-c"]}
    side["args"] = ["import signal; signal.pause()"]
    pod = {"terminationGracePeriodSeconds": 1, "containers": [{"name": "flow"}, side]}
    settings = {"job_spec": {"kind": "Job", "spec": {"template": {"spec": pod}}}}
    fetched = noise.python("fetch.py", repr(settings))
    assert fetched.returncode == 0, fetched.stderr
    followed = noise.run("noise.py", "-p", "size=100000")
    assert followed["result_text"].startswith("{(1, 'key'): b")
    assert "flowenv-result" not in followed["stderr"]
    assert followed["files"] == {"where": "log", "problem": ""}
    plain = noise.run("noise.py", "-p", "size=10", "-s", "job_spec={}")
    got = noise.python("-m", "flowenv", "files", plain["reference"], "-d", "got")
    assert got.stdout == f"got{os.sep}plots{os.sep}loss.png\n", got.stderr
    assert (noise.folder / "got/plots/loss.png").stat().st_size == 10


@pytest.mark.skipif(not WITHOUT_FLOWENV, reason="FLOWENV_TEST_BARE_IMAGE isn't set")
def test_an_image_without_flowenv_is_explained(shell: Shell) -> None:
    found = shell.run(
        "flowenv.testing.flows:add",
        *("-p", "a=1", "-s", f"metadata.image={WITHOUT_FLOWENV}", "-s", "runtime=image"),
        exit_code=3,
    )
    assert (found["state"], found["reason"]) == ("Crashed", "start_error")
    assert "Dockerfile" in found["hint"]


@pytest.mark.skipif(not WITHOUT_FLOWENV, reason="FLOWENV_TEST_BARE_IMAGE isn't set")
def test_an_image_without_flowenv_will_do_as_flowenv_travels_with_the_run(shell: Shell) -> None:
    found = shell.run(
        "flowenv.testing.flows:add", "-p", "a=1", "-s", f"metadata.image={WITHOUT_FLOWENV}"
    )
    assert (found["state"], found["result"]) == ("Completed", 2)


@needs_the_rig("needs a registry that has it")
def test_without_an_image_it_is_pythons_own_which_is_said(shell: Shell) -> None:
    (shell.folder / "flowenv.toml").unlink()
    found = shell.run("flowenv.testing.flows:add", "-p", "a=1", "--env", "k8s")
    assert (found["state"], found["result"]) == ("Completed", 2)
    assert f"No image is set: {PYTHONS_OWN} is taken." in found["stderr"]


def test_an_image_that_is_nowhere_is_explained(shell: Shell) -> None:
    arguments = (
        "-s",
        "metadata.image=repo/no-such-image:1",
        "-s",
        f"start_deadline={PULL_SECONDS}",
    )
    found = shell.run("flowenv.testing.flows:add", "-p", "a=1", *arguments, exit_code=3)
    assert (found["state"], found["reason"]) == ("Crashed", "image_pull")


def test_a_plugin_changes_variables_and_the_node(shell: Shell, cluster: ClusterUnderTest) -> None:
    (shell.folder / "acme.py").write_text(
        "from flowenv import hookimpl\n"
        "@hookimpl\n"
        "def flowenv_environment_variables(target):\n"
        "    return {'ADDED': 'yes', 'PREFECT__CLOUD__GRAPHQL': 'https://acme.example',\n"
        "            'PREFECT__CLOUD__USE_LOCAL_SECRETS': None}\n"
        "@hookimpl\n"
        "def flowenv_modify_spec(spec):\n"
        "    pod = spec['job']['spec']['template']['spec']\n"
        "    pod['nodeSelector'] = {'kubernetes.io/os': 'linux'}\n"
    )
    (shell.folder / "look.py").write_text(
        "import os\n"
        "from flowenv import flow\n"
        "@flow\n"
        "def look():\n"
        "    names = ('ADDED', 'PREFECT__CLOUD__GRAPHQL', 'PREFECT__CLOUD__USE_LOCAL_SECRETS')\n"
        "    return [os.environ.get(name) for name in names]\n"
    )
    found = shell.run("look.py", "--plugin", "acme.py")
    assert found["result"] == ["yes", "https://acme.example", None]
    [job] = cluster.objects("Job", f"flowenv.io/run-id={found['run_id']}")
    node = job["spec"]["template"]["spec"]["nodeSelector"]
    assert node == {"kubernetes.io/os": "linux"}


@needs_the_rig("needs a folder that the pod sees")
def test_a_payload_over_the_limit_travels_through_an_object_store(shell: Shell) -> None:
    store = shell.folder / "store"
    (shell.folder / "size.py").write_text(
        "from flowenv import flow\n@flow\ndef size(text: str) -> int:\n    return len(text)\n"
    )
    (shell.folder / "submit.py").write_text(
        "from flowenv.flows.finding import find_flow\n"
        "from flowenv_k8s import KubernetesJobEnvironment\n"
        "run = KubernetesJobEnvironment().execute(find_flow('size.py'), text='x' * 1_200_000)\n"
        "print(run.result())\n"
    )
    failed = shell.python("submit.py")
    assert "a Kubernetes Secret holds 1,048,576" in failed.stderr
    shell.variables["FLOWENV_PAYLOAD_URL"] = f"file://{store}"
    done = shell.python("submit.py")
    assert done.stdout.strip() == "1200000", done.stderr
    assert list(store.iterdir()) == [], "the payload is still there"


def test_a_flow_in_the_cluster_finds_its_own_way_there(shell: Shell) -> None:
    (shell.folder / "look.py").write_text(
        "from flowenv import flow\n"
        "@flow\n"
        "def look():\n"
        "    from flowenv_k8s.api.client import connect\n"
        "    client = connect()\n"
        "    return [str(client.where), sorted(client.read('/version'))[:1]]\n"
    )
    assert shell.run("look.py")["result"] == ["in-cluster configuration", ["buildDate"]]


def test_another_process_lists_reads_and_sweeps_runs(shell: Shell) -> None:
    found = shell.run("flowenv.testing.flows:add", "-p", "a=1", "--label", "e2e-swept")
    listed = shell.python("-m", "flowenv", "runs", "--label", "e2e-swept", "-o", "json")
    assert [one["run_id"] for one in json.loads(listed.stdout)] == [found["run_id"]]
    log = shell.python("-m", "flowenv", "logs", found["reference"])
    assert "adding up" in log.stdout.splitlines()
    swept = shell.python("-m", "flowenv", "sweep", "--older-than", "0s", "--yes", "-o", "json")
    assert found["run_id"] in {one["run_id"] for one in json.loads(swept.stdout)}


def test_what_the_cluster_has_forgotten_the_submitting_machine_still_knows(shell: Shell) -> None:
    def flowenv(*arguments: str, as_json: bool = True, exit_code: int = 0) -> Any:
        more = ("-o", "json") if as_json else ()
        done = shell.python("-m", "flowenv", *arguments, *more)
        assert done.returncode == exit_code, done.stderr
        return json.loads(done.stdout) if as_json else done.stderr

    shell.variables |= {"XDG_STATE_HOME": str(shell.folder / "state"), "FLOWENV_SUBMITTER": "ada"}
    found = shell.run("flowenv.testing.flows:add", "-p", "a=1", "--label", "e2e-forgotten")
    asked = ("runs", "--label", "e2e-forgotten", "--mine")
    (listed,) = flowenv(*asked, "--state", "completed", "--since", "1h", "--flow", "a*")
    assert (listed["submitter"], listed["parameters"]) == ("ada", {"a": "1"})
    # the cluster counts whole seconds
    assert listed["created"][:19] <= listed["ended"][:19]
    shell.variables["FLOWENV_SUBMITTER"] = "bob"
    said = flowenv(
        "sweep", "--older-than", "0s", "--yes", "--label", "e2e-forgotten", as_json=False
    )
    assert "Left alone: 1 thing of ada. --everyone takes them too." in said
    shell.variables["FLOWENV_SUBMITTER"] = "ada"
    said = flowenv("delete", found["reference"], as_json=False)
    assert said == f"Deleted {found['reference']}: it was Completed.\n"
    assert flowenv(*asked) == []
    (known,) = flowenv(*asked, "--all")
    assert (known["run_id"], known["state"]) == (found["run_id"], "Completed")
    assert flowenv("result", found["reference"])["result"] == found["result"]
    assert flowenv("status", found["run_id"])["state"] == "Completed"


def test_doctor_is_content(shell: Shell) -> None:
    done = shell.python("-m", "flowenv", "doctor", "--env", "k8s")
    assert done.returncode == 0, done.stdout
    assert "permission to create jobs" in done.stdout
