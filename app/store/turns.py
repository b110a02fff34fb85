"""One group commit as one row: the records of its facts as lines, the chain's hash at each, and its receipts framed.

A line is a fact's canonical record (store/codec.py), which the chain covers; canonical JSON holds no line break, so
that the fact `seq` is line `seq - first_seq`. The chain knows of no rows: the same facts give the same hashes however
they were grouped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from struct import Struct
from typing import Final, NamedTuple

import msgspec

from app.domain.errors import InvariantBroken
from app.domain.events import Fact
from app.store.chain import links
from app.store.codec import decode
from app.store.encoder import Records

HASH_BYTES: Final = 32
Receipt = tuple[str, int, bytes]

# Of each receipt: its SHA-256, the seq of the fact that names it, and how many bytes follow.
_RECEIPT_HEAD: Final = Struct(">32sQI")
# What stands before the event, in its one canonical spelling: a leading zero, a space or another order is no record.
_PLACE: Final = re.compile(
    rb'\{"seq":([1-9]\d*),"ts_ns":(0|-?[1-9]\d*),"account_seq":(0|[1-9]\d*),"kind":"(\w+)","v":([1-9]\d*),"event":'
)
_text_of: Final = msgspec.json.Encoder().encode


class Turn(NamedTuple):
    """A row of the table `turns`, its columns in their order.

    `ts_ns`: of the last fact. `accounts`: JSON of each account's last account_seq in the row. `hashes`: the chain's
    hash at each fact, 32 bytes each.
    """

    first_seq: int
    last_seq: int
    ts_ns: int
    accounts: str
    hashes: bytes
    receipts: bytes
    facts: bytes

    @property
    def chain_hash(self) -> bytes:
        """The chain's hash up to and with the last fact."""
        return self.hashes[-HASH_BYTES:]

    def hash_at(self, seq: int) -> bytes:
        """The chain's hash at one of its facts."""
        start = HASH_BYTES * (seq - self.first_seq)
        return self.hashes[start : start + HASH_BYTES]

    def lines(self, after_seq: int = 0) -> list[bytes]:
        """The records after `after_seq`."""
        return self.facts.split(b"\n")[max(0, after_seq + 1 - self.first_seq) :]


def make_turn(previous_hash: bytes, records: Records, receipts: Iterable[Receipt]) -> Turn:
    """The row of `records`, chained to `previous_hash`; a receipt that comes twice is kept once."""
    first_seq, ts_ns, accounts, lines = records
    hashes = links(previous_hash, first_seq, lines)
    last_seq, facts = first_seq + len(lines) - 1, b"\n".join(lines)
    framed = frame_receipts(receipts)
    return Turn(first_seq, last_seq, ts_ns, accounts_text(accounts), b"".join(hashes), framed, facts)


def accounts_text(last_seqs: dict[str, int]) -> str:
    """JSON of account -> its last account_seq; what concerns no account is left out."""
    if "" in last_seqs:
        last_seqs = {account: seq for account, seq in last_seqs.items() if account}
    return _text_of(last_seqs).decode()


def account_needle(account: str) -> str:
    """What stands before an account's number in `accounts`, its first character read as a comma.

    No other name contains it: a quote within a name has a backslash before it.
    """
    return f",{name_in_record(account).decode()}:"


def name_in_record(account: str) -> bytes:
    """How a record spells the account that it concerns."""
    return _text_of(account)


def frame_receipts(receipts: Iterable[Receipt]) -> bytes:
    """Receipts one after the other, each behind its head; the same SHA-256 once."""
    parts: dict[str, bytes] = {}
    for sha256, seq, body in receipts:
        if sha256 not in parts:
            parts[sha256] = _RECEIPT_HEAD.pack(bytes.fromhex(sha256), seq, len(body)) + body
    return b"".join(parts.values())


def receipts_in(framed: bytes) -> Iterator[Receipt]:
    """(sha256, seq, bytes) of framed receipts; raises InvariantBroken where the frames do not add up."""
    at = 0
    while at < len(framed):
        start = at + _RECEIPT_HEAD.size
        if start > len(framed):
            raise InvariantBroken(reason="receipts that are cut off", offset=at)
        sha256, seq, n_bytes = _RECEIPT_HEAD.unpack_from(framed, at)
        at = start + n_bytes
        if at > len(framed):
            raise InvariantBroken(reason="receipts that are cut off", offset=start)
        yield sha256.hex(), seq, framed[start:at]


def account_lines(turn: Turn, account: str, after_account_seq: int) -> Iterator[bytes]:
    """The records that may be facts of `account` after its `after_account_seq`; another's may be among them."""
    name = name_in_record(account)
    for line in turn.lines():
        if name in line and (place := _PLACE.match(line)) and int(place[3]) > after_account_seq:
            yield line


def seq_of(line: bytes) -> int:
    """The seq that a record says; raises InvariantBroken for a line that is no record."""
    place = _PLACE.match(line)
    if place is None:
        raise InvariantBroken(reason="a record that cannot be read", record=line[:120])
    return int(place[1])


def decode_line(line: bytes) -> Fact:
    """The fact of a record. Raises InvariantBroken as `decode`, and for a line that is no record."""
    place = _PLACE.match(line)
    if place is None or line[-1:] != b"}":
        raise InvariantBroken(reason="a record that cannot be read", record=line[:120])
    seq, ts_ns, account_seq, kind, v = place.groups()
    return Fact(int(seq), int(ts_ns), int(account_seq), decode(kind.decode(), int(v), line[place.end() : -1]))
