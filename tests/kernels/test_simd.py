"""Element-wise kernels run several elements an instruction: a structure of arrays is only worth it if they do."""

import platform
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kernels import cost

# A packed double multiplication on vector registers, by machine.
PACKED_MULTIPLY = {
    "x86_64": r"\bv?mulpd\s+.*%[xyz]mm",
    "aarch64": r"\bfmul\s+v\d+\.2d",
}


def lay_side(prices, ratio, frac):
    """What lies around the side, and the side: quantities are the prices reversed."""
    n = len(prices)
    price, qty, nano = np.zeros(n + 2, np.int64), np.zeros(n + 2, np.int64), np.zeros(n + 2)
    own = np.array(prices, np.int64)
    depth = cost.lay_side(own, own[::-1].copy(), ratio, frac, n, 1, price, qty, nano)
    return depth, price, qty, nano


def test_unit_costs_are_multiplied_by_vector_instructions():
    pattern = PACKED_MULTIPLY.get(platform.machine())
    if pattern is None:
        pytest.skip(f"no pattern for {platform.machine()}")
    lay_side([100, 101], 1.0, 1.0)
    (assembly,) = cost.lay_side.inspect_asm().values()
    assert re.search(pattern, assembly)


@given(st.lists(st.integers(1, 2**53), max_size=70), st.floats(1e-6, 1e6), st.floats(-1.1, 1.1))
def test_unit_costs_are_numpys(prices, ratio, frac):
    depth, price, qty, nano = lay_side(prices, ratio, frac)
    assert all(out[0] == out[-1] == 0 for out in (price, qty, nano))
    assert np.array_equal(nano[1:-1], ratio * np.array(prices, np.int64) * frac)
    assert (price[1:-1].tolist(), qty[1:-1].tolist()) == (prices, prices[::-1])
    assert depth == sum(prices)
