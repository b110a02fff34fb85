"""A log in the journal's first form: one row a fact, receipts in a table of their own, a view before both."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path

from app.store.chain import GENESIS, link
from app.store.codec import encode_fact
from app.store.head import head_line, head_path
from app.store.journal_schema import APPLICATION_ID
from app.store.receipts import placed
from tests.store.logs import Turn

SCHEMA = """
create table facts (
    seq integer primary key,
    account text not null,
    account_seq integer not null,
    ts_ns integer not null,
    kind text not null,
    v integer not null,
    body blob not null,
    hash blob not null
);
create unique index facts_account on facts (account, account_seq) where account_seq > 0;
create table receipts (sha256 text primary key, seq integer not null, body blob not null);
create index receipts_seq on receipts (seq);
create view records as
    select 0 as seq, '' as account, 0 as account_seq, 0 as ts_ns, '' as kind, 0 as v, x'' as body, x'' as hash;
create trigger records_fact instead of insert on records when new.v > 0 begin
    insert into facts values
        (new.seq, new.account, new.account_seq, new.ts_ns, new.kind, new.v, new.body, new.hash);
end;
create trigger records_receipt instead of insert on records when new.v = 0 begin
    insert into receipts values (new.account, new.seq, new.body) on conflict (sha256) do nothing;
end;
"""


def write_old_journal(path: Path, turns: Iterable[Turn]) -> None:
    """A closed log of version 1 with its head."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("pragma journal_mode=wal")
    connection.executescript(
        f"begin; {SCHEMA} pragma application_id={APPLICATION_ID}; pragma user_version=1; commit; begin;"
    )
    seq, chain_hash = 0, GENESIS
    for facts, receipts in turns:
        for fact in map(encode_fact, facts):
            seq, chain_hash = fact.seq, link(chain_hash, fact.seq, fact.record)
            connection.execute("insert into facts values (?,?,?,?,?,?,?,?)", (*fact[:7], chain_hash))
        for row in placed(facts, receipts):
            connection.execute("insert into receipts values (?,?,?) on conflict (sha256) do nothing", row)
    connection.execute("commit")
    connection.close()
    head_path(path).write_bytes(head_line(seq, chain_hash))
