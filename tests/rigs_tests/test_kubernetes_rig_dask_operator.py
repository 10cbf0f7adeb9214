"""The real Dask operator and a real KubeCluster on the rig."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from dask_kubernetes.operator import make_cluster_spec

from rigs.kubernetes import KubernetesRig
from rigs.kubernetes.dask_operator import DaskOperator

PROGRAM = Path(__file__).with_name("kubernetes_rig_dask_program.py")


def test_a_cluster_starts_computes_scales_and_closes(tmp_path: Path) -> None:
    spec = make_cluster_spec(
        name="c1", image="dask", n_workers=1, worker_command="dask worker", env={"FROM_SPEC": "1"}
    )
    scheduler = spec["spec"]["scheduler"]["spec"]["containers"][0]
    scheduler["args"] = ["dask", "scheduler", "--host", "0.0.0.0"]
    with KubernetesRig() as rig, DaskOperator(rig) as operator:
        rig.apply(spec)
        kubeconfig = rig.kubeconfig(tmp_path / "kubeconfig")
        done = subprocess.run(
            [sys.executable, str(PROGRAM)],
            env={**os.environ, "KUBECONFIG": str(kubeconfig)},
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        assert done.returncode == 0, f"{done.stderr}\nThe operator:\n{operator.log}"
        assert json.loads(done.stdout) == {"sum": 285, "workers": 2, "variable": "1"}
        for kind in ("DaskCluster", "DaskWorkerGroup", "Deployment", "Service", "Pod"):
            rig.wait_until(lambda kind=kind: not rig.objects(kind), f"no {kind} left")  # type: ignore[misc]


def test_the_operator_that_cannot_start_says_why(tmp_path: Path) -> None:
    with KubernetesRig() as rig:
        operator = DaskOperator(rig, timeout=20)
        operator.install_definitions()
        assert {item["spec"]["names"]["plural"] for item in rig.objects("crd")} == {
            "daskclusters",
            "daskworkergroups",
            "daskautoscalers",
            "daskjobs",
        }
        operator.stop()
