"""The real Dask operator and a real KubeCluster on the rig."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from dask_kubernetes.operator import make_cluster_spec

from rigs.kubernetes import KubernetesRig
from rigs.kubernetes.dask_operator import DaskOperator, install_definitions

PROGRAM = Path(__file__).with_name("kubernetes_rig_dask_program.py")


def is_gone(rig: KubernetesRig, kind: str) -> bool:
    return not rig.objects(kind)


@pytest.mark.slow
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
            rig.wait_until(partial(is_gone, rig, kind), f"no {kind} left")


def test_the_resource_types_can_be_installed_without_the_operator() -> None:
    with KubernetesRig() as rig:
        install_definitions(rig)
        assert {item["spec"]["names"]["plural"] for item in rig.objects("crd")} == {
            "daskclusters",
            "daskworkergroups",
            "daskautoscalers",
            "daskjobs",
        }
