"""A turn's facts made ready for the log together: their records, and what a row of the log says beside them.

Facts of an order's common course are read back now and then (docs/adr/0039); every other one always is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgspec

from app.domain.errors import InvariantBroken
from app.domain.events import Event, Fact, RoutePlanned
from app.domain.tabled import TabledPlan
from app.store.codec import UNNAMED, encode, record_of

FIRST_READ_BACK: Final = 256
TABLES_MORE_SELDOM: Final = 16
_encode: Final = msgspec.json.Encoder().encode


class _Record(msgspec.Struct, gc=False):
    """A record as store/codec.py's `record_of` spells it."""

    seq: int
    ts_ns: int
    account_seq: int
    kind: str
    v: int
    event: object


class Records(NamedTuple):
    """Records that follow each other in the log: the first one's seq, the last one's stamp, each account's last number.

    `accounts`: of '' too, where a fact concerns none.
    """

    first_seq: int
    ts_ns: int
    accounts: dict[str, int]
    lines: list[bytes]

    @staticmethod
    def of_rows(rows: Sequence[Sequence[Any]]) -> Records:
        """Of rows (seq, account, account_seq, ts_ns, kind, v, body, ...), one at least."""
        accounts = {row[1]: row[2] for row in rows}
        return Records(rows[0][0], rows[-1][3], accounts, [record_of(row) for row in rows])

    @staticmethod
    def joined(groups: Sequence[Records]) -> Records:
        """One of several that follow each other, one at least."""
        if len(groups) == 1:
            return groups[0]
        accounts: dict[str, int] = {}
        lines: list[bytes] = []
        for group in groups:
            accounts |= group.accounts
            lines += group.lines
        return Records(groups[0].first_seq, groups[-1].ts_ns, accounts, lines)


class Encoder:
    """Makes facts ready for one log; those of an order's common course are read back one in `read_back_every`.

    So are the first FIRST_READ_BACK of each kind, and every fact of every other kind. 1: each one is. Of plans that are
    tables it is one in `read_back_every` times TABLES_MORE_SELDOM: their numbers are refused unless they are integers.
    """

    def __init__(self, read_back_every: int) -> None:
        from app.store import plan_text  # who writes needs its compiler with the first plan; who only reads does not

        self._plan_text_is_ready, self._texts_of = plan_text.is_ready, plan_text.texts_of
        self._every = read_back_every
        self._n_told = dict.fromkeys(UNNAMED, 0)
        self._n_tables = 0

    def spell(self, facts: Sequence[Fact]) -> Records:
        """The records of a turn's facts, one at least.

        Raises InvariantBroken as `codec.encode`, what is not read back excepted, and for a gap in `seq`.
        """
        lines, tables, accounts, next_seq = list[bytes](), list[Fact](), dict[str, int](), facts[0].seq
        n_told, every = self._n_told, self._every
        for fact in facts:
            event, seq, account_seq = fact.event, fact.seq, fact.account_seq
            if seq != next_seq:
                raise InvariantBroken(reason="a gap in the log", expected_seq=next_seq, seq=seq)
            next_seq += 1
            accounts[event.account] = account_seq
            kind = type(event)
            if kind is RoutePlanned and type(event.plan) is TabledPlan:  # type: ignore[attr-defined]
                tables.append(fact)
                lines.append(b"")
                continue
            if kind in n_told:
                n_told[kind] = n = n_told[kind] + 1
                is_read_back = n <= FIRST_READ_BACK or n % every == 0
            else:
                is_read_back = True
            try:
                said = msgspec.Raw(encode(event)) if is_read_back else UNNAMED[kind](event)
                lines.append(_encode(_Record(seq, fact.ts_ns, account_seq, kind.KIND, kind.V, said)))
            except (msgspec.MsgspecError, TypeError, ValueError, AttributeError) as error:
                raise _unwritten(kind, error) from error
        for fact, text in zip(tables, self._texts(tables), strict=True):
            said = msgspec.Raw(text or encode(fact.event))
            lines[fact.seq - facts[0].seq] = _encode(
                _Record(fact.seq, fact.ts_ns, fact.account_seq, RoutePlanned.KIND, RoutePlanned.V, said)
            )
        return Records(facts[0].seq, facts[-1].ts_ns, accounts, lines)

    def _texts(self, facts: Sequence[Fact]) -> list[bytes]:
        """Of each plan that is a table its text; empty of one to be read back, or that a kernel cannot tell."""
        n_before = self._n_tables
        self._n_tables += len(facts)
        if not facts or self._every == 1 or n_before < FIRST_READ_BACK or not self._plan_text_is_ready():
            return [b""] * len(facts)
        events: list[RoutePlanned] = [fact.event for fact in facts]  # type: ignore[misc]
        try:
            texts = self._texts_of(events)
        except UnicodeEncodeError as error:
            raise _unwritten(RoutePlanned, error) from error
        every = self._every * TABLES_MORE_SELDOM
        for i in range(every - n_before % every - 1, len(texts), every):
            texts[i] = b""
        return texts


def _unwritten(kind: type[Event], error: Exception) -> InvariantBroken:
    return InvariantBroken(reason="a fact that cannot be written", kind=kind.KIND, error=str(error))
