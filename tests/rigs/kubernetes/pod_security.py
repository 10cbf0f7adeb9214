"""Pod Security admission at the level ``restricted``; as Kubernetes 1.36 words it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from rigs.kubernetes.objects import Manifest

_LABEL = "pod-security.kubernetes.io/enforce"
_VOLUME_TYPES = (
    *("configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image"),
    *("persistentVolumeClaim", "projected", "secret"),
)
_PROFILES = ("RuntimeDefault", "Localhost")
_NO_BAD_PROFILE = 'securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"'


def violations(namespace: Manifest | None, spec: Manifest) -> str | None:
    """Return what is wrong with a pod in a namespace that enforces ``restricted``, or None.

    Other levels aren't looked at.

    Args:
        namespace: the namespace's object.
        spec: the pod's.
    """
    labels = ((namespace or {}).get("metadata") or {}).get("labels") or {}
    if labels.get(_LABEL) != "restricted":
        return None
    found = [f"{what} ({why})" for what, why in _violations(spec) if why]
    return f'PodSecurity "restricted:latest": {", ".join(found)}' if found else None


def _violations(spec: Manifest) -> Iterator[tuple[str, str]]:
    """Yield each check's name and what it finds wrong, in the order of the real ones."""
    shared = [name for name in ("hostNetwork", "hostPID", "hostIPC") if spec.get(name)]
    yield "host namespaces", ", ".join(f"{name}=true" for name in shared)
    yield "hostPort", _host_ports(spec)
    yield (
        "privileged",
        _those(
            spec, lambda own: own.get("privileged"), "must not set securityContext.privileged=true"
        ),
    )
    yield (
        "allowPrivilegeEscalation != false",
        _those(
            spec,
            lambda own: own.get("allowPrivilegeEscalation") is not False,
            "must set securityContext.allowPrivilegeEscalation=false",
        ),
    )
    yield "unrestricted capabilities", _capabilities(spec)
    yield "restricted volume types", _volumes(spec)
    yield "runAsNonRoot != true", _inherited(spec, "runAsNonRoot", lambda value: value is True)
    yield "runAsUser=0", _root_users(spec)
    yield "seccompProfile", _inherited(spec, "seccompProfile", _is_good_profile)


def _containers(spec: Manifest) -> list[Manifest]:
    return [*(spec.get("initContainers") or []), *spec["containers"]]


def _own(container: Manifest) -> Manifest:
    return container.get("securityContext") or {}


def _named(names: list[str], kind: str = "container") -> str:
    quoted = ", ".join(f'"{name}"' for name in names)
    return f"{kind}{'s' if len(names) > 1 else ''} {quoted}"


def _those(spec: Manifest, is_bad: Callable[[Manifest], object], words: str) -> str:
    names = [one["name"] for one in _containers(spec) if is_bad(_own(one))]
    return f"{_named(names)} {words}" if names else ""


def _host_ports(spec: Manifest) -> str:
    found = {
        one["name"]: [port["hostPort"] for port in one.get("ports") or [] if port.get("hostPort")]
        for one in _containers(spec)
    }
    names = [name for name, ports in found.items() if ports]
    ports = ", ".join(str(port) for name in names for port in found[name])
    if not names:
        return ""
    use, many = ("uses", "") if len(names) == 1 else ("use", "s")
    return f"{_named(names)} {use} hostPort{many} {ports}"


def _capabilities(spec: Manifest) -> str:
    def drops(own: Manifest) -> bool:
        return "ALL" in ((own.get("capabilities") or {}).get("drop") or [])

    lacking = _those(
        spec, lambda own: not drops(own), 'must set securityContext.capabilities.drop=["ALL"]'
    )
    added = {
        one["name"]: [
            name
            for name in (_own(one).get("capabilities") or {}).get("add") or []
            if name != "NET_BIND_SERVICE"
        ]
        for one in _containers(spec)
    }
    names = [name for name, more in added.items() if more]
    more = ", ".join(f'"{one}"' for name in names for one in added[name])
    words = f"{_named(names)} must not include {more} in securityContext.capabilities.add"
    return "; ".join(part for part in (lacking, words if names else "") if part)


def _volumes(spec: Manifest) -> str:
    bad = {
        volume["name"]: kind
        for volume in spec.get("volumes") or []
        for kind in volume
        if kind != "name" and kind not in _VOLUME_TYPES
    }
    if not bad:
        return ""
    kinds = ", ".join(f'"{kind}"' for kind in dict.fromkeys(bad.values()))
    use = "uses" if len(bad) == 1 else "use"
    many = "s" if kinds.count('"') > 2 else ""
    return f"{_named(list(bad), 'volume')} {use} restricted volume type{many} {kinds}"


def _root_users(spec: Manifest) -> str:
    of_pod = (spec.get("securityContext") or {}).get("runAsUser") == 0
    own = _those(spec, lambda own: own.get("runAsUser") == 0, "must not set runAsUser=0")
    return " and ".join(part for part in ("pod must not set runAsUser=0" * of_pod, own) if part)


def _inherited(spec: Manifest, setting: str, is_good: Callable[[object], bool]) -> str:
    """Return what is wrong with a setting that containers have from their pod, or of their own."""
    of_pod = (spec.get("securityContext") or {}).get(setting)
    bad = [
        one["name"]
        for one in _containers(spec)
        if not is_good(of_pod if _own(one).get(setting) is None else _own(one)[setting])
    ]
    wanted = f"securityContext.{setting}=true"
    if setting == "seccompProfile":
        wanted = _NO_BAD_PROFILE
    return f"pod or {_named(bad)} must set {wanted}" if bad else ""


def _is_good_profile(profile: object) -> bool:
    return isinstance(profile, dict) and profile.get("type") in _PROFILES
