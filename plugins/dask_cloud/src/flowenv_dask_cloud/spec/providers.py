"""What is known of a provider's class: its arguments for image, variables and TLS."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any, Literal

from flowenv.errors import SettingError

Family = Literal["ecs", "machines", "local", "other"]


@dataclass(frozen=True)
class Facts:
    """What is known of a family of providers.

    Args:
        family: which one.
        environment: its argument for environment variables; None if it has none.
        image: its argument for the container image; None if it has none.
        tls: whether certificates that are given to it reach its machines; None if that
            isn't known.
    """

    family: Family
    environment: str | None
    image: str | None
    tls: bool | None


_FACTS = {
    "dask_cloudprovider.aws.ecs.ECSCluster": Facts("ecs", "environment", "image", False),
    # serverless: it has its own encrypted way in, and passes no variables on
    "dask_cloudprovider.ibm.code_engine.IBMCodeEngineCluster": Facts(
        "machines", None, "image", None
    ),
    "dask_cloudprovider.generic.vmcluster.VMCluster": Facts(
        "machines", "env_vars", "docker_image", True
    ),
    "distributed.deploy.local.LocalCluster": Facts("local", "env", None, True),
}
_ENVIRONMENT_ARGUMENTS = ("environment", "env_vars", "env", "environ")
_IMAGE_ARGUMENTS = ("docker_image", "image")


@dataclass(frozen=True)
class Provider:
    """A provider's class with what is known of it.

    Args:
        cls: the class.
        facts: what its family is known for, or what its signature says.
    """

    cls: type[Any]
    facts: Facts

    @property
    def name(self) -> str:
        """The class's dotted name."""
        return dotted_name(self.cls)

    @property
    def title(self) -> str:
        """The class's own name, for messages."""
        return self.cls.__name__

    def accepts(self, argument: str) -> bool:
        """True if the constructor, or one that it passes arguments on to, names the argument."""
        return argument in named_arguments(self.cls)[0]


def load_provider(given: type[Any] | str) -> Provider:
    """Find out about a provider; a dotted name is imported.

    Raises:
        SettingError: if there is no such class, or it is no Dask Cluster class.
    """
    from flowenv.plugin import load_class

    cls = load_class(given) if isinstance(given, str) else given
    from distributed.deploy.cluster import Cluster

    if not isinstance(cls, type) or not issubclass(cls, Cluster):
        raise SettingError(f"{given} is no Dask Cluster class.")
    names, _ = named_arguments(cls)
    for base in cls.__mro__:
        if found := _FACTS.get(dotted_name(base)):
            return Provider(cls, found if _passes_on(cls, base) else _limited(found, names))
    environment = next((n for n in _ENVIRONMENT_ARGUMENTS if n in names), None)
    image = next((n for n in _IMAGE_ARGUMENTS if n in names), None)
    return Provider(cls, Facts("other", environment, image, None))


def _passes_on(cls: type[Any], base: type[Any]) -> bool:
    """True if arguments for a base class's constructor get there."""
    before = cls.__mro__[: cls.__mro__.index(base)]
    constructors = [vars(one)["__init__"] for one in before if "__init__" in vars(one)]
    return all(
        any(p.kind is p.VAR_KEYWORD for p in inspect.signature(one).parameters.values())
        for one in constructors
    )


def _limited(facts: Facts, names: set[str]) -> Facts:
    """What is known of a family, as far as a class of it takes the arguments."""
    return Facts(
        facts.family,
        facts.environment if facts.environment in names else None,
        facts.image if facts.image in names else None,
        facts.tls if "security" in names else None,
    )


def named_arguments(cls: type[Any]) -> tuple[set[str], bool]:
    """The arguments that a class's constructors name, and whether there may be others.

    A constructor with `**kwargs` is taken to pass them on to the next one up; only of Dask's
    own is it known that they do nothing else with them.
    """
    names: set[str] = set()
    others = False
    for base in cls.__mro__:
        constructor = vars(base).get("__init__")
        if constructor is None or base is object:
            continue
        parameters = list(inspect.signature(constructor).parameters.values())[1:]
        names |= {p.name for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)}
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            return names, others
        others |= not base.__module__.startswith(("dask_cloudprovider.", "distributed."))
    return names, True


def worker_arguments(worker_class: Any) -> tuple[set[str], bool]:
    """What a LocalCluster passes on to its workers, and whether there may be others.

    Args:
        worker_class: the cluster's argument of that name; None for its default.
    """
    from distributed import Nanny, Worker

    classes = {Nanny, Worker, worker_class} if isinstance(worker_class, type) else {Nanny, Worker}
    found = [named_arguments(cls) for cls in classes]
    return set().union(*(names for names, _ in found)), any(others for _, others in found)


def dotted_name(given: type[Any] | str) -> str:
    """The dotted name of a class.

    >>> dotted_name(Facts), dotted_name("package.module:Class")
    ('flowenv_dask_cloud.spec.providers.Facts', 'package.module.Class')
    """
    if isinstance(given, str):
        return given.replace(":", ".")
    return f"{given.__module__}.{given.__qualname__}"
