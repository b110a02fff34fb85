"""The campaign of arms: a smoke of its mechanics on every family, and its figures on numbers known beforehand."""

import tomllib
from collections import Counter
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from app.domain.errors import InvariantBroken
from app.venues.markets.port import Force, Order, VenueKind
from loadtests.arms.beliefs import learn, world_of
from loadtests.arms.campaign import BOUND, OWN, Excluded, Part, Row, arms_of, lots_of, run_world
from loadtests.arms.desk import Desk, Paid, cost_bps, fair_ticks, follow, toxic_bps
from loadtests.arms.figures import by_world, compare, costs_of, frontier, holm, share, spread
from loadtests.arms.hindsight import Pool
from loadtests.arms.protocol import PROTOCOL, load_protocol
from loadtests.arms.report import TIERED, Campaign, render, signs
from loadtests.arms.running import parts_of, planned, run
from loadtests.arms.select import selected, turned
from loadtests.arms.takers import take_parent

KINDS = ("taker", "schedule")
FULL = load_protocol()
SMALL = replace(
    FULL,
    worlds={**FULL.worlds, "n_tuning": 1, "tuning_s": 20},
    parents={**FULL.parents, "participation": {"medium": 0.05}, "horizon_s": 10, "slice_s": 5},
    tiers={name: FULL.tiers[name] for name in ("base", "zero")},
)
SEEDS = (31, 32)
WITH_TERMS = "queue_reactive"  # single terms are run in one family: this is a smoke


@pytest.fixture(scope="module", params=FULL.families)
def campaign(request):
    family = request.param
    protocol = replace(SMALL, metric={**SMALL.metric, "families": [family]})
    beliefs = learn(family, protocol)
    parts = [Part(kind, with_terms=family == WITH_TERMS) for kind in KINDS]
    parts += [Part(kind, "zero", with_terms=False, only=TIERED) for kind in KINDS]
    found = [row for seed in SEEDS for part in parts for row in run_world(family, seed, protocol, beliefs, part)]
    rows = [row for row in found if isinstance(row, Row)]
    left_out = [one for one in found if isinstance(one, Excluded)]
    return Campaign(protocol, rows, left_out, {family: beliefs}, {family: 2}, {family: 3}, 1.0)


def test_every_arm_is_whole_in_the_same_world_and_no_cheaper_than_hindsight(campaign):
    protocol, ((family, beliefs),) = campaign.protocol, campaign.beliefs.items()
    assert not campaign.excluded
    for kind, seed, sign in product(KINDS, SEEDS, (1, -1)):
        rows = [row for row in campaign.rows if (row.kind, row.seed, row.sign, row.tier) == (kind, seed, sign, "base")]
        names = [arm.name for arm in arms_of(kind, family, "medium", protocol, with_terms=family == WITH_TERMS)]
        assert [row.arm for row in rows] == [*names, BOUND[kind]]
        assert {row.filled_lots for row in rows} == {row.lots for row in rows}
        assert {row.lots for row in rows} == {lots_of(kind, "medium", protocol, beliefs)}
        bound = rows[-1].cost_bps
        assert all(row.cost_bps >= bound - 1e-9 for row in rows)
        assert len({row.cost_bps for row in rows}) > 1
    assert len({row.world_sha256 for row in campaign.rows}) == 2  # one a seed, whatever arm, size, side, tier


def test_without_fees_takers_pay_less_by_what_they_are(campaign):
    paid = {
        tier: np.mean([row.cost_bps for row in campaign.rows if row.tier == tier and row.arm == "A3"])
        for tier in ("base", "zero")
    }
    assert 0.3 < paid["base"] - paid["zero"] < 1.5


def test_market_slices_make_nothing_and_posting_does(campaign):
    rows = [row for row in campaign.rows if row.tier == "base"]
    made = {arm: [row.maker_frac for row in rows if row.arm == arm] for arm in ("A3", "B0", "B1")}
    assert max(made["A3"] + made["B0"]) == 0.0
    assert max(made["B1"]) > 0.0


