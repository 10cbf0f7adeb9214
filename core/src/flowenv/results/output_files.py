"""The files that a run left, as its submitter and who attaches to it have them.

Their names and contents come from elsewhere: they are bounded, and a name is only a path below the
folder that somebody chooses for them.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import stat
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from flowenv.errors import FileConflict, PlatformError

MOST_FILES = 1000
"""The most files that come back."""
LARGEST = 256 * 1024 * 1024
"""The most bytes that they have together."""
LONGEST_PATH = 1000
"""The most characters of a file's name, its folders among them."""
_LONGEST_NAME = 255
_READ_BY_US = ("flowenv.toml", "pyproject.toml")
"""What flowenv looks for in the working directory and above."""
_LARGEST_HEAD = 4 * 1024 * 1024


class OutputFiles(Mapping[str, bytes]):
    """The files that a run left in its output folder, by their names: `plots/loss.png`.

    Args:
        sizes: the bytes of each.
        read: gives the content of one.

    >>> files = OutputFiles({"loss.txt": 4}, lambda name: b"0.25")
    >>> list(files), files["loss.txt"], files.sizes
    (['loss.txt'], b'0.25', {'loss.txt': 4})
    """

    def __init__(self, sizes: Mapping[str, int], read: Callable[[str], bytes]) -> None:
        self.sizes = dict(sizes)
        self._read = read

    def __getitem__(self, name: str) -> bytes:
        if name not in self.sizes:
            raise KeyError(name)
        return self._read(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self.sizes)

    def __len__(self) -> int:
        return len(self.sizes)

    def __repr__(self) -> str:
        return f"OutputFiles({', '.join(map(repr, self.sizes))})"

    def save(self, folder: str | os.PathLike[str]) -> list[Path]:
        """Write them into a folder, which is made if it isn't there.

        Nothing that is there is replaced, and no symbolic link in it is followed. A file that is
        there already with the same content counts as written. One that flowenv would take for a
        configuration is never written, as it can name code to run; the others are.

        Returns:
            The files, in the order of their names.

        Raises:
            FileConflict: if something else is there; then nothing is written. Or, when the others
                are written, if a file would be a configuration of flowenv's.
            OSError: if the folder can't be written to.
        """
        wanted, left_out = self.without_configurations()
        base = Path(folder)
        base.mkdir(parents=True, exist_ok=True)
        missing = [name for name in sorted(wanted) if not _is_there(base, name, self[name])]
        for name in missing:
            _write(base, name, self[name])
        if left_out:
            raise FileConflict(
                f"Not written: {', '.join(map(repr, left_out))}, which flowenv would take for a "
                "configuration. The others are.",
                hint="A configuration can name code to run. Read the file as files()[name], and "
                "write it yourself, if you trust who wrote it.",
            )
        return [base / name for name in sorted(wanted)]

    def without_configurations(self) -> tuple[OutputFiles, list[str]]:
        """The files that may be written, and the names of those that may not."""
        left_out = [name for name in sorted(self) if is_configuration(name)]
        sizes = {name: size for name, size in self.sizes.items() if name not in left_out}
        return OutputFiles(sizes, self._read), left_out


# -- as one document ----------------------------------------------------------------------


def packed(files: Sequence[tuple[str, bytes]]) -> bytes:
    """Files as one document: a line with their names and sizes, then their contents.

    >>> unpacked(packed([("a/b.txt", b"12"), ("c", b"")]))["a/b.txt"]
    b'12'
    """
    head = json.dumps([[name, len(content)] for name, content in files], separators=(",", ":"))
    return b"\n".join([head.encode(), b"".join(content for _, content in files)])


