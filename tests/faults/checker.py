"""An oracle that shares no code with the product: journal file, venue ledgers, client acks and streams, held together.

Reads the SQLite journal by docs/journal.md and the venues' ledger lines as plain JSON; imports nothing of the service.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.places import Page

GENESIS = bytes(32)


@dataclass
class Log:
    """The journal as rows: (seq, account, account_seq, kind, event)."""

    rows: list[tuple[int, str, int, str, dict]] = field(default_factory=list)

    def of(self, *kinds: str) -> list[tuple[int, dict]]:
        return [(seq, event) for seq, _, _, kind, event in self.rows if kind in kinds]


def read_log(path: Path) -> Log:
    """Every record of a journal file that nobody writes to any more (or that is read as it stands)."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    rows = connection.execute("select facts from turns order by first_seq").fetchall()
    connection.close()
    records = [json.loads(line) for (facts,) in rows for line in facts.split(b"\n")]
    page = Page()
    events = [(record, page.event(record)) for record in records]
    return Log([(r["seq"], event["account"], r["account_seq"], r["kind"], event) for r, event in events])


def read_venues(folder: Path) -> dict[str, list[dict]]:
    """Ledger lines per venue; a torn last line is no line."""
    result: dict[str, list[dict]] = {}
    for path in sorted(folder.glob("*.jsonl")):
        lines = path.read_bytes().split(b"\n")
        result[path.name.split(".")[0]] = [json.loads(line) for line in lines[:-1] if line]
    return result


def check_sequences(log: Log) -> list[str]:
    """I17: seq gapless from 1; each account's sequence gapless from 1."""
    breaches = []
    if [row[0] for row in log.rows] != list(range(1, len(log.rows) + 1)):
        breaches.append("seq has a gap")
    by_account: dict[str, list[int]] = defaultdict(list)
    for _, account, account_seq, _, _ in log.rows:
        if account:
            by_account[account].append(account_seq)
    for account, seqs in by_account.items():
        if seqs != list(range(1, len(seqs) + 1)):
            breaches.append(f"account_seq of {account} has a gap")
    return breaches


def check_acks(log: Log, acks: dict[str, str]) -> list[str]:
    """I8, I18: every acknowledged order is in the log, once, under the id that the client was told."""
    accepted: dict[str, list[str]] = defaultdict(list)
    for _, event in log.of("order_accepted"):
        accepted[event["order"]["client_order_id"]].append(event["order_id"])
    breaches = [f"client id {c} accepted {len(ids)} times" for c, ids in accepted.items() if len(ids) != 1]
    for client_order_id, order_id in acks.items():
        if accepted.get(client_order_id) != [order_id]:
            breaches.append(f"acked {client_order_id}={order_id}, log has {accepted.get(client_order_id)}")
    return breaches


def check_intents(log: Log, venues: dict[str, list[dict]]) -> list[str]:
    """I12, I13: every venue order has an earlier durable intent; one venue order per child; intents used once."""
    breaches = []
    intents = Counter(event["child"]["client_id"] for _, event in log.of("child_sending"))
    breaches += [f"child {c} intended {n} times" for c, n in intents.items() if n != 1]
    for venue, lines in venues.items():
        accepted = Counter(line["client_id"] for line in lines if line["event"] == "accepted")
        for client_id, n in accepted.items():
            if n != 1:
                breaches.append(f"{venue} accepted {client_id} {n} times")
            if client_id not in intents:
                breaches.append(f"{venue} holds {client_id} that was never intended")
    return breaches


def check_reserved(log: Log, venues: dict[str, list[dict]]) -> list[str]:
    """Of what one reservation names, one child at most has come to a venue, no larger and at no worse price."""
    breaches = []
    taken = {line["client_id"]: line for lines in venues.values() for line in lines if line["event"] == "accepted"}
    for seq, event in log.of("children_reserved"):
        came = [child for child in event["children"] if child["client_id"] in taken]
        if len(came) > 1:
            breaches.append(f"seq {seq}: {len(came)} children of one reservation came")
        for child in came:
            line, sign = taken[child["client_id"]], 1 if child["side"] == "buy" else -1
            if line["qty_lots"] > child["qty_lots"] or sign * (line["price_ticks"] - child["price_ticks"]) > 0:
                breaches.append(f"seq {seq}: {child['client_id']} came beyond what was reserved")
    return breaches


