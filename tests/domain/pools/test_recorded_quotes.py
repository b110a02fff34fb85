"""The answers of on-chain quoters, recorded at one block, are the only judge of the pools' last wei."""

from __future__ import annotations

import pytest

from loadtests import quotes

pytestmark = pytest.mark.shared_data

# kind -> quotes that must be reproduced; a kind that shrinks is a regression, one that grows is a new figure here.
REPRODUCED = {
    "Balancer v2 stable": 72,
    "Balancer v2 weighted": 231,
    "Balancer v3 Buffer": 4,
    "Balancer v3 FIXED_PRICE_LBP": 2,
    "Balancer v3 LIQUIDITY_BOOTSTRAPPING": 4,
    "Balancer v3 QUANT_AMM_WEIGHTED": 4,
    "Balancer v3 RECLAMM": 5,
    "Balancer v3 RECLAMM_V2": 4,
    "Balancer v3 STABLE": 2,
    "Balancer v3 STABLE + STABLE_SURGE": 4,
    "Curve metapool": 6,
    "Curve metapool get_dy_underlying": 36,
    "Curve tricrypto": 18,
    "Curve tripool": 18,
    "Curve tripool calc_token_amount": 9,
    "Curve tripool calc_withdraw_one_coin": 9,
    "Uniswap v3": 80,
    "Uniswap v4": 88,
    "probe Curve": 3,
    "probe concentrated": 2,
}


@pytest.fixture(scope="module")
def recorded(shared):
    return list(quotes.recorded(shared / "data" / "public" / "dex"))


@pytest.fixture(scope="module")
def table():
    return quotes.listed()


def test_every_supported_quote_is_equal_in_wei(recorded, table):
    different = [
        (quote.kind, quote.question, quote.ours(), quote.expected)
        for quote in recorded
        if quotes.reason_for(quote, table) is None and not quote.is_equal()
    ]
    assert not different


def test_each_kind_keeps_what_it_reproduces(recorded, table):
    assert {row.kind: row.n_equal for row in quotes.rows(recorded, table) if row.n_equal} == REPRODUCED


def test_every_recorded_file_is_reproduced_or_named(recorded, table, shared):
    assert not quotes.unnamed(recorded, table, shared / "data" / "public" / "dex")


def test_nothing_is_named_that_could_be_reproduced(recorded, table):
    """An excuse that no longer holds would hide a pool that works."""
    for key in table["not_supported"]:
        own = [q for q in recorded if key in (q.file, f"{q.file}#{q.part}")]
        assert own, f"{key} names nothing"
        assert not all(quote.is_equal() for quote in own), f"{key} is reproduced"


def test_files_without_quotes_exist(table, shared):
    folder = shared / "data" / "public" / "dex"
    assert all((folder / name).exists() for name in table["no_quotes"])


def test_the_page_says_what_is_missing(recorded, table):
    page = quotes.markdown(recorded, table)
    assert all(reason in page for reason in table["not_supported"].values())
    assert page == quotes.RESULTS.read_text(), "write it again: python -m loadtests.quotes"
