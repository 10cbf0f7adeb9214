"""An AWS account on this machine whose ECS tasks really run, for tests and for playing.

    from rigs.ecs import EcsRig, Image

    with EcsRig({"flow:1": Image.of_interpreter()}) as rig:
        account = rig.prepare()
        ecs = rig.client("ecs")

What it can't show is in `tests/rigs/README.md`.
"""

from .account import Account
from .faults import Fault, Faults
from .images import Image
from .records import Container, Task
from .requests import LoggedRequest, RequestLog
from .rig import EcsRig
from .scripted import Script, ScriptedRunner

__all__ = [
    "EcsRig",
    "Image",
    "Account",
    "Fault",
    "Faults",
    "RequestLog",
    "LoggedRequest",
    "ScriptedRunner",
    "Script",
    "Task",
    "Container",
]
