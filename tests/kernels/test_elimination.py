import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kernels.elimination import factor_solve


@given(st.integers(0, 2**32), st.integers(2, 12))
def test_it_solves_as_the_general_solver_does(seed, n):
    rng = np.random.default_rng(seed)
    half = rng.normal(size=(n, n))
    whole = half @ half.T + n * np.eye(n)
    right = rng.normal(size=n)
    ground = int(rng.integers(n))
    kept = [k for k in range(n) if k != ground]
    wanted = np.linalg.solve(whole[np.ix_(kept, kept)], right[kept])
    found = right.copy()
    factor_solve(n, ground, np.tril(whole), found)
    assert found[kept] == pytest.approx(wanted, rel=1e-9, abs=1e-12)
    assert found[ground] == 0.0


def test_a_token_without_curvature_stays_where_it_is():
    right = np.array([3.0, 5.0, 0.0])
    factor_solve(3, 2, np.diag([2.0, 0.0, 1.0]), right)
    assert right.tolist() == [1.5, 0.0, 0.0]
