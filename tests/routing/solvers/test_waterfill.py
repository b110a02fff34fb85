import pytest

from app.routing import network
from app.routing.network import PlanStatus
from app.routing.solvers import waterfill


def test_two_equal_pools_share_equally():
    pools = [network.constant_product((0, 1), 3_000.0, (1e3, 1e3))] * 2
    plan = waterfill.solve(network.swap(network.network(2, pools), 0, 1, 10.0))
    assert plan.status is PlanStatus.OPTIMAL
    assert plan.leg_units[:, 0].tolist() == pytest.approx([5.0, 5.0])


def test_a_flat_level_takes_what_the_pool_leaves():
    sources = [network.constant_product((0, 1), 0.0, (100.0, 100.0)), network.book((0, 1), 0.0, [(0.9, 50.0)], [])]
    plan = waterfill.solve(network.swap(network.network(2, sources), 0, 1, 20.0))
    pool = 100.0 / 0.9**0.5 - 100.0
    assert plan.leg_units[:, 0].tolist() == pytest.approx([pool, 20.0 - pool])
    assert plan.status is PlanStatus.OPTIMAL


def test_more_than_there_is_stays_in_the_wallet():
    net = network.network(2, [network.book((0, 1), 0.0, [(0.9, 5.0)], [])])
    plan = waterfill.solve(network.swap(net, 0, 1, 20.0))
    assert plan.status is PlanStatus.DEPTH_LIMITED
    assert (plan.out_units, plan.unspent_units) == pytest.approx((4.5, 15.0))


def test_a_fixed_cost_drops_a_small_source():
    sources = [network.constant_product((0, 1), 0.0, (1e4, 1e4)), network.constant_product((0, 1), 0.0, (10.0, 10.0))]
    plan = waterfill.solve(network.swap(network.network(2, sources), 0, 1, 10.0, 0.5))
    assert plan.leg[:, 0].tolist() == [0]
    assert plan.net_units == pytest.approx(plan.out_units - 0.5)
    assert plan.bound_units >= plan.net_units


def test_no_source_between_the_two_is_no_path():
    net = network.network(3, [network.constant_product((0, 1), 0.0, (1.0, 1.0))])
    assert waterfill.solve(network.swap(net, 0, 2, 1.0)).status is PlanStatus.NO_PATH
