"""A time beside networkx means something only while we find at least what it finds."""

from __future__ import annotations

import pytest

from loadtests.paths import compare, make_graph, ours, theirs


@pytest.mark.parametrize("seed", range(12))
def test_we_gain_at_least_as_much_and_agree_where_nothing_gains(seed):
    graph = make_graph(seed, 12, 0.7, is_paying=seed % 2 == 0)
    mine, other = ours(graph), theirs(graph)
    assert (mine > 0) == (other != 0)
    assert mine >= other - 1e-12


def test_a_row_counts_what_each_side_found():
    row = compare(8, 1.0, 1)
    assert row["ours_found"] >= row["networkx_found"]
    assert row["ours_us"] > 0
    assert row["networkx_over_ours"] > 0
