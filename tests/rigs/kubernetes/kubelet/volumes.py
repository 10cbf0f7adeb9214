"""Volumes of a pod, made up as directories of the machine."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from rigs.kubernetes.kubelet.environment import ConfigurationError, content, pod_field
from rigs.kubernetes.objects import Manifest
from rigs.kubernetes.resources import CONFIG_MAP, SECRET
from rigs.kubernetes.store import Store

SERVICE_ACCOUNT_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"
_SERVICE_ACCOUNT_VOLUME = "kube-api-access"


class MountError(Exception):
    """A volume can't be made up yet; the kubelet tries again."""


@dataclass(frozen=True)
class Mount:
    """A file or directory of the machine at a path in a container."""

    source: str
    target: str
    read_only: bool = False


class PodVolumes:
    """The volumes of one pod.

    Args:
        store: where Secrets and ConfigMaps are.
        pod: the pod.
        directory: where the volumes are made.
        claims: where the volumes of claims are; pods share them.
        account_files: contents of the service account's volume; empty for none.
    """

    def __init__(
        self,
        store: Store,
        pod: Manifest,
        directory: Path,
        claims: Path,
        account_files: Mapping[str, bytes],
    ) -> None:
        self._store = store
        self._pod = pod
        self._namespace = pod["metadata"]["namespace"]
        self._directory = directory
        self._claims = claims
        self._account_files = account_files

    def make(self) -> None:
        """Make all volumes.

        Raises:
            MountError: a volume's Secret or ConfigMap isn't there; in the kubelet's words.
        """
        if self._account_files:
            _write(self._directory / _SERVICE_ACCOUNT_VOLUME, self._account_files)
        for volume in self._pod["spec"].get("volumes") or []:
            try:
                self._make(volume)
            except ConfigurationError as error:
                message = f'MountVolume.SetUp failed for volume "{volume["name"]}" : {error}'
                raise MountError(message) from error

    def mounts(self, container: Manifest) -> list[Mount]:
        """Return what is mounted into a container, outer paths first."""
        volumes = {item["name"]: item for item in self._pod["spec"].get("volumes") or []}
        mounts = []
        if self._account_files:
            source = str(self._directory / _SERVICE_ACCOUNT_VOLUME)
            mounts.append(Mount(source, SERVICE_ACCOUNT_PATH, read_only=True))
        for entry in container.get("volumeMounts") or []:
            volume = volumes[entry["name"]]
            source_path = self._path(volume)
            if entry.get("subPath"):
                source_path = source_path / entry["subPath"]
                if not source_path.exists():
                    source_path.mkdir(parents=True)
            writable = any(kind in volume for kind in ("emptyDir", "hostPath")) or (
                "persistentVolumeClaim" in volume
            )
            read_only = bool(entry.get("readOnly")) or not writable
            mounts.append(Mount(str(source_path), _clean(entry["mountPath"]), read_only))
        return sorted(mounts, key=lambda mount: mount.target)

    def remove(self) -> None:
        """Remove the volumes of the pod; those of claims stay."""
        shutil.rmtree(self._directory, ignore_errors=True)

    def _path(self, volume: Manifest) -> Path:
        if "hostPath" in volume:
            return Path(str(volume["hostPath"]["path"]))
        if claim := volume.get("persistentVolumeClaim"):
            return self._claims / str(self._namespace) / str(claim["claimName"])
        return self._directory / str(volume["name"])

    def _make(self, volume: Manifest) -> None:
        path = self._path(volume)
        if "hostPath" in volume:
            _check_host_path(path, volume["hostPath"].get("type") or "")
            return
        sources = [volume, *((volume.get("projected") or {}).get("sources") or [])]
        files: dict[str, bytes] = {}
        for source in sources:
            files.update(self._files(source))
        _write(path, files)

    def _files(self, source: Manifest) -> Mapping[str, bytes]:
        if secret := source.get("secret"):
            name = secret.get("secretName") or secret.get("name")
            return self._chosen(secret, lambda: self._content("secret", name))
        if config_map := source.get("configMap"):
            return self._chosen(config_map, lambda: self._content("configMap", config_map["name"]))
        if downward := source.get("downwardAPI"):
            return {
                item["path"]: pod_field(self._pod, item["fieldRef"]["fieldPath"]).encode()
                for item in downward.get("items") or []
                if "fieldRef" in item
            }
        if token := source.get("serviceAccountToken"):
            return {token["path"]: self._account_files.get("token", b"")}
        return {}

    def _content(self, kind: str, name: str) -> dict[str, bytes]:
        return content(
            self._store, SECRET if kind == "secret" else CONFIG_MAP, self._namespace, name
        )

    @staticmethod
    def _chosen(source: Manifest, read: Callable[[], dict[str, bytes]]) -> dict[str, bytes]:
        optional = bool(source.get("optional"))
        try:
            held = read()
        except ConfigurationError:
            if optional:
                return {}
            raise
        items = source.get("items")
        if not items:
            return held
        missing = [item["key"] for item in items if item["key"] not in held]
        if missing and not optional:
            raise ConfigurationError(f"references non-existent secret key: {missing[0]}")
        return {item["path"]: held[item["key"]] for item in items if item["key"] in held}


def _check_host_path(path: Path, kind: str) -> None:
    """Refuse a path of the node that isn't what it is to be (pkg/volume/hostpath/host_path.go)."""
    if kind == "Directory" and not path.is_dir():
        raise ConfigurationError(f"hostPath type check failed: {path} is not a directory")
    if kind == "File" and not path.is_file():
        raise ConfigurationError(f"hostPath type check failed: {path} is not a file")


def _write(directory: Path, files: Mapping[str, bytes]) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def _clean(path: str) -> str:
    return os.path.normpath(path)


def innermost_first(mounts: Iterable[Mount]) -> list[Mount]:
    """Return mounts with the longest targets first, for replacing paths in text."""
    return sorted(mounts, key=lambda mount: len(mount.target), reverse=True)
