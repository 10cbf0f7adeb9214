"""What a run is, before and after it is submitted: its flow, its parameters, its image."""

from __future__ import annotations

import contextlib
import datetime
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from flowenv.errors import SpecError
from flowenv.runs.live_status import LiveStatus
from flowenv.states import State, Status

if TYPE_CHECKING:
    from flowenv.answers.events import Event
    from flowenv.answers.handle import Handle
    from flowenv.contract.variables import Variables
    from flowenv.environments.environment import Environment
    from flowenv.flows.definition import Flow
    from flowenv.results.record.outcome import Outcome
    from flowenv.secret import Secret

DRAFT_ID = "00000000-0000-0000-0000-000000000000"
"""The id of a run that is never executed: what `setup(flow)` builds specs with."""

NOT_LOOKED = "nobody has asked yet: .state does"
"""How a run stands that was attached to, as long as its platform wasn't asked."""


class RunHooks(Protocol):
    """What a run asks of its backend's hooks.

    Attributes:
        owner: the backend and its distribution, as messages name them.
    """

    owner: str

    def notify(self, flow_run: Any, status: Status) -> None:
        """Tell the plugins of a change of state."""

    def run_flow(self, flow_run: Any) -> Any:
        """Run the flow in this process, and return its result."""

    def find_secret(self, name: str, *, is_preview: bool = False) -> tuple[Secret | None, str]:
        """A named secret and who gives it."""


class RunIdentity:
    """What a run is. `FlowRun` says what its attributes mean."""

    def __init__(
        self,
        environment: Environment,
        *,
        id: str,
        flow_name: str,
        flow: Flow[..., Any] | None = None,
        parameters: Mapping[str, Any] | None = None,
        labels: Sequence[str] = (),
        created: datetime.datetime | None = None,
        hooks: RunHooks | None = None,
        submitter: str = "",
        shown_parameters: Mapping[str, str] | None = None,
    ) -> None:
        self.id = id
        self.flow_name = flow_name
        self.flow = flow
        self.parameters = dict(parameters or {})
        self.environment = environment
        self.labels = tuple(labels)
        self.created = created
        self.submitter = submitter
        self._shown_parameters = shown_parameters
        self.handle: Handle | None = None
        self.last_status = Status(State.PENDING)
        self.variables: Mapping[str, Any] = {}
        self.surroundings: Callable[[], AbstractContextManager[object]] = contextlib.nullcontext
        self.spec: dict[str, Any] | None = None
        self.container_variables: Variables | None = None
        self.nonce = secrets.token_hex(16)
        self.directory: Path | None = None
        self.is_preview = False
        self.is_attached = False
        self.cancelled_here = False
        self.listeners: list[Callable[[Status], object]] = []
        self.witnesses: list[Callable[[Outcome], object]] = []
        self.document_witnesses: list[Callable[[str, bytes], object]] = []
        self.raised: BaseException | None = None
        self.ran: tuple[float, ...] = ()
        self.installed: tuple[float, ...] = ()
        self.clustered: tuple[float, ...] = ()
        self.cluster_events: tuple[Event, ...] = ()
        self.output: Path | None = None
        self._seen = [(State.PENDING, now())]
        self._source_files: tuple[Path, ...] | None = None
        self._hooks = hooks
        self._result_lines: list[str] = []
        self._block: AbstractContextManager[None] | None = None
        self._live: LiveStatus | None = LiveStatus()
        # held until it is settled who hears of a state, so that all hear of them in their order
        self._lock = threading.RLock()

    def __repr__(self) -> str:
        stands = f"state={self.last_status.state.value}" if self.is_looked_at else NOT_LOOKED
        return f"FlowRun({self.flow_name!r}, id={self.id!r}, {stands})"

    def begins_now(self) -> None:
        """Count its time from now on: it was made before, and has waited for its turn here."""
        self.created = now()
        self._seen[0] = (State.PENDING, self.created)

    @property
    def is_looked_at(self) -> bool:
        """False if it was attached to, and nobody has asked yet how it stands."""
        return not self.is_attached or self.last_status.state is not State.PENDING

    @property
    def is_draft(self) -> bool:
        """True if the run only serves to build a spec and is never executed."""
        return self.id == DRAFT_ID

    @property
    def source_files(self) -> tuple[Path, ...]:
        """Where the flow runs: its own files, which Dask's workers don't have by themselves."""
        if self._source_files is None:
            from flowenv.flows.code_reference import own_files

            self._source_files = own_files(self.flow) if self.flow else ()
        return self._source_files

    @source_files.setter
    def source_files(self, files: tuple[Path, ...]) -> None:
        self._source_files = files

    @property
    def requirements(self) -> tuple[str, ...]:
        """What the flow imports that an image may lack.

        Raises:
            PayloadError: if one is no requirement.
        """
        from flowenv.flows.code_reference import refer_to
        from flowenv.flows.requirements import requirements_of

        return requirements_of(self.flow, refer_to(self.flow)) if self.flow else ()

    @property
    def hooks(self) -> RunHooks:
        """The hooks of the run's backend: the run has them from who made it or attached to it."""
        assert self._hooks is not None
        return self._hooks

    @hooks.setter
    def hooks(self, hooks: RunHooks) -> None:
        self._hooks = hooks

    @property
    def image(self) -> str | None:
        """The container image: the one that is set, else what will do without flowenv in it."""
        chosen = self.chosen_image
        if not chosen and self.environment.needs_image():
            chosen = self.environment.default_image
        return chosen

    @property
    def chosen_image(self) -> str | None:
        """The image that is set: the environment's, the flow's, the spec file's, the configured."""
        chosen = (self.environment.metadata or {}).get("image")
        if not chosen and self.flow is not None:
            chosen = self.flow.image
        if not chosen:
            chosen = self.environment.spec_image
        if not chosen:
            from flowenv.settings.configuration import configuration

            chosen = configuration().image
        return chosen

    def require_image(self, otherwise: str = "") -> str:
        """The container image.

        Args:
            otherwise: what else helps, on this platform, where none is set.

        Raises:
            SpecError: if no image is set anywhere; the message says where one can be.
        """
        if not self.image:
            raise SpecError(
                f"The flow {self.flow_name} needs a container image, and none is set.",
                hint="Set metadata={'image': …} on the environment, @flow(image=…), "
                f"or image in the configuration{otherwise}.",
            )
        return self.image

    @property
    def shown_parameters(self) -> dict[str, str]:
        """The parameters as texts, shortened and without secrets; also of a run of others."""
        if self._shown_parameters is not None:
            return dict(self._shown_parameters)
        from flowenv.runs.shown_parameters import shown_parameters

        return shown_parameters(self.parameters)


def now() -> datetime.datetime:
    """This moment, in UTC."""
    return datetime.datetime.now(datetime.UTC)
