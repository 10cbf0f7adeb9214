"""Start a Kubernetes rig to play with: ``python -m rigs.kubernetes``."""

from __future__ import annotations

import argparse
import signal
import tempfile
import threading
from pathlib import Path

from rigs.kubernetes import Image, KubernetesRig
from rigs.kubernetes.kubelet import Kubelet
from rigs.kubernetes.kubelet.scripted import Script, ScriptedKubelet


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m rigs.kubernetes",
        description="Start a Kubernetes rig on 127.0.0.1, print the path of a kubeconfig for it, "
        "and run until Ctrl-C or SIGTERM.",
    )
    parser.add_argument("--kubeconfig", type=Path, help="write the kubeconfig to this file")
    parser.add_argument(
        "--namespace",
        default="default",
        help="namespace of the context; it is made, and the operator looks after it",
    )
    parser.add_argument("--context", default="rig", help="name of the context")
    parser.add_argument("--port", type=int, default=0, help="port to listen on; any by default")
    parser.add_argument("--token", help="the token that clients must send; none by default")
    parser.add_argument(
        "--image",
        action="append",
        metavar="NAME=PREFIX",
        help="an image, and the environment whose programs it holds; can be given several times; "
        "without it any name is an image with this Python",
    )
    parser.add_argument(
        "--scripted", action="store_true", help="run no processes: every pod succeeds at once"
    )
    parser.add_argument(
        "--apply", type=Path, action="append", default=[], help="objects to make at the start"
    )
    parser.add_argument(
        "--dask-operator",
        action="store_true",
        help="run the Dask operator against the rig, for the context's namespace",
    )
    return parser


def _images(given: list[str] | None) -> dict[str, Image] | None:
    if given is None:
        return None
    pairs = (text.partition("=") for text in given)
    return {name: Image.of_environment(prefix) for name, _, prefix in pairs}


def _make_namespace(rig: KubernetesRig, name: str) -> None:
    if rig.find("Namespace", name) is None:
        rig.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})


def main(arguments: list[str] | None = None) -> None:
    """Run a rig until a signal ends it."""
    options = _parser().parse_args(arguments)
    over = threading.Event()
    # handlers, since containers would inherit a mask that blocks these signals
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_arguments: over.set())
    kubelet: Kubelet | None = ScriptedKubelet(Script()) if options.scripted else None
    images = _images(options.image)
    rig = KubernetesRig(images=images, kubelet=kubelet, token=options.token, port=options.port)
    with tempfile.TemporaryDirectory() as directory, rig:
        path = options.kubeconfig or Path(directory) / "kubeconfig"
        rig.kubeconfig(path, namespace=options.namespace, context=options.context)
        _make_namespace(rig, options.namespace)
        for manifest in options.apply:
            rig.apply(manifest, options.namespace)
        print(path, flush=True)
        if options.dask_operator:
            from rigs.kubernetes.dask_operator import DaskOperator

            with DaskOperator(rig, options.namespace):
                over.wait()
        else:
            over.wait()


if __name__ == "__main__":
    main()