def unpacked(document: bytes) -> OutputFiles:
    """The files of a document, which may be anybody's.

    Raises:
        PlatformError: if it is none, or holds names that are no paths below a folder.
    """
    end = document.find(b"\n", 0, _LARGEST_HEAD)
    try:
        head = json.loads(document[: max(end, 0)])
        names = [name for name, _ in head]
        sizes = [size for _, size in head]
        if not isinstance(head, list):
            raise TypeError
    except (ValueError, TypeError, RecursionError) as error:
        raise PlatformError("The run's files can't be read: they are no such document.") from error
    if not all(type(size) is int and size >= 0 for size in sizes):
        raise PlatformError("The run's files can't be read: a size is none.")
    if end + 1 + sum(sizes) != len(document) or len(sizes) > MOST_FILES:
        raise PlatformError("The run's files can't be read: they aren't whole, or too many.")
    for name in names:
        if not is_name(name):
            raise PlatformError(f"The run's files can't be read: {name!r} is no name of a file.")
    if len(set(names)) != len(names) or _folders(names) & set(names):
        raise PlatformError("The run's files can't be read: two have the same name.")
    places, at = dict[str, slice](), end + 1
    for name, size in zip(names, sizes, strict=True):
        places[name] = slice(at, at + size)
        at += size
    return OutputFiles(dict(zip(names, sizes, strict=True)), lambda name: document[places[name]])


def compressed(document: bytes) -> bytes:
    """A document as it is stored."""
    return zlib.compress(document, 6)


def decompressed(content: bytes) -> bytes:
    """The document that was stored.

    Raises:
        PlatformError: if it is none, or too large.
    """
    most = LARGEST + _LARGEST_HEAD
    try:
        document = zlib.decompressobj().decompress(content, most + 1)
    except zlib.error as error:
        raise PlatformError(f"The run's files can't be read: {error}.") from error
    if len(document) > most:
        raise PlatformError("The run's files can't be read: they are too large.")
    return document


def is_name(name: object) -> bool:
    """Whether a text names a file below a folder, on every system.

    >>> is_name("plots/loss.png"), is_name("../x"), is_name("/etc/passwd"), is_name("a//b")
    (True, False, False, False)
    """
    if not isinstance(name, str) or not 0 < len(name) <= LONGEST_PATH or "\\" in name:
        return False
    if any(ord(letter) < 32 or 0xD800 <= ord(letter) < 0xE000 for letter in name):
        return False
    parts = name.split("/")
    return all(part not in ("", ".", "..") for part in parts) and all(
        len(part.encode()) <= _LONGEST_NAME for part in parts
    )


def is_configuration(name: str) -> bool:
    """Whether flowenv would take a file of this name for a configuration, which can name code.

    >>> is_configuration("notes/flowenv.toml"), is_configuration("notes.toml")
    (True, False)
    """
    return PurePosixPath(name.lower()).name in _READ_BY_US


def _folders(names: Sequence[str]) -> set[str]:
    """The folders in which files of these names are."""
    return {str(folder) for name in names for folder in PurePosixPath(name).parents}


# -- in a folder --------------------------------------------------------------------------


def files_in(folder: Path) -> OutputFiles:
    """The files in a folder of this machine, without what symbolic links point to."""
    found: dict[str, int] = {}
    for place, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(place, name)
            about = path.lstat()
            if stat.S_ISREG(about.st_mode):
                found[path.relative_to(folder).as_posix()] = about.st_size
    return OutputFiles(found, lambda name: (folder / name).read_bytes())


def _is_there(base: Path, name: str, content: bytes) -> bool:
    """Whether a file is there as it should be."""
    *folders, _ = name.split("/")
    for depth in range(len(folders)):
        place = base.joinpath(*folders[: depth + 1])
        if place.is_symlink() or (place.exists() and not place.is_dir()):
            raise _conflict(place, "is no folder")
    path = base / name
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise _conflict(path, "is no file")
    if not path.exists():
        return False
    if path.stat().st_size != len(content) or path.read_bytes() != content:
        raise _conflict(path, "is there already, with another content")
    return True


def _conflict(path: Path, why: str) -> FileConflict:
    return FileConflict(f"{path} {why}.", hint="Choose another folder; nothing was written.")


def _write(base: Path, name: str, content: bytes) -> None:
    """Write a new file; who puts a symbolic link in its way meanwhile gets nowhere."""
    *folders, last = name.split("/")
    place = os.open(base, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for folder in folders:
            with contextlib.suppress(FileExistsError):
                os.mkdir(folder, dir_fd=place)
            inner = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=place)
            os.close(place)
            place = inner
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        with os.fdopen(os.open(last, flags, 0o666, dir_fd=place), "wb") as file:
            file.write(content)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR, errno.EEXIST):
            raise _conflict(base / name, "is in the way") from error
        raise
    finally:
        os.close(place)
