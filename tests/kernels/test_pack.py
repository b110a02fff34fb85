import struct
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kernels import pack
from tests.kernels.ladders import flat_problem

FORMATS = {2: "h", 4: "i", 8: "q"}


def unpack(data, at, n):
    width = data[at]
    return list(struct.unpack_from(f"<{n}{FORMATS[width]}", data, at + 1)), at + 1 + n * width


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=6))
def test_a_column_comes_back(values):
    out = np.zeros(200, np.uint8)
    end = pack.pack_column(np.array(values, np.int64), len(values), out, 3)
    assert unpack(out.tobytes(), 3, len(values)) == (values, end)


@pytest.mark.parametrize(
    ("value", "width"), [(2**15 - 1, 2), (2**15, 4), (-(2**15), 2), (-(2**15) - 1, 4), (2**31 - 1, 4), (2**31, 8)]
)
def test_a_column_takes_the_narrowest_width(value, width):
    out = np.zeros(20, np.uint8)
    assert pack.pack_column(np.array([value, 0], np.int64), 2, out, 0) == 1 + 2 * width
    assert out[0] == width


@given(st.integers(0, 2**32))
def test_levels_are_kept_to_the_first_dearer_one_and_as_deep_as_any_plan_reads(seed):
    rng = Random(seed)
    flat = flat_problem(rng)
    n, side = len(flat.levels), int(flat.rule[0])
    horizon = float(rng.choice(flat.unit_nano.tolist())) if flat.unit_nano.size else 0.0
    walk = np.zeros((2, n, 4), np.int64)
    for v, own in enumerate(flat.levels):
        walk[:, v, 3] = [rng.randint(0, len(own)), rng.randint(0, len(own))]
    out = np.zeros(4_000, np.uint8)
    work, levels = np.zeros((2, n), np.int64), np.zeros((2, flat.price.size), np.int64)
    end = pack.pack_levels(flat.first, flat.price, flat.qty, flat.unit_nano, walk, horizon, side, work, levels, out, 0)
    data = out.tobytes()
    kept, at = unpack(data, 0, n)
    base, at = unpack(data, at, n)
    steps, at = unpack(data, at, sum(kept))
    qtys, at = unpack(data, at, sum(kept))
    assert at == end
    k = 0
    for v, own in enumerate(flat.levels):
        costs = flat.unit_nano[flat.first[v] : flat.first[v + 1]]
        n_cheap = int((costs <= horizon).sum())
        assert kept[v] == min(len(own), max(n_cheap + 1, int(walk[:, v, 3].max())))
        price, found = base[v], []
        for _ in range(kept[v]):
            price += side * steps[k]
            found.append((price, qtys[k]))
            k += 1
        assert found == own[: kept[v]]
