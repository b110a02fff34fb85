import math

import numpy as np
import pytest

from app.kernels import amm
from app.routing import network


def output(net, source_i, direction_i, given):
    out = np.empty((1, 5))
    rows, asks = np.array([[source_i, direction_i]], np.int64), np.array([[given, 1.0]])
    amm.open_sources(net.kind, net.par, net.first_seg, net.seg, rows, asks, out)
    return float(out[0, 0])


@pytest.mark.parametrize(
    "make",
    [
        lambda: network.constant_product((0, 1), 3_000.0, (0.0, 1.0)),
        lambda: network.constant_product((0, 1), 3_000.0, (math.nan, 1.0)),
        lambda: network.constant_product((0, 1), 1e6, (1.0, 1.0)),
        lambda: network.weighted((0, 1), 3_000.0, (1.0, 1.0), (0.0, 1.0)),
        lambda: network.stable_swap((0, 1), 3_000.0, (1.0, 1.0), -1.0),
        lambda: network.concentrated((0, 1), 3_000.0, 0.0, 1.0, []),
        lambda: network.book((0, 1), 0.0, [(1.0, 1.0), (2.0, 1.0)], []),
        lambda: network.network(2, [network.constant_product((0, 2), 0.0, (1.0, 1.0))]),
        lambda: network.network(2, [network.constant_product((1, 1), 0.0, (1.0, 1.0))]),
    ],
)
def test_numbers_that_are_no_curve_are_refused(make):
    with pytest.raises(network.SourceRefused):
        make()


def test_a_swap_needs_two_tokens_and_an_amount():
    net = network.network(2, [network.constant_product((0, 1), 0.0, (1.0, 1.0))])
    for bad in ((0, 0, 1.0), (0, 2, 1.0), (0, 1, 0.0), (0, 1, math.inf)):
        with pytest.raises(network.SourceRefused):
            network.swap(net, *bad)
    with pytest.raises(network.SourceRefused):
        network.swap(net, 0, 1, 1.0, -1.0)


def test_a_book_gives_its_levels_after_fees():
    net = network.network(2, [network.book((0, 1), 1_000.0, [(99.0, 2.0), (98.0, 1.0)], [(101.0, 2.0)])])
    assert output(net, 0, 0, 3.0) == pytest.approx((2 * 99 + 98) * 0.999)
    assert output(net, 0, 1, 101.0 * 1.001) == pytest.approx(1.0)


def test_own_impact_makes_a_book_dearer():
    levels = [(100.0, 5.0), (101.0, 5.0)]
    plain = network.network(2, [network.book((0, 1), 0.0, [], levels)])
    moved = network.network(2, [network.book((0, 1), 0.0, [], levels, network.Impact(0.001, 0.001))])
    assert output(moved, 0, 1, 400.0) < output(plain, 0, 1, 400.0)
    assert network.Impact(0.5, 0.0).total(2.0) == pytest.approx(3.0)
    assert network.Impact(0.0, 1.0).factor(4.0) == pytest.approx(4.0)


def test_ticks_change_the_liquidity_that_a_swap_meets():
    root = 1.0
    net = network.network(2, [network.concentrated((0, 1), 0.0, root, 10.0, [(-1000, 10.0), (1000, -10.0)])])
    end = math.exp(1000 * network.LOG_TICK / 2)
    assert output(net, 0, 1, 1e9) == pytest.approx(10.0 * (1.0 - 1.0 / end))
