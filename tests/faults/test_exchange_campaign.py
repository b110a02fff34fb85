"""A thousand random faults over ten protocols in every run, ten thousand in `make soak`: none loses or doubles."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import httpx
import pytest

from tests.faults.checker import Log
from tests.faults.exchange_campaign import Campaign, summary
from tests.faults.exchange_checker import Venue, check_ends, check_fills, check_orders, children_of, unresolved, wire_id
from tests.faults.settling import settle, unsettled

ULID = "01M8B2CKGZDPCHGMZEVPS8R4J5"
SENT = {
    "child_id": f"chd_{ULID}",
    "client_id": ULID,
    "venue": "gate",
    "side": "buy",
    "price_ticks": 6_000_000,
    "qty_lots": 100,
    "tick_units": 1,
    "lot_units": 100,
}
ORDER = {"client_id": f"t-{ULID}", "side": "buy", "price": "60000", "qty": "0.01", "filled": "0.01", "state": "filled"}
FILL = {"client_id": f"t-{ULID}", "price": "60000", "qty": "0.01", "fee": "0.00002", "fee_currency": "BTC"}
BOOKED = {
    "child_id": f"chd_{ULID}",
    "price_units": 6_000_000,
    "qty_units": 10_000,
    "fee_nano": 20_000,
    "fee_currency": "BTC",
}


@pytest.mark.postgres
@pytest.mark.timeout(5_000)
@pytest.mark.parametrize(
    ("n_faults", "seed", "waits_s"), [(1_000, 7, 150), pytest.param(10_000, 8, 900, marks=pytest.mark.soak)]
)
async def test_random_faults_lose_and_double_nothing(
    tmp_path: Path, database_url: str, n_faults: int, seed: int, waits_s: float
) -> None:
    n_engine_kills = max(1, n_faults // 1_000)
    campaign = Campaign(tmp_path, seed, n_faults, database_url, waits_s=waits_s, n_engine_kills=n_engine_kills)
    report = await campaign.run()
    print(json.dumps(summary(report)))
    assert not report.breaches, "\n".join([f"settled {report.figures['settled']}", *report.breaches[:20]])
    assert report.n_faults >= n_faults
    assert report.n_process_kills >= 1
    assert len({fault for _, fault in report.faults if report.faults[_, fault]}) >= 18, "faults of every kind"
    assert len({venue for venue, _ in report.faults}) == 10


def log_of(*rows: tuple[str, dict[str, object]]) -> Log:
    return Log([(n, "acme", n, kind, event) for n, (kind, event) in enumerate(rows, 1)])


def test_the_checker_finds_what_was_lost_doubled_or_ended_without_proof() -> None:
    sending, filled = ("child_sending", {"child": SENT}), ("child_filled", BOOKED)
    told = {"gate": Venue(orders=[ORDER], fills=[FILL])}
    whole = children_of(log_of(sending, filled))
    assert [*check_orders(whole, told), *check_ends(whole, told), *check_fills(whole, told)] == []
    assert len(check_fills(children_of(log_of(sending)), told)) == 1
    assert len(check_fills(children_of(log_of(sending, filled, filled)), told)) == 1
    cheaper = ("child_filled", BOOKED | {"fee_nano": 19_999})
    assert len(check_fills(children_of(log_of(sending, cheaper)), told)) == 2
    twice = {"gate": Venue(orders=[ORDER], refused=[{"client_id": f"t-{ULID}", "code": "duplicate_client_id"}])}
    assert len(check_orders(whole, twice)) == 1
    assert len(check_orders({}, told)) == 1
    assert len(check_orders(whole, {"gate": Venue(orders=[ORDER | {"qty": "0.02"}])})) == 1
    rejected = children_of(log_of(sending, ("child_rejected", {"child_id": f"chd_{ULID}", "evidence": "rest:query"})))
    assert len(check_ends(rejected, told)) == 1
    assert check_ends(rejected, {"gate": Venue()}) == []
    early = {"child_id": f"chd_{ULID}", "cum_qty_lots": 60, "evidence": "stream order:7"}
    assert len(check_ends(children_of(log_of(sending, filled, ("child_canceled", early))), told)) == 1
    counted = ("child_canceled", early | {"cum_qty_lots": 100})
    assert check_ends(children_of(log_of(sending, filled, counted)), told) == []
    lost = children_of(log_of(sending))
    assert len(check_ends(lost, told)) == 1
    assert (unresolved(lost, told), unresolved(lost, {"gate": Venue()})) == ([], ["gate"])


def test_the_end_of_a_run_is_waited_for_by_what_is_still_under_way() -> None:
    accepted, done = ("order_accepted", {"order_id": "ord_1"}), ("order_done", {"order_id": "ord_1"})
    sending, filled = ("child_sending", {"child": SENT | {"order_id": "ord_1"}}), ("child_filled", BOOKED)
    told, nothing = {"gate": Venue(orders=[ORDER], fills=[FILL])}, {"gate": Venue()}
    assert unsettled(log_of(accepted, sending, filled, done), told, waits_for_lost=True) == []
    assert len(unsettled(log_of(accepted), nothing, waits_for_lost=False)) == 1
    there = unsettled(log_of(accepted, sending), told, waits_for_lost=False)
    assert (len(there), "children live here" in there[0], "missing" in there[1]) == (2, True, True)
    lost = log_of(accepted, sending)
    assert (unsettled(lost, nothing, waits_for_lost=False), len(unsettled(lost, nothing, waits_for_lost=True))) == (
        [],
        1,
    )


def line_of(seq: int, kind: str) -> bytes:
    """A record of the order `ord_1`."""
    event = {"account": "acme", "order_id": "ord_1"}
    return json.dumps({"seq": seq, "ts_ns": 1, "account_seq": seq, "kind": kind, "v": 1, "event": event}).encode()


async def test_a_run_that_never_settles_says_why(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "journal.db")
    connection.execute("create table turns (first_seq, facts)")
    connection.execute("insert into turns values (1, ?)", (line_of(1, "order_accepted"),))
    connection.commit()
    answers = httpx.MockTransport(lambda request: httpx.Response(207, json={"data": []}))
    async with httpx.AsyncClient(transport=answers, base_url="http://x") as client:
        gave_up = await settle(client, tmp_path / "journal.db", dict, 0.0, waits_for_lost=False)
        connection.execute("insert into turns values (2, ?)", (line_of(2, "order_done"),))
        connection.commit()
        settled = await settle(client, tmp_path / "journal.db", dict, 0.0, waits_for_lost=False)
    connection.close()
    assert gave_up.words.startswith("gave up after 0 s: 1 orders open without a child: ['ord_1']")
    assert settled.words == "after 0 s"


def test_each_venue_has_its_own_form_of_an_id() -> None:
    assert wire_id("okx", ULID) == ULID
    assert wire_id("kraken", ULID) == "01a21626-4e1f-6d99-1853-eeddb28c1245"
