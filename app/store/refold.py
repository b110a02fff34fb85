"""The log folded in bounded memory: closed orders leave while it is folded, as they leave a running process.

A later fact of one that left finds it by its own facts in the log. With a snapshot only what came after is folded.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app.domain.errors import InvariantBroken
from app.domain.events import Fact
from app.domain.ids import ULID_LENGTH, ulid_ms
from app.domain.records import ParentRecord
from app.execution.ledger import Ledger, evolve
from app.execution.reconcile import LAST_WORDS_NS
from app.execution.settling import Settling
from app.execution.working_set import adopt, is_lacking, order_of
from app.store.chain import GENESIS
from app.store.journal import JournalReader
from app.store.snapshot import read_snapshot, snapshot_path, write_snapshot

# Facts between two looks at what may leave.
LOOK_EVERY: Final = 256
_MS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Refolded:
    """A ledger at the log's end. `snapshot_seq`: where the snapshot stood, 0 for none; `why` none was used, if so."""

    ledger: Ledger
    snapshot_seq: int = 0
    why: str = ""

    @property
    def n_folded(self) -> int:
        return self.ledger.seq - self.snapshot_seq


def kept_by_a_start_ns(keep_ns: int) -> int:
    """How long before the log's end an order that a start still holds may have closed.

    A start asks about what ended shortly before it, whose last word may have died with the process before; so it holds
    at least those, however soon a running process lets go of them.
    """
    return max(keep_ns, LAST_WORDS_NS)


def refold(reader: JournalReader, journal_path: Path, keep_ns: int) -> Refolded:
    """The ledger without what closed more than `keep_ns` before the log's end, from the log's snapshot on if it fits.

    Raises InvariantBroken where the log was changed or does not fold.
    """
    ledger, chain_hash, why = _start(reader, journal_path)
    found = Refolded(ledger, ledger.seq, why)
    fold_on(reader, ledger, chain_hash, keep_ns)
    return found


def write_on(reader: JournalReader, journal_path: Path, keep_ns: int) -> Refolded:
    """Brings the log's snapshot up to the log's end. Raises as `refold`, and OSError where there is no room."""
    found = refold(reader, journal_path, keep_ns)
    if found.n_folded:
        write_snapshot(snapshot_path(journal_path), found.ledger, reader.hash_at(found.ledger.seq))
    return found


def fold_on(reader: JournalReader, ledger: Ledger, chain_hash: bytes, keep_ns: int) -> None:
    """Folds everything after `ledger`, where the chain's hash is given; closed orders leave as they settle."""
    settling = Settling(keep_ns)
    settling.begin(ledger)
    for n, fact in enumerate(reader.replay(ledger.seq, chain_hash), 1):
        if is_lacking(ledger, fact.event):
            found = _as_it_left(reader, fact)
            if found is not None:
                adopt(ledger, found)
                settling.taken_back(fact.ts_ns, found.order_id)
        evolve(ledger, fact)
        settling.note(fact.ts_ns, fact.event)
        if n % LOOK_EVERY == 0:
            settling.let_go(ledger, ledger.ts_ns, ledger.seq, len(settling))
    settling.let_go(ledger, ledger.ts_ns, ledger.seq, len(settling))


def _start(reader: JournalReader, journal_path: Path) -> tuple[Ledger, bytes, str]:
    """(ledger, chain hash at its seq, why it is no snapshot's): what a file beside the log cannot prove is not used."""
    try:
        found = read_snapshot(snapshot_path(journal_path))
    except InvariantBroken as error:
        return Ledger(), GENESIS, str(error)
    if found is None:
        return Ledger(), GENESIS, "none of this release"
    ledger, chain_hash = found
    if reader.hash_at(ledger.seq) != chain_hash:
        return Ledger(), GENESIS, "of another log"
    return ledger, chain_hash, ""


def _as_it_left(reader: JournalReader, fact: Fact) -> ParentRecord | None:
    """The order that `fact` concerns, as its own facts before that one add up; None where there is no such order."""
    order_id = order_of(fact.event)
    try:
        from_ts_ns = ulid_ms(order_id[-ULID_LENGTH:]) * _MS
    except ValueError:  # none of the engine's own ids: then the whole log is looked through
        from_ts_ns = 0
    ledger = Ledger()
    for each in reader.order_facts(fact.account, order_id, from_ts_ns, fact.seq):
        if order_of(each.event) == order_id:
            ledger.seq = each.seq - 1
            ledger.account_seqs[each.account] = each.account_seq - 1
            evolve(ledger, each)
    return ledger.parents.get(order_id)