def test_a_term_is_off_in_one_arm_and_alone_in_another():
    used = frozenset(FULL.uses["B3"]["hawkes"]["large"])
    arms = {arm.name: arm for arm in arms_of("schedule", "hawkes", "large", FULL)}
    assert arms["B3"].terms == used
    for term in FULL.terms["B3"]:
        other = arms[f"B3 {'-' if term in used else '+'} {term}"]
        assert other.terms ^ used == {term}
        assert arms[f"B2 + {term}"].terms == {term}
    takers = {arm.name: arm for arm in arms_of("taker", "hawkes", "large", FULL, with_terms=False)}
    assert list(takers) == [name for name in FULL.arms["taker"] if name != "A6"]
    assert not takers["A5L"].terms & {"dark", "dealer"}


def test_the_page_says_every_arm_and_where_the_sign_fails(campaign):
    page = render(campaign)
    (family,) = campaign.protocol.families
    assert f"{family} 2 of 3" in page
    assert f"| {family} | medium | zero |" in page
    for kind in KINDS:
        for arm in campaign.protocol.arms[kind]:
            assert f"| {arm}" in page
        for term in campaign.protocol.terms[OWN[kind]]:
            assert (f"| {term} | medium |" in page) == (family == WITH_TERMS)
    worse = [replace(row, cost_bps=row.cost_bps + 1e3) if row.arm == "B3" else row for row in campaign.rows]
    assert "B3 does not beat B1, medium" in signs(replace(campaign, rows=worse))[0]
    better = [
        replace(row, cost_bps=-1e3 - row.seed) if row.arm in {"B2", "B3", "A5", "A5L"} else row for row in campaign.rows
    ]
    assert not any("does not beat" in line for line in signs(replace(campaign, rows=better)))


def test_an_arm_again_is_the_same_arm():
    beliefs = learn("propagator", SMALL)
    again = [list(run_world("propagator", 33, SMALL, beliefs, Part("taker"))) for _ in range(2)]
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
    row = Row("f", 1, "base", "schedule", "small", 1, "B3", 1, 1, 2.5, 0.5, 0.0, 1, "")
    assert costs_of([row]) == {("f", "small", "B3"): {(1, 1): 2.5}}
    assert costs_of([row], weight={"f": 2.0}) == {("f", "small", "B3"): {(1, 1): 1.5}}
    assert costs_of([replace(row, kind="taker")], weight={"f": 2.0}) == {("f", "small", "B3"): {(1, 1): 2.5}}
    assert not costs_of([row], "zero")


def test_a_world_without_one_side_is_in_no_difference_of_both():
    rival, own = {(1, 1): 3.0, (1, -1): 3.0, (2, 1): 5.0}, {(1, 1): 1.0, (1, -1): 2.0, (2, 1): 1.0}
    assert by_world(rival, own, (1, -1)) == pytest.approx([1.5])
    assert by_world(rival, own, (1,)) == pytest.approx([2.0, 4.0])