def check_fills(log: Log, venues: dict[str, list[dict]]) -> list[str]:
    """I5: the log's fills are exactly the venues' fills, each once, with the same quantity and price."""
    breaches = []
    ours: dict[tuple[str, str], tuple[int, int]] = {}
    tick_of = {e["child"]["child_id"]: e["child"]["tick_units"] for _, e in log.of("child_sending")}
    for _, event in log.of("child_filled"):
        key = (event["venue"], event["venue_trade_id"])
        if key in ours:
            breaches.append(f"fill {key} booked twice")
        ours[key] = (event["price_units"] // tick_of[event["child_id"]], event["qty_lots"])
    theirs = {
        (venue, line["venue_trade_id"]): (line["price_ticks"], line["qty_lots"])
        for venue, lines in venues.items()
        for line in lines
        if line["event"] == "fill"
    }
    breaches += [f"venue fill {key} is missing here" for key in theirs.keys() - ours.keys()]
    breaches += [f"fill {key} is a phantom" for key in ours.keys() - theirs.keys()]
    breaches += [
        f"fill {k} differs: {ours[k]} {theirs[k]}" for k in ours.keys() & theirs.keys() if ours[k] != theirs[k]
    ]
    return breaches


def check_quantities(log: Log) -> list[str]:
    """I1, I3: nothing is sent beyond a parent's quantity, counted with what was in flight at that time.

    Of the children that a process had reserved when it died, one at most has left: together they count as the largest.
    """
    breaches = []
    reserved = {event["child_id"] for _, event in log.of("child_unknown") if event["reason"] == "may_have_left"}
    asked = {e["order_id"]: e["order"]["qty_units"] for _, e in log.of("order_accepted")}
    leaves: dict[str, dict[str, int]] = defaultdict(dict)
    cum: Counter[str] = Counter()
    ends = ("child_canceled", "child_expired", "child_rejected", "child_resolved")
    for seq, _, _, kind, event in log.rows:
        if kind == "child_sending":
            child = event["child"]
            live = leaves[child["order_id"]]
            live[child["child_id"]] = child["qty_lots"] * child["lot_units"]
            doubtful = max((units for child_id, units in live.items() if child_id in reserved), default=0)
            sure = sum(units for child_id, units in live.items() if child_id not in reserved)
            committed = cum[child["order_id"]] + sure + doubtful
            if asked[child["order_id"]] is not None and committed > asked[child["order_id"]]:
                breaches.append(f"seq {seq}: {committed} committed of {asked[child['order_id']]}")
        elif kind == "child_filled":
            cum[event["order_id"]] += event["qty_units"]
            live = leaves[event["order_id"]]
            if event["child_id"] in live:
                live[event["child_id"]] = max(0, live[event["child_id"]] - event["qty_units"])
        elif kind in ends:
            leaves[event["order_id"]].pop(event["child_id"], None)
    return breaches


def check_evidence(log: Log) -> list[str]:
    """I14: every child that ended without a full fill names the venue's message, or a local proof it never left."""
    ended = log.of("child_canceled", "child_expired", "child_rejected", "child_resolved")
    return [f"seq {seq}: {event['child_id']} ended without evidence" for seq, event in ended if not event["evidence"]]


def check_kill(log: Log) -> list[str]:
    """I16: no intent in a killed scope after the kill switch and before its release."""
    breaches, killed = [], {}
    for seq, _, _, kind, event in log.rows:
        if kind == "kill_switch_set":
            killed[(event["scope"], event["target"])] = seq
        elif kind == "kill_switch_cleared":
            killed.pop((event["scope"], event["target"]), None)
        elif kind == "child_sending" and killed:
            child = event["child"]
            scopes = {
                ("global", ""),
                ("account", child["account"]),
                ("venue", child["venue"]),
                ("symbol", child["symbol"]),
            }
            if scopes & killed.keys():
                breaches.append(f"seq {seq}: intent for {child['client_id']} while killed")
    return breaches


def check_all(log: Log, venues: dict[str, list[dict]], acks: dict[str, str]) -> list[str]:
    return [
        *check_sequences(log),
        *check_acks(log, acks),
        *check_intents(log, venues),
        *check_reserved(log, venues),
        *check_fills(log, venues),
        *check_quantities(log),
        *check_evidence(log),
        *check_kill(log),
    ]


def check_stream(messages: list[dict], log: Log, account: str, channel: str = "orders") -> list[str]:
    """A resumed subscription: prev_seq links without a gap or a duplicate."""
    breaches, last = [], None
    for message in messages:
        if last is not None and message["prev_seq"] != last:
            breaches.append(f"{channel}: prev_seq {message['prev_seq']} after {last}")
        last = message["seq"]
    seqs = [m["seq"] for m in messages]
    if len(set(seqs)) != len(seqs):
        breaches.append(f"{channel}: a sequence came twice")
    known = {aseq for _, acc, aseq, _, _ in log.rows if acc == account}
    breaches += [f"{channel}: seq {s} is not in the log" for s in seqs if s not in known]
    return breaches


def phase_of_each(log: Log) -> Counter[str]:
    """What was the last fact of each order that was not done: where in its life a crash would find it."""
    last: dict[str, str] = {}
    for _, _, _, kind, event in log.rows:
        order_id = event.get("order_id") or event.get("child", {}).get("order_id")
        if order_id:
            last[order_id] = kind
    return Counter(kind for kind in last.values() if kind not in ("tca_reported", "order_done"))


def state_digest(log: Log) -> str:
    """An independent fold: digest of every order's cumulative quantity and end."""
    cum: Counter[str] = Counter()
    done: dict[str, str] = {}
    for _, _, _, kind, event in log.rows:
        if kind == "child_filled":
            cum[event["order_id"]] += event["qty_units"]
        elif kind == "order_done":
            done[event["order_id"]] = event["reason"]
    text = json.dumps([sorted(cum.items()), sorted(done.items())]).encode()
    return hashlib.sha256(text).hexdigest()
