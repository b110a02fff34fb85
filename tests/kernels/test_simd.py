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


def unit_costs(prices, ratio, frac):
    out = np.zeros(len(prices) + 2)
    cost.unit_costs(np.array(prices, np.int64), ratio, frac, len(prices), 1, out)
    return out


def test_unit_costs_are_multiplied_by_vector_instructions():
    pattern = PACKED_MULTIPLY.get(platform.machine())
    if pattern is None:
        pytest.skip(f"no pattern for {platform.machine()}")
    unit_costs([100, 101], 1.0, 1.0)
    (assembly,) = cost.unit_costs.inspect_asm().values()
    assert re.search(pattern, assembly)


@given(st.lists(st.integers(1, 2**53), max_size=70), st.floats(1e-6, 1e6), st.floats(-1.1, 1.1))
def test_unit_costs_are_numpys(prices, ratio, frac):
    out = unit_costs(prices, ratio, frac)
    assert out[0] == out[-1] == 0.0
    assert np.array_equal(out[1:-1], ratio * np.array(prices, np.int64) * frac)