def test_any_beginning_of_the_campaign_has_its_part_of_each_family():
    per_family = FULL.worlds["n"]
    tasks = planned(FULL, list(per_family), per_family)
    assert Counter(family for family, _ in tasks) == per_family
    half = Counter(family for family, _ in tasks[: len(tasks) // 2])
    assert all(abs(half[family] - n / 2) <= 1 for family, n in per_family.items())
    for family, n in per_family.items():
        parts = [parts_of(family, i, n, FULL) for i in range(n)]
        assert sum(part[0].with_terms for part in parts) == FULL.worlds["n_terms"]
        assert sum(len(part) > 2 for part in parts) == FULL.worlds["n_tiers"]


def test_a_planted_push_is_charged_to_its_fill_and_to_all_later_ones():
    fills = [
        Paid(1, 0, 20_000, 2, is_maker=False, fee_utick_lots=0),
        Paid(2, 1, 20_000, 3, is_maker=False, fee_utick_lots=0, is_pushing=True),
        Paid(2, 1, 20_000, 1, is_maker=False, fee_utick_lots=0, is_pushing=True),
        Paid(3, 0, 20_000, 4, is_maker=True, fee_utick_lots=0, is_pushing=True),
    ]
    assert toxic_bps(fills, {1: 50.0}) == pytest.approx(0.5 * 8 / 10)
    assert toxic_bps(fills, {}) == 0.0


def test_a_dealers_price_is_taken_where_it_saves_and_never_twice():
    protocol = SMALL
    beliefs = learn("propagator", protocol)
    dealt = 0
    for seed in range(40, 46):
        desk = Desk(world_of("propagator", seed), 1, lots_of("taker", "medium", protocol, beliefs))
        desk.wait(protocol.warm_ns)
        take_parent(desk, "A3", frozenset({"dealer"}), beliefs, protocol)
        dealer = [paid for paid in desk.fills if desk.market.specs[paid.venue_i].kind is VenueKind.RFQ]
        assert desk.filled_lots == desk.total_lots
        assert len(dealer) <= 1
        dealt += len(dealer)
    assert dealt > 0


def test_a_post_stands_behind_the_worst_mid_and_goes_back_to_the_crowd():
    desk = Desk(world_of("hawkes", 7), 1, 10)
    desk.wait(FULL.warm_ns)
    worst = min(sum(desk.market.best(v)) / 2 for v in desk.lit)
    assert desk.worst_mid_ticks() == worst
    assert fair_ticks(desk, 1 << 30, 0.5) == np.floor(worst - 0.5)
    assert fair_ticks(desk, 1000, 0.5) == 1000
    touch = desk.touch(0)[0]
    desk.send(Order(0, 1, touch - 3, 4, Force.POST_ONLY))
    desk.wait(desk.market.now_ns + 500_000_000)
    follow(desk, None, is_following=True)
    assert [sent.price_ticks for sent in desk.open.values()] == [desk.touch(0)[0]]


def test_the_protocol_is_the_file_and_its_seeds_are_apart():
    plain = tomllib.loads(PROTOCOL.read_text())
    worlds = plain["worlds"]
    tuned = range(worlds["first_tuning_seed"], worlds["first_tuning_seed"] + worlds["n_tuning"])
    chosen = range(worlds["first_select_seed"], worlds["first_select_seed"] + worlds["n_select"])
    judged = range(worlds["first_seed"], worlds["first_seed"] + max(worlds["n_soak"].values()))
    assert not (set(tuned) | set(chosen)) & set(judged)
    assert not set(tuned) & set(chosen)
    assert len(FULL.sha256) == 64
    for kind in KINDS:
        assert set(FULL.arms[kind]) <= set(FULL.arms["title"])


@pytest.mark.soak
def test_hundreds_of_worlds(tmp_path):
    """At most five core-hours: the committed protocol on `n_soak` worlds, the page written beside the small one."""
    found = run(FULL, FULL.worlds["n_soak"])
    assert found.cpu_s < 5 * 3600
    (tmp_path / "arms_soak.md").write_text(render(found))
    print(render(found))


def test_a_term_is_turned_where_the_other_way_is_cheaper_by_an_error():
    protocol = replace(SMALL, uses={"A5": {"f": {"medium": ["dealer", "search"]}}})
    names = [arm.name for arm in arms_of("taker", "f", "medium", protocol) if arm.code == "A5"]
    paid = {"A5": 2.0, "A5 + dark": 1.0, "A5 - dealer": 3.0}
    rows = [
        Row(
            "f",
            seed,
            "base",
            "taker",
            "medium",
            sign,
            name,
            1,
            1,
            paid.get(name, 2.0) + 0.1 * (seed % 3),
            0.0,
            0.0,
            1,
            "",
        )
        for seed in range(6)
        for sign in (1, -1)
        for name in names
    ]
    noise = [replace(row, cost_bps=1.99 + 2.0 * (row.seed % 2)) if row.arm == "A5 + spray" else row for row in rows]
    assert selected(noise, "f", "taker", protocol) == {"medium": ["dark", "dealer", "search"]}
    assert not turned(np.zeros(4))
