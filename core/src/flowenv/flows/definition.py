"""A flow: a named callable with parameters, an environment, and where its code is kept."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, Literal, ParamSpec, Protocol, TypeVar, overload

from flowenv.errors import ParameterError, SettingError
from flowenv.settings.declaration import nearest

if TYPE_CHECKING:
    from flowenv.executors import Executor

P = ParamSpec("P")
R = TypeVar("R")

Code = Literal["module", "source", "pickle"]


class Place(Protocol):
    """Where a flow runs: what a flow knows of its `Environment`."""

    def execute(self, flow: Any, /, **parameters: Any) -> Any:
        """Run the flow there."""


class Flow(Generic[P, R]):
    """A named Python callable that can run where its environment says.

    Calling a flow calls the function, as if it weren't decorated.

    Args:
        function: any callable, sync or async.
        name: by default the function's own name, with `-` for `_`.
        environment: where the flow runs; without one, in the local process.
        image: the container image that holds what the flow imports; an environment's
            `metadata["image"]` wins over it.
        files: further files that the flow needs, relative to its own file: Python modules
            it imports, small data; also folders (`"data/"`, without what is hidden) and patterns
            (`"*.csv"`). They are shipped with a flow shipped as source.
        requirements: what is installed where the flow runs, before it starts, unless the image
            has it: a list such as `["pandas>=2"]`, or the name of a requirements file beside the
            flow's own. By default what a shipped file says of itself in its
            [inline metadata](https://peps.python.org/pep-0723/). In this process nothing is
            installed.
        code: how the flow's code reaches a container: `module` (it is in the image),
            `source` (its file is shipped as text) or `pickle` (flows made interactively).
            By default `source` for a flow from a script, `module` for one from an
            importable module, `pickle` for one without a file.
        module: the name of the module where the flow is found; by default the calling one.

    Raises:
        TypeError: if the function can't be called.

    >>> from flowenv import Flow
    >>> greet = Flow(lambda name: f"Hello, {name}!", name="greet")
    >>> greet.run(name="you")
    'Hello, you!'
    """

    name: str

    def __init__(
        self,
        function: Callable[P, R],
        *,
        name: str | None = None,
        environment: Place | None = None,
        image: str | None = None,
        files: Sequence[str] = (),
        requirements: Sequence[str] | str | None = None,
        code: Code | None = None,
        module: str | None = None,
    ) -> None:
        if not callable(function):
            from flowenv.flows.prefect_names import no_callable

            raise no_callable(function)
        if code not in (None, "module", "source", "pickle"):
            raise ValueError(f"code must be 'module', 'source' or 'pickle', not {code!r}.")
        if isinstance(files, str):
            raise TypeError("files is a list of file names, not one string.")
        if isinstance(function, Flow):
            name, function = name or function.name, function.function
        # not the function's own attributes: they could hide the flow's
        functools.update_wrapper(self, function, updated=())
        self.function: Callable[P, R] = function
        self.module = module or _calling_module()
        self.name = name or getattr(function, "__name__", type(function).__name__).replace("_", "-")
        self.environment = environment
        self.image = image
        self.files = tuple(files)
        self.requirements = requirements
        self.code = code

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function."""
        return self.function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"Flow({self.name!r})"

    if not TYPE_CHECKING:  # type checkers would take any name

        def __getattr__(self, name: str) -> Any:
            from flowenv.flows.guessed_names import CALLS
            from flowenv.flows.prefect_names import ON_FLOWS, PAGE

            if name in ON_FLOWS:
                raise AttributeError(f"A flow has no {name!r}: {ON_FLOWS[name]} {PAGE}")
            if name in CALLS:
                called = self.__dict__.get("__name__", "flow")
                raise AttributeError(f"A flow has no {name!r}: {CALLS[name].format(flow=called)}")
            return super().__getattribute__(name)  # raises, for its own reason

        def __setattr__(self, name: str, value: Any) -> None:
            if name in ("run_config", "executor", "schedule", "storage", "state_handlers"):
                getattr(self, name)  # raises: nobody would look at it
            super().__setattr__(name, value)

    @functools.cached_property
    def signature(self) -> inspect.Signature:
        """The callable's signature, with its annotations resolved where they can be."""
        try:
            return inspect.signature(self.function, eval_str=True)
        except NameError:  # an annotation that only type checkers can see
            return inspect.signature(self.function)
        except ValueError:  # a builtin without a signature takes anything
            return inspect.Signature(
                [inspect.Parameter("parameters", inspect.Parameter.VAR_KEYWORD)]
            )

    def check(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Check parameters against the signature, and make them what it says.

        Values are what their annotations say, where nothing is lost by that: a timestamp at
        midnight is a date, 3 a float, 3.0 an integer, NumPy's and pandas' values are Python's.

        Args:
            parameters: values by parameter name.

        Returns:
            The parameters as a new dictionary.

        Raises:
            ParameterError: naming what is unknown, missing, or of another type than a plain
                annotation such as `int` or `list[str]` says.
        """
        from flowenv.flows.parameters.checking import checked

        values, faults = checked(self, parameters)
        if faults:
            raise faults[0].error()
        return values

    def call(self, parameters: Mapping[str, Any]) -> Any:
        """Call the function with parameters by name, positional-only ones too.

        Args:
            parameters: values by parameter name, as `check` has found them right.
        """
        if not self._positional_only:
            return self.function(**parameters)  # type: ignore[call-arg]
        named = dict(parameters)
        given = [named.pop(name, default) for name, default in self._positional_only.items()]
        while given and given[-1] is inspect.Parameter.empty:
            given.pop()
        return self.function(*given, **named)

    @functools.cached_property
    def _positional_only(self) -> dict[str, Any]:
        """The defaults of the parameters that can't be given by name."""
        found = self.signature.parameters.values()
        return {p.name: p.default for p in found if p.kind is p.POSITIONAL_ONLY}

    def run(self, /, *args: Any, executor: Executor | None = None, **parameters: Any) -> Any:
        """Run the flow in this process and return its result; its exceptions come through.

        That is here, whatever environment the flow has; `flowenv.submit(flow, …)` runs it there.

        Args:
            *args: the flow's first parameters, in their order.
            executor: where parallel work runs; by default LocalExecutor, all in this thread.
                If the flow itself has a parameter called `executor`, it is that one.
            **parameters: the flow's parameters by name.

        Raises:
            ParameterError: if the parameters don't fit the signature.
        """
        from flowenv.executors.opening import open_executor
        from flowenv.flows.calling import to_its_end

        if "executor" in self.signature.parameters:
            if executor is not None:
                parameters["executor"] = executor
            executor = None
        checked = self.check({**self._by_name(args, parameters), **parameters})
        self._say_that_it_runs_here()
        with open_executor(executor):
            return to_its_end(self.call(checked))

    def _say_that_it_runs_here(self) -> None:
        """A flow that has a place of its own isn't run elsewhere in silence."""
        place = self.environment
        can = getattr(place, "capabilities", None)
        if place is None or (can is not None and not (can.attach or can.sweep)):
            return
        import logging

        logging.getLogger("flowenv").warning(
            "The flow %s runs in this process, not in its environment %s; there runs it "
            "flowenv.submit(%s, …).",
            self.name,
            place if isinstance(place, str) else type(place).__name__,
            self.__name__ if hasattr(self, "__name__") else self.name,
        )

    def _by_name(self, args: tuple[Any, ...], others: Mapping[str, Any]) -> dict[str, Any]:
        """Parameters that were given by their place."""
        places = (
            name
            for name, one in self.signature.parameters.items()
            if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)
        )
        named = dict(zip(places, args, strict=False))
        if len(named) < len(args):
            raise ParameterError(
                f"The flow {self.name} takes {len(named)} parameters by their place, "
                f"not {len(args)}."
            )
        if twice := named.keys() & others.keys():
            raise ParameterError(f"The flow {self.name} is given {min(twice)} twice.")
        return named


def _calling_module() -> str:
    """The name of the module that is making a flow, as far as it is known."""
    frame = inspect.currentframe()
    while frame and frame.f_globals.get("__name__") == __name__:
        frame = frame.f_back
    return str(frame.f_globals.get("__name__", "")) if frame else ""


@overload
def flow(function: Callable[P, R], /) -> Flow[P, R]: ...
@overload
def flow(
    *,
    name: str | None = None,
    environment: Place | None = None,
    image: str | None = None,
    files: Sequence[str] = (),
    requirements: Sequence[str] | str | None = None,
    code: Code | None = None,
) -> Callable[[Callable[P, R]], Flow[P, R]]: ...
def flow(function: Callable[P, R] | None = None, /, **options: Any) -> Any:
    """Make a flow of a function; the options are those of `Flow`.

    >>> from flowenv import flow
    >>> @flow(name="add-up")
    ... def add(a: int, b: int = 1) -> int:
    ...     return a + b
    >>> add(1), add.run(a=2, b=3), add.name
    (2, 5, 'add-up')
    """
    known = [one for one in inspect.signature(Flow.__init__).parameters if one != "self"]
    for option in options:
        if option not in known:
            known.remove("function")
            raise SettingError(f"@flow has no option {option!r}.", hint=nearest(option, known))
    if function is not None:
        return Flow(function, **options)
    return lambda decorated: Flow(decorated, **options)
