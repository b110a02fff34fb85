"""The exact road is compared with the kernels in tests/kernels; here it meets the domain's own arithmetic."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.fees import fee_nano
from app.kernels import cost
from app.routing import exact
from app.routing.listings import money_rule
from tests.routing.scenes import INVERSE, LINEAR_FINE, SPOT


@pytest.mark.parametrize("symbol", [SPOT, LINEAR_FINE, INVERSE], ids=lambda s: s.name)
@given(
    levels=st.lists(st.tuples(st.integers(1, 10**30), st.integers(1, 10**30)), min_size=1, max_size=4), data=st.data()
)
def test_a_walk_is_the_symbols_money_level_by_level_at_any_size(symbol, levels, data):
    units = data.draw(st.integers(1, sum(qty for _, qty in levels)))
    rule = np.array([1, 1, 1, 1, symbol.fungible.is_inverse, 0], np.int64)
    prices = np.array([price for price, _ in levels], dtype=object)
    qtys = np.array([qty for _, qty in levels], dtype=object)
    first = np.array([0, len(levels)], np.int64)
    (walked,) = exact.walk_plan(first, prices, qtys, [250], rule, money_rule(symbol), [units])
    money, left, n_read = 0, units, 0
    for price, qty in levels:
        if left:
            money, left, n_read = money + symbol.money_nano(price, min(left, qty)), left - min(left, qty), n_read + 1
    assert walked == (money, fee_nano(money, 250), levels[n_read - 1][0], n_read)


@given(st.integers(1, 10**9), st.integers(-1_000, 1_000), st.integers(-(10**18), 10**18))
def test_cheaper_means_below_the_witness(price, ppm, witness):
    rule = np.zeros(cost.N_RULES, np.int64)
    rule[cost.SIGN] = 1
    unit_upnano = price * 100 * (10**6 + ppm)
    assert exact.is_cheaper(price, ppm, witness, rule, (100, 1)) == (unit_upnano < witness)
    rule[cost.SIGN], rule[cost.IS_INVERSE] = -1, 1
    assert exact.is_cheaper(price, ppm, witness, rule, (10**12, 1)) == ((ppm - 10**6) * 10**12 < witness * price)
