"""Start a rig from the command line: `python -m rigs.ecs --help`."""

import argparse
import dataclasses
import json
import shlex
import signal
import sys
import threading

from .images import Image
from .rig import EcsRig


def main() -> None:
    """Serve until SIGINT or SIGTERM."""
    options = _parser().parse_args()
    images = {"flow:1": Image.of_interpreter(), **dict(options.image)}
    rig = EcsRig(
        images,
        region=options.region,
        port=options.port,
        stop_timeout=options.stop_timeout,
        aws_managed_policies=True,  # dask-cloudprovider attaches some to the roles that it makes
    )
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_arguments: over.set())
    with rig:
        account = dataclasses.asdict(rig.prepare(options.cluster))
        if options.json:
            print(json.dumps({"environment": rig.environment(), "account": account}), flush=True)
        else:
            _explain(rig, account, list(images))
        over.wait()


def _explain(rig: EcsRig, account: dict[str, object], images: list[str]) -> None:
    for variable, text in rig.environment().items():
        print(f"export {variable}={shlex.quote(text)}")
    for name, value in account.items():
        print(f"# {name}: {' '.join(value) if isinstance(value, list) else value}")
    print(f"# images: {' '.join(images)}")
    print("# Ctrl-C ends the rig and all its tasks.", flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m rigs.ecs",
        description="An AWS account on this machine, with an ECS whose tasks run as processes.",
    )
    parser.add_argument("--port", type=int, default=0, help="port to listen on (default: any)")
    parser.add_argument("--region", default="eu-west-1", help="AWS region (default: %(default)s)")
    parser.add_argument(
        "--cluster", default="flows", help="cluster to create (default: %(default)s)"
    )
    parser.add_argument(
        "--image",
        metavar="NAME=PYTHON",
        type=_image,
        action="append",
        default=[],
        help=f"an image, and the interpreter beside which its commands are found; flow:1 is there"
        f" with {sys.executable}",
    )
    parser.add_argument(
        "--stop-timeout",
        metavar="SECONDS",
        type=float,
        help="time from SIGTERM to SIGKILL (default: what definitions say, else 30)",
    )
    parser.add_argument("--json", action="store_true", help="print one line of JSON, for programs")
    return parser


def _image(text: str) -> tuple[str, Image]:
    name, separator, python = text.partition("=")
    if not separator:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form NAME=PYTHON")
    return name, Image.of_interpreter(python)


if __name__ == "__main__":
    main()
