"""An engine's lease on its open orders: a heartbeat row that it writes and its watchdog reads. Times: monotonic ns."""

from __future__ import annotations

from dataclasses import dataclass

from app.shm.heartbeat import Heartbeats, Pulse
from app.shm.layout import BEAT_WORDS, Kind
from app.shm.segment import Segment, attach, create


@dataclass(slots=True)
class Lease:
    """Taken, kept by beating, given back. Without the last, whoever watches must assume the worst."""

    segment: Segment

    def take(self, pid: int, epoch: int, now_ns: int) -> None:
        self._beats.begin(0, pid, epoch, now_ns)

    def beat(self, now_ns: int) -> None:
        self._beats.beat(0, now_ns, 0)

    def give_back(self) -> None:
        """An orderly end: the engine has drained, and nobody need cancel for it."""
        self._beats.begin(0, 0, 0, 0)

    def look(self) -> Pulse:
        """`pid` 0: nobody holds it."""
        return self._beats.read(0)

    @property
    def _beats(self) -> Heartbeats:
        return Heartbeats(self.segment.words[:BEAT_WORDS])


def create_lease(name: str) -> Lease:
    """A new lease that nobody holds; the creator's `segment.unlink()` ends it."""
    return Lease(create(name, Kind.LEASE, BEAT_WORDS))


def attach_lease(name: str) -> Lease:
    return Lease(attach(name, Kind.LEASE))
