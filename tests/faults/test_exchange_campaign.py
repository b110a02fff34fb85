"""A thousand random faults over ten protocols in every run, ten thousand in `make soak`: none loses or doubles."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.faults.checker import Log
from tests.faults.exchange_campaign import Campaign, summary
from tests.faults.exchange_checker import Venue, check_ends, check_fills, check_orders, children_of, unresolved, wire_id

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
    assert not report.breaches, "\n".join(report.breaches[:20])
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
    lost = children_of(log_of(sending))
    assert len(check_ends(lost, told)) == 1
    assert (unresolved(lost, told), unresolved(lost, {"gate": Venue()})) == ([], ["gate"])


def test_each_venue_has_its_own_form_of_an_id() -> None:
    assert wire_id("okx", ULID) == ULID
    assert wire_id("kraken", ULID) == "01a21626-4e1f-6d99-1853-eeddb28c1245"
