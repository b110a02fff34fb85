"""The campaign of arms: a smoke of its mechanics on every family, and its figures on numbers known beforehand."""

import tomllib
from dataclasses import replace

import numpy as np
import pytest

from app.domain.errors import InvariantBroken
from app.venues.markets.port import Force, Order
from loadtests.arms.beliefs import learn, world_of
from loadtests.arms.campaign import BOUND, Excluded, Row, arms_of, lots_of, run_world
from loadtests.arms.desk import Desk, Paid, cost_bps
from loadtests.arms.figures import by_world, compare, costs_of, frontier, holm, share, spread
from loadtests.arms.hindsight import Pool
from loadtests.arms.protocol import PROTOCOL, load_protocol
from loadtests.arms.report import Campaign, render, signs
from loadtests.arms.running import run

KINDS = ("taker", "schedule")
FULL = load_protocol()
SMALL = replace(
    FULL,
    worlds={**FULL.worlds, "n_tuning": 1, "tuning_s": 20},
    parents={**FULL.parents, "participation": {"medium": 0.05}, "horizon_s": 20},
)


@pytest.fixture(scope="module", params=FULL.families)
def campaign(request):
    protocol = replace(SMALL, metric={**SMALL.metric, "families": [request.param]})
    beliefs = learn(request.param, protocol)
    found = [row for seed in (31, 32) for row in run_world(request.param, seed, protocol, beliefs)]
    rows = [row for row in found if isinstance(row, Row)]
    left_out = [one for one in found if isinstance(one, Excluded)]
    return Campaign(protocol, rows, left_out, {request.param: beliefs}, 2, 1.0)


def test_every_arm_is_whole_in_the_same_world_and_no_cheaper_than_hindsight(campaign):
    protocol, (beliefs,) = campaign.protocol, campaign.beliefs.values()
    assert not campaign.excluded
    for kind in KINDS:
        for seed in (31, 32):
            for sign in (1, -1):
                rows = [row for row in campaign.rows if (row.kind, row.seed, row.sign) == (kind, seed, sign)]
                assert [row.arm for row in rows] == [name for name, _, _ in arms_of(kind, protocol)] + [BOUND[kind]]
                assert {row.filled_lots for row in rows} == {row.lots for row in rows}
                assert {row.lots for row in rows} == {lots_of(kind, "medium", protocol, beliefs)}
                bound = rows[-1].cost_bps
                assert all(row.cost_bps >= bound - 1e-9 for row in rows)
                assert len({row.cost_bps for row in rows}) > 1
    assert len({row.world_sha256 for row in campaign.rows}) == 2  # one a seed, whatever arm, size, side


def test_market_slices_make_nothing_and_posting_does(campaign):
    made = {arm: [row.maker_frac for row in campaign.rows if row.arm == arm] for arm in ("A3", "B0", "B1")}
    assert max(made["A3"] + made["B0"]) == 0.0
    assert max(made["B1"]) > 0.0


def test_the_page_says_every_arm_and_where_the_sign_fails(campaign):
    page = render(campaign)
    for kind in KINDS:
        for arm in campaign.protocol.arms[kind]:
            assert f"| {arm}" in page
        for _, _, off in arms_of(kind, campaign.protocol):
            assert not off or f"| {off} | medium" in page
    worse = [replace(row, cost_bps=row.cost_bps + 1e3) if row.arm == "B3" else row for row in campaign.rows]
    assert "B3 does not beat B1, medium" in signs(replace(campaign, rows=worse))[0]
    better = [replace(row, cost_bps=-1e3 - row.seed) if row.arm in {"B3", "A5"} else row for row in campaign.rows]
    assert not any("does not beat" in line for line in signs(replace(campaign, rows=better)))


def test_an_arm_again_is_the_same_arm():
    beliefs = learn("propagator", SMALL)
    again = [list(run_world("propagator", 33, SMALL, beliefs, ("taker",))) for _ in range(2)]
    assert again[0] == again[1]


def test_a_desk_never_sends_more_than_is_left():
    desk = Desk(world_of("propagator", 5), 1, 10)
    desk.wait(FULL.warm_ns)
    price = desk.touch(0)[0]
    desk.send(Order(0, 1, price, 8, Force.POST_ONLY))
    with pytest.raises(InvariantBroken):
        desk.send(Order(1, 1, price, 3, Force.POST_ONLY))
    desk.clear()
    with pytest.raises(InvariantBroken):
        desk.cost_bps(2.0 * price)


