"""The contract: what the containers of a run get, environment variables, command and files.

The variables' names are kept to the letter; `docs/variables.md` says what each does here, or that
it is only passed on to the container.
"""

from __future__ import annotations

import enum

GRAPHQL = "PREFECT__CLOUD__GRAPHQL"
"""The API of a Prefect server; passed on."""
AUTH_TOKEN = "PREFECT__CLOUD__AUTH_TOKEN"
"""The auth token; a secret, for the flow's container only."""
FLOW_RUN_ID = "PREFECT__CONTEXT__FLOW_RUN_ID"
"""The run's id."""
NAMESPACE = "PREFECT__CONTEXT__NAMESPACE"
"""The Kubernetes namespace of the run."""
IMAGE = "PREFECT__CONTEXT__IMAGE"
"""The image of the flow's container."""
USE_LOCAL_SECRETS = "PREFECT__CLOUD__USE_LOCAL_SECRETS"
"""Whether secrets come from the local context; passed on."""
FLOW_RUNNER = "PREFECT__ENGINE__FLOW_RUNNER__DEFAULT_CLASS"
"""A class by its name; passed on, never imported."""
TASK_RUNNER = "PREFECT__ENGINE__TASK_RUNNER__DEFAULT_CLASS"
"""A class by its name; passed on, never imported."""
EXECUTOR = "PREFECT__ENGINE__EXECUTOR__DEFAULT_CLASS"
"""The default executor by the name of its class; honoured."""
LOGGING_LEVEL = "PREFECT__LOGGING__LEVEL"
"""The level of flowenv's logger and of the extra ones, such as `INFO`."""
SEND_FLOW_RUN_LOGS = "PREFECT__CLOUD__SEND_FLOW_RUN_LOGS"
"""Whether logs are sent to a server; passed on."""
EXTRA_LOGGERS = "PREFECT__LOGGING__EXTRA_LOGGERS"
"""Further loggers that the flow's process prints, as a list of names."""

DASK_EXECUTOR = "prefect.executors.DaskExecutor"
"""What the containers of a Dask cluster are told to be the default executor; here it is
`flowenv.executors.DaskExecutor` by its old name."""

LOGGING = frozenset({LOGGING_LEVEL, SEND_FLOW_RUN_LOGS, EXTRA_LOGGERS})
"""Set only where nobody else, not even the user's spec file, has set them."""

DEFAULTS = {
    GRAPHQL: "",
    AUTH_TOKEN: "",
    USE_LOCAL_SECRETS: "false",
    FLOW_RUNNER: "prefect.engine.cloud.CloudFlowRunner",
    TASK_RUNNER: "prefect.engine.cloud.CloudTaskRunner",
    EXECUTOR: "flowenv.executors.LocalExecutor",
    LOGGING_LEVEL: "INFO",
    SEND_FLOW_RUN_LOGS: "true",
    EXTRA_LOGGERS: "[]",
}
"""What a variable says when nobody has configured it. Run id, namespace and image come from
the run itself."""

CONFIGURABLE = frozenset({*DEFAULTS, NAMESPACE}) - {AUTH_TOKEN}
"""What counts as configured when it is set in the process that submits.

Run id and image are each run's own: a flow that submits another has other ones. The token is
a secret, found as one.
"""

BASIC = (
    GRAPHQL,
    AUTH_TOKEN,
    FLOW_RUN_ID,
    IMAGE,
    USE_LOCAL_SECRETS,
    FLOW_RUNNER,
    TASK_RUNNER,
    SEND_FLOW_RUN_LOGS,
    EXTRA_LOGGERS,
)
"""The variables that every platform's containers get."""

PAYLOAD = "FLOWENV_PAYLOAD"
"""Where the container finds its payload: a path, or a URL (`data:`, `https:`, `s3:`, …)."""
PAYLOAD_SEAL = "FLOWENV_PAYLOAD_SEAL"
"""What the payload must fit, else it isn't read: the SHA-256 of its SHA-256."""
PAYLOAD_COMMON = "FLOWENV_PAYLOAD_COMMON"
"""Where the part of the payload is that all runs of a batch share, if it stands apart. The payload
itself says what its SHA-256 must be."""
OUTCOME = "FLOWENV_OUTCOME"
"""A file for the outcome record, such as `/dev/termination-log`; else it's a log line."""
OUTPUT = "FLOWENV_OUTPUT"
"""The folder in which the flow leaves files that come back, for the flow itself."""
OUTCOME_LIMIT = "FLOWENV_OUTCOME_LIMIT"
"""How many bytes of the record that file holds, where that is less than usual."""
RUNTIME_FILE = "FLOWENV_RUNTIME_FILE"
"""Where flowenv itself is when it has come with the run: a zip that Python imports from."""
RUNTIME_DIGEST = "FLOWENV_RUNTIME_SHA256"
"""What that file's content must be."""
RUNTIME_URL = "FLOWENV_RUNTIME_URL"
"""Where that file is fetched from, where no volume brings it; then `FLOWENV_RUNTIME_FILE` is its
name alone."""
REQUIREMENTS = "FLOWENV_REQUIREMENTS"
"""What another container than the flow's installs before it does its work, as a JSON list."""
REHEARSAL = "FLOWENV_REHEARSAL"
"""Set where a container's process is only rehearsed: no cluster is made. It is the descriptor of
a pipe whose other end the process holds that has started it."""

AUTH_TOKEN_SECRET = "auth_token"
"""The name under which `flowenv_get_secret` is asked for the auth token."""


class Target(enum.Enum):
    """Which kind of container a variable is for.

    >>> [one.value for one in Target]
    ['flow', 'sidecar', 'scheduler', 'worker']
    """

    FLOW = "flow"
    """The container that the flow runs in; it alone gets the token and the payload."""
    SIDECAR = "sidecar"
    """Another container beside the flow's."""
    SCHEDULER = "scheduler"
    """The Dask scheduler's container."""
    WORKER = "worker"
    """A Dask worker's container."""
