"""A month in small: the same parents in every arm, fees and prices add up, and nothing is charged beside the table."""

from __future__ import annotations

from dataclasses import replace

import pytest

from loadtests.fee_lane import Hindsight, Lane
from loadtests.fee_month import (
    PROTOCOL,
    daily,
    held_universe,
    make_lanes,
    measure_response,
    read_plan,
    report,
    run_month,
    value_report,
)

SHORT = {"instants_per_day": 2, "sizes_usd": [100_000]}


@pytest.fixture(scope="module")
def short():
    plan = read_plan()
    return replace(plan, raw={**plan.raw, "month": {**plan.raw["month"], **SHORT}})


@pytest.fixture(scope="module")
def month(short):
    lanes = make_lanes(short)
    run_month(short, 3, 2, lanes)
    return lanes


def test_the_protocol_names_arms_tables_and_seeds():
    plan = read_plan()
    assert set(plan.raw["held"]["arms"]) | set(plan.raw["moving"]["arms"]) == set(plan.raw["arms"])
    assert plan.raw["held"]["tiers"] == ["base", "middle", "top"]
    assert plan.raw["month"]["seed"] != plan.raw["month"]["pilot_seed"]
    assert len(plan.sha256) == 64
    assert PROTOCOL.exists()


def test_every_arm_trades_the_same_parents_and_its_parts_add_up(month):
    days = {key: daily(lane) for key, lane in month.items()}
    assert {of.n_parents for of in days.values()} == {8}
    references = {tuple(round(o.reference_nano, -12) for day in lane.outcomes for o in day) for lane in month.values()}
    assert len(references) <= 2  # hindsight has no account and reads the mid off the tape
    for of in days.values():
        for all_in, price, fee in zip(of.all_in, of.price, of.fee, strict=True):
            assert all_in == pytest.approx(price + fee)
        assert of.filled > 0.9


def test_fees_fall_with_the_tier_and_the_blind_arm_pays_more(month):
    fees = {key: sum(daily(lane).fee) for key, lane in month.items()}
    for arm in ("A2", "A3", "A5"):
        assert fees[("base", arm)] > fees[("middle", arm)] > fees[("top", arm)]
    assert fees[("base", "A2")] > fees[("base", "A3")]


def test_what_venues_charge_is_what_the_engine_expects(month):
    moving = [lane for (table, _), lane in month.items() if table == "moving" and isinstance(lane, Lane)]
    assert len(moving) == 5
    assert [lane.n_alarms for lane in moving] == [0] * 5


def test_a_held_tier_is_what_its_table_says():
    universe = held_universe(read_plan().universe, "top")
    assert universe.fees["sim_alpha"].taker_fee_ppm == 300
    assert not universe.schedules


def test_hindsight_is_no_dearer_than_its_mid_and_full_fees(month):
    known = month[("base", "A6")]
    assert isinstance(known, Hindsight)
    assert all(outcome.filled_frac == 1.0 for day in known.outcomes for outcome in day)


def test_the_report_shows_every_arm(short, month):
    text = report(short, month, 2, 3, 1.0)
    for (table, arm), _ in month.items():
        assert f"| {table} | {arm} |" in text
    assert short.sha256 in text
    assert "simulated" in text


def test_a_venue_that_is_made_cheaper_gets_no_less_volume(short):
    response = measure_response(short, 1)
    assert set(response) == set(short.universe.venues)
    assert all(ppm >= 0 for ppm in response.values())


def test_tier_value_is_shown_beside_its_absence(short):
    text = value_report(short, [3], 1)
    assert "Exploratory" in text
    assert text.count("| 3, account A5") == 2
