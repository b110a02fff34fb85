"""A simulated venue charges by the tier that its own ledger supports, after a restart too."""

from __future__ import annotations

from dataclasses import replace

from app.domain.enums import Side, TimeInForce
from app.domain.volume import DAY_NS
from app.execution.simulator import Listing
from app.venues.ledger import AcceptedLine, DoneLine, FillLine
from app.venues.registry import load_universe
from app.venues.tiers import VenueTiers

UNIVERSE = load_universe()
SYMBOL = "BTC/USDT"
LISTING = Listing(UNIVERSE.symbols[SYMBOL], UNIVERSE.instruments[("sim_alpha", SYMBOL)], UNIVERSE.fees["sim_alpha"])


def make_tiers() -> VenueTiers:
    schedules = {market: s for (venue, market), s in UNIVERSE.schedules.items() if venue == "sim_alpha"}
    return VenueTiers(schedules, {SYMBOL: LISTING})


def trade(tiers: VenueTiers, account: str, notional_usd: int, ts_ns: int, number: int = 0) -> None:
    """One order of `account`, filled at 50,000."""
    client_id, lots = f"{account}{number}", notional_usd * 2  # a lot is 0.00001 BTC: half a dollar
    tiers.note(AcceptedLine(ts_ns, client_id, "o", "c", "p", account, SYMBOL, Side.BUY, TimeInForce.IOC, 1, 1, 0, 1, 1))
    tiers.note(FillLine(ts_ns, client_id, "o", f"t{client_id}", SYMBOL, 5_000_000, lots, lots, 1, "USDT", 1, 0))
    tiers.note(DoneLine(ts_ns, client_id, "o", "filled", lots, ""))


def test_an_account_is_charged_by_its_own_volume_of_whole_days():
    tiers = make_tiers()
    trade(tiers, "big", 10_000_000, DAY_NS)
    assert tiers.listing_for("big", SYMBOL, DAY_NS).fee.taker_fee_ppm == 1_000
    assert tiers.listing_for("big", SYMBOL, 2 * DAY_NS).fee.taker_fee_ppm == 600
    assert tiers.listing_for("small", SYMBOL, 2 * DAY_NS).fee.taker_fee_ppm == 1_000
    assert tiers.listing_for("big", SYMBOL, 32 * DAY_NS).fee.tier == "base"


def test_one_dollar_less_is_the_tier_below():
    tiers = make_tiers()
    trade(tiers, "big", 9_999_999, DAY_NS)
    assert tiers.listing_for("big", SYMBOL, 2 * DAY_NS).fee.tier == "base"
    trade(tiers, "big", 1, DAY_NS, number=1)
    assert tiers.listing_for("big", SYMBOL, 2 * DAY_NS).fee.tier == "middle"


def test_a_venue_without_a_schedule_charges_its_listing():
    tiers = VenueTiers({}, {SYMBOL: LISTING})
    assert tiers.listing_for("big", SYMBOL, DAY_NS) is LISTING


def test_the_fixed_cost_stays_what_the_listing_says():
    listing = replace(LISTING, fee=replace(LISTING.fee, fixed_nano=7))
    tiers = replace(make_tiers(), listings={SYMBOL: listing})
    assert tiers.listing_for("big", SYMBOL, DAY_NS).fee.fixed_nano == 7
