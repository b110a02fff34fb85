"""The derived tables are what the generator derives, and what is known to be wrong stays out."""

from __future__ import annotations

import pytest

from app.venues.fee_tables import schedules_of
from loadtests.derive_fee_tables import VENUES, ccxt_toml, derive, kraken_toml, read_reference, summary


def entry(taker, maker, tiers=None):
    return {"fees": {"trading": {"taker": taker, "maker": maker} | ({"tiers": tiers} if tiers else {})}}


def one(fees, suspicious=()):
    return derive({"suspicious": list(suspicious), "exchanges": {"v": fees}})


@pytest.mark.parametrize(
    ("fees", "word"),
    [
        (entry(0.001, 0.002), "swapped"),
        (entry(0.1, 0.1), "percent"),
        (entry(0.001, 0.001, {"taker": [[0, 0.002], [5, 0.001]], "maker": [[0, 0.001], [5, 0.001]]}), "default"),
        (entry(0.002, 0.001, {"taker": [[0, 0.002], [5, 0.001]], "maker": [[0, 0.001], [6, 0.001]]}), "thresholds"),
        (entry(0.002, 0.001, {"taker": [[0, 0.002], [5, 0.003]], "maker": [[0, 0.001], [5, 0.001]]}), "rises"),
        (entry([[0, 0.2]], [[0, 0.2]]), "percent"),
    ],
)
def test_a_wrong_table_is_refused_with_the_reason(fees, word):
    derived = one(fees)
    assert not derived.kept
    assert word in derived.refused[0][2]


def test_a_suspicious_table_is_refused_whatever_it_says():
    assert "suspicious" in one(entry(0.001, 0.001), [["v", "/trading", "taker", "typo"]]).refused[0][2]


def test_a_copy_of_a_strangers_table_is_refused_on_both_sides():
    tiers = {"taker": [[0, 0.002], [5, 0.001]], "maker": [[0, 0.001], [5, 0.001]]}
    derived = derive(
        {"suspicious": [], "exchanges": {"a": entry(0.002, 0.001, tiers), "b": entry(0.002, 0.001, tiers)}}
    )
    assert not derived.kept
    assert all("word for word" in why for _, _, why in derived.refused)


def test_a_part_of_a_ppm_is_rounded_up():
    text = ccxt_toml(one(entry(0.0000125, 0.0000021)), {"version": "0"})
    assert '["0", 13, 3]' in text


@pytest.mark.shared_data
def test_the_committed_tables_are_the_derived_ones(shared):
    reference, kraken = read_reference(shared / "data" / "public" / "reference")
    derived = derive(reference)
    assert (VENUES / "fees_ccxt.toml").read_text() == ccxt_toml(derived, reference)
    assert (VENUES / "fees_recorded.toml").read_text() == kraken_toml(kraken)
    assert len(derived.kept) >= 60
    refused = {venue for venue, _, _ in derived.refused}
    assert {"weex", "bitstamp", "krakenfutures", "coinbase", "kraken"} <= refused
    assert "refused weex" in summary(derived)


def test_every_refusal_is_written_beside_the_tables():
    import tomllib

    table = tomllib.loads((VENUES / "fees_ccxt.toml").read_text())
    assert all(row["reason"] for row in table["refused"])
    assert len(schedules_of(table, "fees_ccxt.toml")) == len(table["schedules"])
