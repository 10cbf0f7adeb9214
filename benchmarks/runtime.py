"""What does it cost that flowenv travels with a run: at the start, on the wire, in the store?

    python benchmarks/runtime.py --repeats 15

The start of a flow's process is measured by turns with flowenv from the zip and with the same
flowenv installed beside Python, bytecode compiled; CPU time counts. Requests and bytes are
counted on the Kubernetes rig, whose kubelet runs nothing, and on the ECS rig.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile
import uuid
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from _table import Row, print_table

from core import SOURCE, by_turns

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from flowenv import contract, submit
from flowenv.contract.process import COMMAND, SHIPPED_COMMAND
from flowenv.flows.finding import find_flow
from flowenv.payload.packing import pack
from flowenv.payload.runtime import shipped_runtime
from flowenv.plugin import configuration
from flowenv.submission.lifecycle import prepare
from flowenv.testing import flows
from flowenv_dask_k8s import DaskKubernetesEnvironment
from flowenv_fargate import FargateTaskEnvironment
from flowenv_k8s import KubernetesJobEnvironment
from rigs.ecs import EcsRig, Image, Script, ScriptedRunner
from rigs.kubernetes import KubernetesRig, ScriptedKubelet
from rigs.kubernetes import Script as PodScript

AIM_MS = 60.0
AIM_KB = 900.0
RUNS = 100


def starts(repeats: int) -> Iterator[Row]:
    """The flow's process with flowenv from a zip against flowenv that is installed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "the_answer.py").write_text(SOURCE)
        run = prepare(find_flow(f"{folder}/the_answer.py"), environment="local").flow_run
        (folder / "payload.json").write_bytes(pack(run))
        runtime = shipped_runtime(KubernetesJobEnvironment.shipped)
        (folder / runtime.name).write_bytes(runtime.content)
        shipped, installed = _python(folder / "shipped"), _python(folder / "installed")
        [site] = installed.parent.glob("lib/python*/site-packages")
        with zipfile.ZipFile(io.BytesIO(runtime.content)) as archive:
            archive.extractall(site, [n for n in archive.namelist() if not n.endswith(".pyc")])
        subprocess.run([installed / "python", "-m", "compileall", "-q", site], check=True)

        def process(python: Path, command: tuple[str, ...], **more: str) -> Callable[[], object]:
            variables = {
                "PATH": f"{python}:{os.defpath}",
                contract.PAYLOAD: f"{folder}/payload.json",
                contract.OUTCOME: f"{folder}/outcome.json",
                **more,
            }
            return lambda: subprocess.run(command, env=variables, check=True, capture_output=True)

        bare, there, travelled = by_turns(
            repeats,
            process(installed, ("/bin/sh", "-c", "exec python -c pass")),
            process(installed, COMMAND),
            process(shipped, SHIPPED_COMMAND, **runtime.variables(str(folder))),
        )
        yield Row("flow's process, flowenv installed: over bare", (there - bare) * 1e3, "ms", 150)
        yield Row("the same, shipped: over installed", (travelled - there) * 1e3, "ms", AIM_MS)


def _python(folder: Path) -> Path:
    """The folder of a Python that has nothing installed."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    return folder / "bin"


def sizes() -> Iterator[Row]:
    """What travels."""
    for kind in (KubernetesJobEnvironment, DaskKubernetesEnvironment, FargateTaskEnvironment):
        size = len(shipped_runtime(kind.shipped).content) / 1e3
        yield Row(f"what travels with {kind.backend}", size, "kB", AIM_KB)


def on_kubernetes() -> Iterator[Row]:
    """The further requests of runs, and the bytes of their objects as etcd would have them."""
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        for variable, value in (("KUBECONFIG", f"{name}/config"), ("XDG_CACHE_HOME", name)):
            stack.callback(os.environ.update, {variable: os.environ.get(variable, "")})
            os.environ[variable] = value
        kubelet = ScriptedKubelet(PodScript(starts_after=None))
        rig = stack.enter_context(KubernetesRig(kubelet=kubelet))
        rig.kubeconfig(Path(name) / "config")

        def requests(runtime: str) -> int:
            configuration.cache_clear()
            environment = KubernetesJobEnvironment(runtime=runtime, metadata={"image": "flow:1"})  # type: ignore[arg-type]
            before = len(rig.requests)
            submit(flows.add, environment=environment, parameters={"a": 1})
            return len(rig.requests) - before

        image = requests("image")
        yield Row("Kubernetes: requests more, first run", requests("shipped") - image, "", 1)
        yield Row("Kubernetes: requests more, next run", requests("shipped") - image, "", 0)
        for _ in range(RUNS - 2):
            requests("shipped")
        shared = sum(len(json.dumps(one)) for one in rig.objects("ConfigMap"))
        yield Row(f"Kubernetes: ConfigMaps of {RUNS} runs", shared / 1e3, "kB", 1500)


def on_ecs() -> Iterator[Row]:
    """The further requests of runs."""
    runner = ScriptedRunner(lambda task: Script(running_steps=None))
    with EcsRig({"flow:1": Image()}, runner=runner) as rig:
        account, bucket = rig.prepare(), f"runs-{uuid.uuid4().hex[:8]}"
        place = {"LocationConstraint": rig.region}
        rig.client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration=place)

        def requests(runtime: str) -> int:
            environment = FargateTaskEnvironment(
                aws_access_key_id="AKIARIG",
                aws_secret_access_key="rig",
                region_name=rig.region,
                endpoint_url=rig.url,
                cluster=account.cluster,
                networkConfiguration=account.network_configuration,
                executionRoleArn=account.execution_role_arn,
                metadata={"image": "flow:1", "payload_url": f"s3://{bucket}/flows"},
                runtime=runtime,  # type: ignore[arg-type]
            )
            rig.requests.clear()
            submit(flows.add, environment=environment, parameters={"a": 1})
            return sum(rig.requests.counts().values())

        requests("image")  # registers the definition, which both share
        image = requests("image")
        yield Row("ECS: requests more, first run", requests("shipped") - image, "", 3)
        yield Row("ECS: requests more, next run", requests("shipped") - image, "", 0)


def main() -> None:
    """Measure all of it, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--repeats", type=int, default=15)
    repeats = parser.parse_args().repeats
    print_table([*starts(repeats), *sizes(), *on_kubernetes(), *on_ecs()])


if __name__ == "__main__":
    main()
