"""The files attached: their digests while rows are checked, their base64 while letters are sent.

A file that many letters share is hashed once and encoded once. Both are kept by its path *and* its stamp, so
that a changed file is read again; a stamp so young that a change might not show in it is not relied upon.
"""

from __future__ import annotations

import base64
import hashlib
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field

from bulk_pec.composing.folder import Folder, Stamp
from bulk_pec.composing.media import HEAD, Content, agrees, content_of, mime_of
from bulk_pec.composing.paths import PLACE, name_of, problem
from bulk_pec.composing.problems import Uncomposable, shown
from bulk_pec.composing.sizes import encoded_size, letter_size, oversized, too_large
from bulk_pec.domain.letters import Attachment
from bulk_pec.domain.problems import Problem

KEPT = 256 << 20
"""Bytes of base64 kept at most, unless told otherwise."""

_DIGESTS_KEPT = 50_000
_PIECE = 1 << 20
_GLANCE = 0.1
"""Seconds: what is in memory is what was loaded; to look at the file more often costs more than it tells."""
_YOUNG = 2.0
"""Seconds: file systems count time in steps, FAT in two seconds, within which a change may leave no mark."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a file without holding its content.

    Attributes:
        path: Inside the folder.
        size: In bytes.
        sha256: Digest of its bytes.
        content: What it is.
    """

    path: str
    size: int
    sha256: bytes = field(repr=False)
    content: Content

    @property
    def encoded(self) -> int:
        """Bytes of its base64."""
        return encoded_size(self.size)


@dataclass(slots=True)
class _Held:
    """An encoded file, and when it was last seen to be unchanged: seconds, on a clock of no origin."""

    stamp: Stamp
    attachment: Attachment
    seen: float


class Files:
    """The files of one folder. Safe to use from several threads at once.

    Args:
        folder: Where they are.
        kept: Bytes of base64 to keep; a file that needs more is encoded each time it is asked for.
        young: Seconds since its last change during which a file is read anew each time.
        glance: Seconds for which a file that is at hand is not looked at again.

    Attributes:
        encodings: How many times a file was read and encoded so far.
    """

    def __init__(
        self, folder: Folder, *, kept: int = KEPT, young: float = _YOUNG, glance: float = _GLANCE
    ) -> None:
        self._folder = folder
        self._kept = kept
        self._young_ns = round(young * 1e9)
        self._weight = 0
        self._glance = glance
        self._held: OrderedDict[str, _Held] = OrderedDict()
        self._known: OrderedDict[str, tuple[Stamp, Facts]] = OrderedDict()
        self._index = threading.Lock()
        self._reading = threading.Lock()
        self.encodings = 0

    def facts(self, path: str) -> Facts:
        """A file's digest and kind, in bounded memory: nothing is encoded.

        Raises:
            Uncomposable: It cannot be attached, alone or at all.
        """
        with self._folder.open(path) as (descriptor, stamp):
            known = self._known.get(path)
            if known is not None and known[0] == stamp:
                return known[1]
            if too_large(0, [stamp.size]):
                raise Uncomposable.of(oversized(PLACE, path, letter_size(0, [stamp.size])))
            facts = _hashed(path, descriptor, stamp)
        if self._is_settled(stamp):
            with self._index:
                self._known[path] = (stamp, facts)
                while len(self._known) > _DIGESTS_KEPT:
                    self._known.popitem(last=False)
        return facts

    def at_hand(self, path: str) -> Attachment | int:
        """A file as it can be attached at once; else its size in bytes: it would have to be read.

        Raises:
            Uncomposable: It cannot be attached.
        """
        held = self._held.get(path)
        if held is not None and time.monotonic() - held.seen < self._glance:
            return held.attachment
        with self._folder.open(path) as (_, stamp):
            return self._fresh(path, stamp) or stamp.size

    def attachment(self, path: str) -> Attachment:
        """A file, read and encoded unless that is at hand. For threads: a large file takes its time.

        Raises:
            Uncomposable: It cannot be attached.
        """
        # One at a time: whoever else waits for the same file then finds it encoded.
        with self._reading, self._folder.open(path) as (descriptor, stamp):
            fresh = self._fresh(path, stamp)
            if fresh is not None:
                return fresh
            if too_large(0, [stamp.size]):
                raise Uncomposable.of(oversized(PLACE, path, letter_size(0, [stamp.size])))
            attachment = self._encoded(path, descriptor, stamp)
        if self._is_settled(stamp):
            self._keep(path, stamp, attachment)
        return attachment

    def changed_after(self, path: str, moment: int) -> bool:
        """Whether a file was changed after a moment, in nanoseconds since the epoch.

        Raises:
            Uncomposable: It cannot be attached.
        """
        with self._folder.open(path) as (_, stamp):
            return max(stamp.modified_ns, stamp.changed_ns) > moment

    def _is_settled(self, stamp: Stamp) -> bool:
        return time.time_ns() - max(stamp.modified_ns, stamp.changed_ns) > self._young_ns

    def _fresh(self, path: str, stamp: Stamp) -> Attachment | None:
        with self._index:
            held = self._held.get(path)
            if held is None or held.stamp != stamp:
                return None
            held.seen = time.monotonic()
            self._held.move_to_end(path)
            return held.attachment

    def _encoded(self, path: str, descriptor: int, stamp: Stamp) -> Attachment:
        data = _whole(path, descriptor, stamp)
        content = _checked_content(path, data[:HEAD])
        digest = hashlib.sha256(data).hexdigest()
        self.encodings += 1
        return Attachment(name_of(path), mime_of(path, content), digest, base64.b64encode(data))

    def _keep(self, path: str, stamp: Stamp, attachment: Attachment) -> None:
        """Keep what was encoded, and let go of what was not asked for the longest."""
        size = len(attachment.base64)
        if size > self._kept:
            return
        with self._index:
            if path in self._held:
                self._weight -= len(self._held.pop(path).attachment.base64)
            self._held[path] = _Held(stamp, attachment, time.monotonic())
            self._weight += size
            while self._weight > self._kept:
                _, oldest = self._held.popitem(last=False)
                self._weight -= len(oldest.attachment.base64)