def test_costs_are_against_the_mid_with_fees():
    fills = [Paid(0, 0, 20_002, 3, False, 3 * 100 * 10_001), Paid(0, 0, 19_998, 1, True, -1 * 10 * 9_999)]
    by_hand = ((1 * 3 - 1 * 1) + (3 * 100 * 10_001 - 10 * 9_999) * 1e-6) / (10_000 * 4) * 1e4
    assert cost_bps(fills, 1, 20_000.0) == pytest.approx(by_hand, rel=1e-12)
    assert cost_bps(fills, -1, 20_000.0) == pytest.approx(by_hand - 1.0, rel=1e-12)


def test_hindsight_takes_the_cheapest_with_fees():
    pool = Pool(0, 10, [(100, 0), (0, 0)])
    pool.add([Paid(1, 0, 20_000, 5, False, 0), Paid(2, 0, 20_000, 5, False, 0)])
    pool.add([Paid(3, 0, 20_000, 7, False, 0), Paid(11, 1, 20_001, 4, False, 0)])
    assert pool.lots == {(0, 0, 20_000, False): 10, (1, 1, 20_001, False): 4}
    own = cost_bps([Paid(0, 1, 20_001, 4, False, 0), Paid(0, 0, 20_000, 2, False, 2 * 100 * 10_000)], 1, 20_000.0)
    assert pool.bound_bps(1, 6, 20_000.0) == pytest.approx(own)


def test_differences_have_the_errors_of_so_few_worlds():
    rival = {(seed, sign): 2.0 + seed for seed in range(4) for sign in (1, -1)}
    own = {key: cost - 1.0 - 0.5 * key[1] - (0.1 if key[0] % 2 else -0.1) for key, cost in rival.items()}
    gaps = by_world(rival, own, (1, -1))
    assert gaps == pytest.approx([0.9, 1.1, 0.9, 1.1])
    found = compare(gaps, FULL)
    se = np.std([0.9, 1.1, 0.9, 1.1], ddof=1) / 2
    assert found.high - found.mean == pytest.approx(3.182446 * se, rel=1e-6)  # t, three degrees of freedom
    assert found.needs_bps == pytest.approx((3.182446 + 0.978472) * se, rel=1e-5)
    assert found.is_underpowered
    assert by_world(rival, own, (1,)) == pytest.approx([1.4, 1.6, 1.4, 1.6])
    assert compare(np.zeros(5), FULL).p_value == 1.0
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])


def test_tails_shares_and_the_frontier():
    costs = {(i, 1): float(i) for i in range(100)}
    one = spread(costs)
    assert (one.mean, one.median, one.cvar95) == (49.5, 49.5, 97.0)
    assert share({(0, 1): 3.0}, {(0, 1): 2.0}, {(0, 1): 1.0}) == 0.5
    wide, narrow = {(0, 1): 0.0, (1, 1): 4.0}, {(0, 1): 2.5, (1, 1): 2.5}
    beaten = {(0, 1): 0.0, (1, 1): 6.0}
    spreads = {name: spread(values) for name, values in (("w", wide), ("n", narrow), ("b", beaten))}
    assert frontier(spreads) == {"w", "n"}
    row = Row("f", 1, "taker", "small", 1, "A3", 1, 1, 2.5, 0.0, 1, "")
    assert costs_of([row]) == {("f", "small", "A3"): {(1, 1): 2.5}}


def test_the_protocol_is_the_file_and_its_seeds_are_apart():
    plain = tomllib.loads(PROTOCOL.read_text())
    worlds = plain["worlds"]
    tuned = range(worlds["first_tuning_seed"], worlds["first_tuning_seed"] + worlds["n_tuning"])
    assert not set(tuned) & set(range(worlds["first_seed"], worlds["first_seed"] + worlds["n_soak"]))
    assert len(FULL.sha256) == 64
    for kind in KINDS:
        assert set(FULL.arms[kind]) <= set(FULL.arms["title"])


@pytest.mark.soak
def test_hundreds_of_worlds(tmp_path):
    """At most five core-hours: the committed protocol on `n_soak` worlds, the page written beside the small one."""
    found = run(FULL, FULL.worlds["n_soak"], 1, FULL.families)
    assert found.cpu_s < 5 * 3600
    (tmp_path / "arms_soak.md").write_text(render(found))
    print(render(found))
