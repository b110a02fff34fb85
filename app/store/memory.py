"""The journal's twin in memory: the same manners, nothing on a disk. Tests and market replays use it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum, unique

from app.domain.errors import InvariantBroken, Unavailable
from app.domain.events import Fact
from app.store.chain import GENESIS, link
from app.store.codec import EncodedFact, decode_fact, encode_fact
from app.store.receipts import placed


@unique
class Flushing(StrEnum):
    """When appended facts count as durable."""

    AT_ONCE = "at_once"
    ON_FLUSH = "on_flush"


class MemoryJournal:
    """`Journal` and `FactReader` in one, over lists. Facts pass through the same bytes and chain as in the file.

    With AT_ONCE, `on_durable` is called inside `append`; with ON_FLUSH, inside `flush`.
    """

    def __init__(
        self,
        *,
        on_durable: Callable[[int], None] = lambda seq: None,
        flushing: Flushing = Flushing.AT_ONCE,
        max_queued_facts: int = 65_536,
    ) -> None:
        self._on_durable = on_durable
        self._flushing = flushing
        self._max_queued_facts = max_queued_facts
        self._facts: list[EncodedFact] = []
        self._hashes: list[bytes] = [GENESIS]
        self._receipts: dict[str, bytes] = {}
        self._waiting_receipts: list[tuple[str, int, bytes]] = []
        self._durable_seq = 0
        self._by_account: dict[str, list[int]] = {}
        self._is_closed = False

    @property
    def durable_seq(self) -> int:
        return self._durable_seq

    @property
    def free_facts(self) -> int:
        """How many facts the queue still takes; 0 after `close`."""
        return 0 if self._is_closed else max(0, self._max_queued_facts - (len(self._facts) - self._durable_seq))

    def append(self, facts: Sequence[Fact], receipts: Sequence[tuple[str, bytes]]) -> None:
        """As `SqliteJournal.append`, with the same errors."""
        if len(facts) > self.free_facts:
            raise Unavailable("storage_degraded", "the journal takes no more")
        if not facts:
            placed(facts, receipts)
            return
        encoded = [encode_fact(fact) for fact in facts]
        for seq, fact in enumerate(encoded, len(self._facts) + 1):
            if fact.seq != seq:
                raise InvariantBroken(reason="a gap in the log", expected_seq=seq, seq=fact.seq)
        self._waiting_receipts += placed(facts, receipts)
        self._facts += encoded
        if self._flushing is Flushing.AT_ONCE:
            self.flush()

    def flush(self) -> None:
        """Everything appended becomes durable, and `on_durable` hears of it."""
        if self._durable_seq == len(self._facts):
            return
        for fact in self._facts[self._durable_seq :]:
            self._hashes.append(link(self._hashes[-1], fact.seq, fact.record))
            if fact.account_seq:
                self._by_account.setdefault(fact.account, []).append(fact.seq)
        for sha256, _, body in self._waiting_receipts:
            self._receipts.setdefault(sha256, body)
        self._waiting_receipts.clear()
        self._durable_seq = len(self._facts)
        self._on_durable(self._durable_seq)

    def close(self) -> None:
        """Flushes; later appends are refused, reads still work."""
        self.flush()
        self._is_closed = True

    def read(self, after_seq: int, limit: int) -> list[Fact]:
        """Up to `limit` durable facts after `after_seq`, in order."""
        return [decode_fact(fact) for fact in self._facts[after_seq : min(after_seq + limit, self._durable_seq)]]

    def read_account(self, account: str, after_account_seq: int, limit: int) -> list[Fact]:
        """Up to `limit` durable facts of one account after its `after_account_seq`, in order."""
        rows = (self._facts[seq - 1] for seq in self._by_account.get(account, ()))
        found = sorted((row for row in rows if row.account_seq > after_account_seq), key=lambda row: row.account_seq)
        return [decode_fact(row) for row in found[:limit]]

    def receipt(self, sha256: str) -> bytes | None:
        """The receipt stored under this SHA-256 (hex), None where there is none."""
        return self._receipts.get(sha256)

    def receipts(self, named: Mapping[str, int]) -> dict[str, bytes]:
        """The receipts stored under these SHA-256 (hex), wherever they were named."""
        return {sha256: self._receipts[sha256] for sha256 in named if sha256 in self._receipts}

    def head(self) -> tuple[int, bytes]:
        """The last durable seq and its chain hash; (0, genesis) of an empty log."""
        return self._durable_seq, self._hashes[-1]

    def hash_at(self, seq: int) -> bytes:
        """The chain hash of record `seq` (0: genesis); empty where the log does not hold it."""
        return self._hashes[seq] if 0 <= seq <= self._durable_seq else b""

    def replay(self) -> Iterator[Fact]:
        """Every durable fact from the first."""
        for fact in self._facts[: self._durable_seq]:
            yield decode_fact(fact)
