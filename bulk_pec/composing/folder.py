"""The folder of attachments: opens files inside it, and never one outside.

A path is walked from the folder one component at a time, each opened without following a symbolic link, so
that nothing that is swapped meanwhile can lead elsewhere. A link that is met is resolved as a whole; if it
ends inside the folder, the path it stands for is walked the same way.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from bulk_pec.composing.paths import problem
from bulk_pec.composing.problems import Uncomposable, shown
from bulk_pec.domain.errors import ListRefused
from bulk_pec.domain.problems import Problem

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_STEP = _FOLDER | os.O_NOFOLLOW
# Not blocking: a named pipe without a writer would hold up the whole run.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_LINK_MET = frozenset({errno.ELOOP, errno.ENOTDIR})


class Stamp(NamedTuple):
    """What a file's content is known by: as long as all of it stays the same, the content does.

    The time of the last change of the inode is part of it, as tools that copy files set the other one back.
    """

    device: int
    inode: int
    size: int
    modified_ns: int
    changed_ns: int

    @classmethod
    def of(cls, found: os.stat_result) -> Stamp:
        """The stamp of a file, as the system describes it."""
        return cls(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


class Folder:
    """A folder that attachments come from.

    Args:
        path: Of the folder; it may itself be reached by symbolic links.
        private: Files that are never attached, by whatever name: names of attachments are made of cells of a
            list that somebody else wrote, and the folder may be the one that holds the secrets.

    Raises:
        ListRefused: There is no such folder, or it cannot be entered.
    """

    def __init__(self, path: Path, *, private: Iterable[Path] = ()) -> None:
        self._private = frozenset(_identities(private))
        try:
            self.path = path.resolve(strict=True)
            self._root = str(self.path)
            os.close(os.open(self.path, _FOLDER))
        except OSError as error:
            raise ListRefused(
                f"The folder of attachments {path} cannot be used: {error.strerror}.",
                hint="Check [message] attachments_dir; paths are relative to the configuration.",
            ) from error

    @contextmanager
    def open(self, path: str) -> Iterator[tuple[int, Stamp]]:
        """A file's descriptor and stamp, for the duration of a block.

        Args:
            path: Relative, and passed by `paths.fault`.

        Raises:
            Uncomposable: It is not there, leads outside, is private, is no plain file, is empty or cannot be
                read.
        """
        try:
            descriptor = self._descriptor(path)
        except OSError as error:
            raise Uncomposable.of(self._in_words(path, error)) from error
        try:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise Uncomposable.of(_no_file(path))
            if (found.st_dev, found.st_ino) in self._private:
                what = f"the file {_told(path)} is bulk-pec's own and is never attached"
                raise Uncomposable.of(problem(path, what, "Correct the cell its name comes from."))
            if not found.st_size:
                raise Uncomposable.of(problem(path, f"the file {_told(path)} is empty", "Check the file."))
            yield descriptor, Stamp.of(found)
        finally:
            os.close(descriptor)

    def _descriptor(self, path: str) -> int:
        try:
            return self._walk(path.split("/"))
        except OSError as error:
            if error.errno not in _LINK_MET:
                raise
        return self._walk(self._resolved(path))

    def _resolved(self, path: str) -> tuple[str, ...]:
        """The components of what a path with links stands for.

        Raises:
            Uncomposable: It ends outside the folder.
        """
        # pathlib's own resolve tells a circle of links by another exception in each version of Python.
        real = Path(os.path.realpath(self.path / path, strict=True))
        if not real.is_relative_to(self.path):
            what = f"the path {_told(path)} is a link that leads outside attachments_dir"
            raise Uncomposable.of(problem(path, what, "Put the file itself into the folder."))
        return real.relative_to(self.path).parts

    def _walk(self, parts: Sequence[str]) -> int:
        *above, last = parts or (".",)
        at: int | None = None
        try:
            for part in above:
                at, before = self._step(part, _STEP, at), at
                if before is not None:
                    os.close(before)
            return self._step(last, _FILE, at)
        finally:
            if at is not None:
                os.close(at)

    def _step(self, part: str, flags: int, at: int | None) -> int:
        return os.open(f"{self._root}/{part}" if at is None else part, flags, dir_fd=at)

    def _in_words(self, path: str, error: OSError) -> Problem:
        match error.errno:
            case errno.ENOENT | errno.ENOTDIR:
                what = f"there is no file {_told(path)} in {self.path}"
                return problem(path, what, "Put it there, or correct the cell its name comes from.")
            case errno.ELOOP:
                what = f"the path {_told(path)} is a link that leads nowhere"
                return problem(path, what, "Put the file itself into the folder.")
            case errno.ENXIO | errno.ENODEV | errno.EISDIR:
                return _no_file(path)
            case _:
                what = f"the file {_told(path)} cannot be read: {error.strerror}"
                return problem(path, what, "Check the file and who may read it.")


def _identities(paths: Iterable[Path]) -> Iterator[tuple[int, int]]:
    """What the system knows those files by that are there."""
    for path in paths:
        with suppress(OSError):
            found = path.stat()
            yield found.st_dev, found.st_ino


def _no_file(path: str) -> Problem:
    what = f"{_told(path)} is no plain file"
    return problem(path, what, "Name a file; give each file of a folder a template of its own.")


def _told(path: str) -> str:
    return repr(shown(path))