def _hashed(path: str, descriptor: int, stamp: Stamp) -> Facts:
    hashed, head = hashlib.sha256(), b""
    for piece in _pieces(path, descriptor, stamp):
        head = head or piece[:HEAD]
        hashed.update(piece)
    return Facts(path, stamp.size, hashed.digest(), _checked_content(path, head))


def _pieces(path: str, descriptor: int, stamp: Stamp) -> Iterator[bytes]:
    """The file's bytes, piece by piece; Uncomposable if it changes meanwhile or cannot be read."""
    try:
        while piece := os.read(descriptor, _PIECE):
            yield piece
    except OSError as error:
        raise Uncomposable.of(_broken(path, error)) from error
    _check_unchanged(path, descriptor, stamp)


def _whole(path: str, descriptor: int, stamp: Stamp) -> bytes:
    """The file's bytes at once; Uncomposable as above."""
    try:
        with os.fdopen(descriptor, "rb", closefd=False) as reader:
            data = reader.read(stamp.size + 1)  # one more: a file that grew is seen to have changed
    except OSError as error:
        raise Uncomposable.of(_broken(path, error)) from error
    _check_unchanged(path, descriptor, stamp)
    return data


def _check_unchanged(path: str, descriptor: int, stamp: Stamp) -> None:
    if Stamp.of(os.fstat(descriptor)) != stamp:
        what = f"the file {shown(path)!r} changes while it is read"
        raise Uncomposable.of(problem(path, what, "Wait until it is written, then start again."))


def _broken(path: str, error: OSError) -> Problem:
    what = f"the file {shown(path)!r} cannot be read: {error.strerror}"
    return problem(path, what, "Check the file and its disk.")


def _checked_content(path: str, head: bytes) -> Content:
    """What the file is.

    Raises:
        Uncomposable: Its name says something else.
    """
    content = content_of(head)
    if not agrees(path, content):
        name = name_of(path)
        what = f"the file {shown(path)!r} is not what its name says: its content is {content.value}"
        raise Uncomposable.of(problem(path, what, f"Check what {shown(name)!r} holds, or rename it."))
    return content
