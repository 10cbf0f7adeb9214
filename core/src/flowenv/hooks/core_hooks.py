"""The core's own hook implementations: what a backend or plugin may override."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowenv.hooks.specs import hookimpl

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowenv.answers.summaries import Finding
    from flowenv.environments.environment import Environment
    from flowenv.runs.flow_run import FlowRun
    from flowenv.secret import Secret


@hookimpl(trylast=True)
def flowenv_run_flow(environment: Environment, flow_run: FlowRun) -> Any:
    """Open the environment's executor, or the default one, and call the flow on it."""
    from flowenv.execution.running import run_flow

    return run_flow(environment, flow_run)


@hookimpl(trylast=True)
def flowenv_get_secret(name: str) -> Secret | None:
    """Look in the configuration's `[secrets]`, then in environment variables."""
    from flowenv.settings.secrets import configured_secret

    return configured_secret(name)


@hookimpl(trylast=True)
def flowenv_check(environment: Environment) -> Iterable[Finding]:
    """Whether results can be stored, and read here."""
    from flowenv.results.object_urls import results_url

    url = results_url(environment)
    if url and environment.capabilities.attach:
        yield _results(url)


def _results(url: str) -> Finding:
    import uuid

    from flowenv.answers.summaries import Finding
    from flowenv.errors import FlowenvError
    from flowenv.results.object_urls import Kept, object_url
    from flowenv.serialization import storage

    try:
        if package := storage.missing_package(url):
            hint = f"Run: pip install {package}. The image needs it, too."
            return Finding("results", False, f"results_url is {url}, which needs {package}.", hint)
        if storage.local_path(url):
            message = f"results_url is {url}: that is another disk where the flow runs."
            hint = "Unless it is a volume that is mounted there and here, name an object store."
            return Finding("results", None, message, hint)
        storage.try_out(object_url(url, str(uuid.uuid4()), Kept.TRIAL))
    except FlowenvError as error:
        hint = error.hint or "Is results_url right, and has this user credentials to write there?"
        return Finding("results", False, error.message, hint)
    hint = "The flow's container needs the right, too."
    return Finding("results", True, f"can be written to {url} from here. {hint}")
