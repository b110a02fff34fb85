"""The bench of simulated markets measures what it says: the whole way is run, with us trading in it."""

from app.venues.markets.families import FAMILIES
from app.venues.markets.port import Told
from loadtests import simulated


def test_every_family_is_measured_and_fast_enough_to_be_of_use():
    rows = simulated.measure(is_quick=True)
    assert {row["family"] for row in rows} == set(FAMILIES)
    assert len(rows) == 3 * len(FAMILIES)
    assert all(row["simulated_s"] == 60 for row in rows)
    assert all(row["simulated_s_per_cpu_s"] > 50 for row in rows)  # whoever else uses the machine


def test_we_trade_in_it():
    market = simulated.world_of(FAMILIES["queue_reactive"], {"kind": "lit"})
    told = []
    read = market.reports
    market.reports = lambda: told.extend(read())
    simulated.trade(market, 20)
    assert market.now_ns == 21 * simulated.NS
    assert {Told.ACCEPTED, Told.FILLED, Told.CANCELED} <= {one.told for one in told}
