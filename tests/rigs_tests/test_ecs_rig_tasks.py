"""Tasks of the ECS rig really run, and look like those of ECS while they do."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from rigs.ecs import EcsRig, Image
from rigs.ecs.simple_tasks import SimpleTasks

PREPARE_TERM = "import signal,sys,time; signal.signal(15, lambda *_: sys.exit(5))"


@pytest.fixture(scope="module")
def rig() -> Iterator[EcsRig]:
    image = Image.of_interpreter(FROM_IMAGE="image", SHARED="image")
    with EcsRig({"flow:1": image}, stop_timeout=0.3) as rig:
        yield rig


@pytest.fixture(scope="module")
def tasks(rig: EcsRig) -> SimpleTasks:
    return SimpleTasks(rig)


def first_line(tasks: SimpleTasks, task: str) -> str:
    """Wait until the task has written something."""
    tasks.rig.tasks.wait(task, lambda found: found.lines_written > 0)
    return tasks.lines(task)[0]


def running_until_stopped(tasks: SimpleTasks, program: str) -> str:
    """Start a Python program, wait for its first line, and stop the task."""
    task = tasks.run(["python", "-u", "-c", f"{program}; print('up'); time.sleep(60)"])
    first_line(tasks, task)
    tasks.ecs.stop_task(cluster=tasks.account.cluster, task=task, reason="enough")
    return task


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that waits to be reaped doesn't."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_task_goes_through_the_documented_states(rig: EcsRig, tasks: SimpleTasks) -> None:
    task = rig.tasks.wait(tasks.run(["true"]))

    assert task.history == [
        "PROVISIONING",
        "PENDING",
        "RUNNING",
        "DEACTIVATING",
        "STOPPING",
        "DEPROVISIONING",
        "STOPPED",
    ]


def test_a_task_can_show_activating_on_its_way() -> None:
    with EcsRig({"flow:1": Image()}, activating=True) as rig:
        task = rig.tasks.wait(SimpleTasks(rig).run(["true"]))

    assert task.history[1:4] == ["PENDING", "ACTIVATING", "RUNNING"]


def test_exit_code_reason_and_times_are_shown_at_the_end(rig: EcsRig, tasks: SimpleTasks) -> None:
    arn = tasks.run(["sh", "-c", "exit 3"])
    rig.tasks.wait(arn)

    [shown] = tasks.describe(arn)

    assert (shown["lastStatus"], shown["desiredStatus"]) == ("STOPPED", "STOPPED")
    assert shown["stopCode"] == "EssentialContainerExited"
    assert shown["stoppedReason"] == "Essential container in task exited"
    assert shown["containers"][0]["exitCode"] == 3
    assert shown["createdAt"] <= shown["startedAt"] <= shown["stoppingAt"] <= shown["stoppedAt"]


def test_containers_are_absent_while_provisioning_and_have_no_exit_code_while_running(
    rig: EcsRig, tasks: SimpleTasks
) -> None:
    with rig.hold("PROVISIONING"):
        arn = tasks.run(["sleep", "60"])
        [provisioning] = tasks.describe(arn)
    rig.tasks.wait(arn, "RUNNING")
    [running] = tasks.describe(arn)
    tasks.ecs.stop_task(cluster=tasks.account.cluster, task=arn)

    assert provisioning["lastStatus"] == "PROVISIONING"
    assert provisioning["containers"] == []
    assert running["containers"][0]["lastStatus"] == "RUNNING"
    assert "exitCode" not in running["containers"][0]


def test_environment_has_the_layers_in_ecs_order(rig: EcsRig, tasks: SimpleTasks) -> None:
    tasks.register(
        "layers",
        containerDefinitions=[
            tasks.container(
                environment=[
                    {"name": "SHARED", "value": "definition"},
                    {"name": "TWICE", "value": "definition"},
                ]
            )
        ],
    )
    program = 'echo "$FROM_IMAGE $SHARED $TWICE $AWS_EXECUTION_ENV"'

    task = tasks.run(["sh", "-c", program], {"TWICE": "override"}, taskDefinition="layers")
    rig.tasks.wait(task)

    assert tasks.lines(task) == ["image definition override AWS_ECS_FARGATE"]


def test_entry_point_comes_before_the_overridden_command(rig: EcsRig, tasks: SimpleTasks) -> None:
    container = tasks.container(entryPoint=["echo", "entry"], command=["definition"])
    tasks.register("entry", containerDefinitions=[container])

    task = tasks.run(["override"], taskDefinition="entry")
    rig.tasks.wait(task)

    assert tasks.lines(task) == ["entry override"]


def test_a_shell_as_entry_point_runs_the_first_word_alone(rig: EcsRig, tasks: SimpleTasks) -> None:
    container = tasks.container(entryPoint=["sh", "-c"])
    arn = tasks.register("shell", containerDefinitions=[container])
    program = "print('never seen')"

    swallowed = rig.tasks.wait(tasks.run(["python", "-c", program], taskDefinition=arn))
    script = rig.tasks.wait(tasks.run(["echo $0 $1", "a", "b"], taskDefinition=arn))

    # python reads its program from standard input, which is empty
    assert (swallowed.containers[0].exit_code, tasks.lines(swallowed.arn)) == (0, [])
    assert tasks.lines(script.arn) == ["a b"]


def test_an_entry_point_of_the_definition_leaves_out_the_images_command() -> None:
    image = Image(entrypoint=["echo", "image"], command=["default"])
    with EcsRig({"flow:1": image}, stop_timeout=0) as rig:
        tasks = SimpleTasks(rig)
        container = tasks.container(entryPoint=["echo", "definition"])
        arn = tasks.register("entry", containerDefinitions=[container])

        plain = rig.tasks.wait(tasks.run())
        other = rig.tasks.wait(tasks.run(taskDefinition=arn))

        assert tasks.lines(plain.arn) == ["image default"]
        assert tasks.lines(other.arn) == ["definition"]


def test_stop_sends_term_and_the_exit_code_is_the_programs(rig: EcsRig, tasks: SimpleTasks) -> None:
    task = rig.tasks.wait(running_until_stopped(tasks, PREPARE_TERM))

    assert task.containers[0].exit_code == 5
    assert (task.stop_code, task.stopped_reason) == ("UserInitiated", "enough")


def test_a_first_process_without_a_handler_does_not_feel_term(
    rig: EcsRig, tasks: SimpleTasks
) -> None:
    task = rig.tasks.wait(running_until_stopped(tasks, "import time"))

    assert task.containers[0].exit_code == 137


def test_with_an_init_process_term_ends_a_program_without_a_handler(
    rig: EcsRig, tasks: SimpleTasks
) -> None:
    container = tasks.container(linuxParameters={"initProcessEnabled": True})
    tasks.register("init", containerDefinitions=[container])
    task = tasks.run(["sleep", "60"], taskDefinition="init")
    rig.tasks.wait(task, "RUNNING")

    tasks.ecs.stop_task(cluster=tasks.account.cluster, task=task)

    assert rig.tasks.wait(task).containers[0].exit_code == 143


def test_term_goes_to_the_first_process_only(rig: EcsRig, tasks: SimpleTasks) -> None:
    # The child has a handler that would write a line; the shell in front of it swallows TERM.
    child = (
        "import signal,time; signal.signal(15, lambda *_: print('child got TERM', flush=True));"
        "print('up', flush=True); time.sleep(60)"
    )
    task = tasks.run(["sh", "-c", f'python -c "{child}"; true'])
    first_line(tasks, task)
    tasks.ecs.stop_task(cluster=tasks.account.cluster, task=task)
    stopped = rig.tasks.wait(task)

    assert tasks.lines(task) == ["up"]
    assert stopped.containers[0].exit_code == 137


def test_processes_left_behind_end_with_the_first(
    rig: EcsRig, tasks: SimpleTasks, tmp_path: Path
) -> None:
    note = tmp_path / "pid"
    command = f"setsid sleep 600 & echo $! > {note}"
    rig.tasks.wait(tasks.run(["sh", "-c", command]))

    assert not is_alive(int(note.read_text()))


def test_a_stop_before_the_start_starts_nothing(rig: EcsRig, tasks: SimpleTasks) -> None:
    with rig.hold("PENDING"):
        arn = tasks.run(["true"])
        rig.tasks.wait(arn, "PENDING")
        tasks.ecs.stop_task(cluster=tasks.account.cluster, task=arn)
        task = rig.tasks.wait(arn)

    assert "RUNNING" not in task.history
    assert task.stop_code == "UserInitiated"
    assert task.containers[0].exit_code is None


def test_the_essential_container_takes_the_others_with_it(rig: EcsRig, tasks: SimpleTasks) -> None:
    side = tasks.container(name="side", essential=False, command=["sleep", "60"])
    main = tasks.container(command=["sh", "-c", "exit 4"])
    tasks.register("with-sidecar", containerDefinitions=[side, main])

    task = rig.tasks.wait(tasks.run(taskDefinition="with-sidecar"))

    assert {c.name: c.exit_code for c in task.containers} == {"main": 4, "side": 137}


def test_the_end_of_a_container_that_is_not_essential_is_not_the_tasks(
    rig: EcsRig, tasks: SimpleTasks
) -> None:
    side = tasks.container(name="side", essential=False, command=["sh", "-c", "exit 9"])
    main = tasks.container(command=["sleep", "60"])
    tasks.register("short-sidecar", containerDefinitions=[main, side])
    arn = tasks.run(taskDefinition="short-sidecar")

    task = rig.tasks.wait(arn, lambda task: task.containers[1].status == "STOPPED")
    status = task.status
    tasks.ecs.stop_task(cluster=tasks.account.cluster, task=arn)

    assert status == "RUNNING"
    assert task.containers[1].exit_code == 9


def test_a_container_waits_for_what_it_depends_on(
    rig: EcsRig, tasks: SimpleTasks, tmp_path: Path
) -> None:
    note = tmp_path / "note"
    main = tasks.container(
        command=["cat", str(note)],
        dependsOn=[{"containerName": "init", "condition": "SUCCESS"}],
    )
    init = tasks.container(
        name="init", essential=False, command=["sh", "-c", f"echo ready > {note}"]
    )
    tasks.register("dependent", containerDefinitions=[main, init])

    task = tasks.run(taskDefinition="dependent")

    assert rig.tasks.wait(task).containers[0].exit_code == 0
    assert tasks.lines(task) == ["ready"]


def test_a_log_router_starts_before_those_that_log_to_it(
    rig: EcsRig, tasks: SimpleTasks, tmp_path: Path
) -> None:
    note = tmp_path / "note"
    log = {"logDriver": "awsfirelens"}
    flow = tasks.container(name="flow", command=["touch", str(note)], logConfiguration=log)
    router = tasks.container(
        firelensConfiguration={"type": "fluentbit"}, command=["no-such-program"]
    )
    arn = tasks.register("router", containerDefinitions=[flow, router])

    task = rig.tasks.wait(tasks.run(taskDefinition=arn))

    assert task.stop_code == "TaskFailedToStart"
    assert not note.exists()


def test_what_goes_to_a_log_router_is_not_in_cloudwatch(rig: EcsRig, tasks: SimpleTasks) -> None:
    log = {"logDriver": "awsfirelens"}
    flow = tasks.container(name="flow", command=["echo", "routed"], logConfiguration=log)
    router = tasks.container(
        firelensConfiguration={"type": "fluentbit"},
        essential=False,
        command=["echo", "router"],
    )
    arn = tasks.register("routed", containerDefinitions=[router, flow])

    task = rig.tasks.wait(tasks.run(taskDefinition=arn))

    assert [container.exit_code for container in task.containers] == [0, 0]
    assert tasks.lines(task.arn) == ["router"]
    with pytest.raises(rig.client("logs").exceptions.ResourceNotFoundException):
        tasks.lines(task.arn, "flow")


def test_an_image_that_no_registry_has_stops_the_task(rig: EcsRig, tasks: SimpleTasks) -> None:
    tasks.register("no-image", containerDefinitions=[tasks.container(image="ghcr.io/no/such:1")])

    task = rig.tasks.wait(tasks.run(taskDefinition="no-image"))

    assert task.stop_code == "TaskFailedToStart"
    assert str(task.stopped_reason).startswith("CannotPullContainerError: ")
    assert "startedAt" not in task.times


def test_a_command_that_is_not_there_stops_the_task(rig: EcsRig, tasks: SimpleTasks) -> None:
    task = rig.tasks.wait(tasks.run(["no-such-command"]))

    assert (task.stop_code, task.stopped_reason) == ("TaskFailedToStart", "Task failed to start")
    assert str(task.containers[0].reason).startswith("CannotStartContainerError: ")


def test_only_a_task_with_a_role_has_credentials(rig: EcsRig, tasks: SimpleTasks) -> None:
    program = ["python", "-c", "import boto3; print(boto3.Session().get_credentials() is not None)"]
    tasks.register("with-role", taskRoleArn=tasks.account.task_role_arn)

    without, with_role = tasks.run(program), tasks.run(program, taskDefinition="with-role")
    rig.tasks.wait(without)
    rig.tasks.wait(with_role)

    assert (tasks.lines(without), tasks.lines(with_role)) == (["False"], ["True"])


def test_a_task_can_read_its_own_metadata(rig: EcsRig, tasks: SimpleTasks) -> None:
    program = (
        "import json,os,urllib.request as u;"
        "print(json.load(u.urlopen(os.environ['ECS_CONTAINER_METADATA_URI_V4']+'/task'))['TaskARN'])"
    )

    task = tasks.run(["python", "-c", program])
    rig.tasks.wait(task)

    assert tasks.lines(task) == [task]


def test_tasks_listen_on_addresses_of_their_own(rig: EcsRig, tasks: SimpleTasks) -> None:
    program = (
        "import socket,time; s=socket.socket(); s.bind(('',18786)); s.listen();"
        "print(s.getsockname()[0], flush=True); time.sleep(60)"
    )
    arns = [tasks.run(["python", "-c", program]) for _ in range(2)]

    listening = [first_line(tasks, arn) for arn in arns]

    attached = [task["attachments"][0]["details"] for task in tasks.describe(*arns)]
    for arn in arns:
        tasks.ecs.stop_task(cluster=tasks.account.cluster, task=arn)
    addresses = [
        next(d["value"] for d in details if d["name"] == "privateIPv4Address")
        for details in attached
    ]
    assert listening == addresses
    assert listening[0] != listening[1]


def test_the_interface_of_a_task_is_found_at_ec2_until_the_task_is_over(
    rig: EcsRig, tasks: SimpleTasks
) -> None:
    ec2 = rig.client("ec2")

    def addresses() -> set[str]:
        found = ec2.describe_network_interfaces()["NetworkInterfaces"]
        return {interface["PrivateIpAddress"] for interface in found}

    task = rig.tasks.wait(tasks.run(["sleep", "60"]), "RUNNING")
    assert task.interface is not None
    assert task.interface.address in addresses()

    tasks.ecs.stop_task(cluster=tasks.account.cluster, task=task.arn)
    rig.tasks.wait(task.arn)
    assert task.interface.address not in addresses()
