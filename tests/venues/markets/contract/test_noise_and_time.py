"""What every family keeps of time and chance: one seed is one world, our orders disturb only what they touch."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from app.kernels import sim_words as w
from app.venues.markets.port import Force, Order, Told

from .families import DEALER, FIRST, SECOND, mid_half, state_hash

MS = 1_000_000
S = 1_000_000_000
LATENCY = {"latency_in_s": 0.005, "latency_out_s": 0.004, "latency_data_s": 0.003}


def trades_of(market, until_ns):
    market.advance(until_ns)
    return [(one.ts_ns, one.venue_i, one.sign, one.price_half_ticks, one.lots) for one in market.trades()]


def test_a_seed_is_a_world_however_it_is_cut(make):
    whole, cut, other = make(1, LATENCY), make(1, LATENCY), make(2, LATENCY)
    for market in (whole, cut, other):
        market.advance(S)
        market.send(Order(FIRST, 1, market.true_view(FIRST).bids[0][0], 20))
    whole.advance(10 * S)
    told = []
    while cut.now_ns < 10 * S:
        told += cut.reports()
        if cut.now_ns % 3:
            cut.advance_to_news(min(10 * S, cut.now_ns + 777_777_777))
        else:
            cut.advance(min(10 * S, cut.now_ns + 123_456_789))
    other.advance(10 * S)
    assert state_hash(whole) == state_hash(cut) != state_hash(other)
    assert whole.reports() == told + cut.reports()
    assert whole.trades() == cut.trades()


def test_time_does_not_run_backwards(make):
    market = make(1)
    market.advance(S)
    before = state_hash(market)
    market.advance(S // 2)
    assert state_hash(market) == before
    assert market.now_ns == S


def test_messages_take_their_time(make):
    market = make(1, LATENCY)
    market.advance(2 * S)
    sent_ns = market.now_ns
    price = market.view(FIRST).bids[0][0] - 3
    number = market.send(Order(FIRST, 1, price, 2))
    assert not market.reports()
    market.advance(sent_ns + 9 * MS - 1)
    assert not market.reports()
    assert market.advance_to_news(sent_ns + S) == sent_ns + 9 * MS
    report = market.reports()[0]
    assert (report.number, report.told, report.ts_ns) == (number, Told.ACCEPTED, sent_ns + 5 * MS)
    for _ in range(50):
        market.advance(market.now_ns + 17 * MS)
        assert market.view(FIRST).ts_ns <= market.now_ns - 3 * MS
        assert market.view(FIRST).ts_ns >= market.now_ns - 3 * MS - 2 * S
        assert all(one.seen_ns == one.ts_ns + 3 * MS <= market.now_ns for one in market.trades())


def test_jitter_never_lets_a_message_overtake(make):
    market = make(1, {"latency_in_s": 0.001, "latency_out_s": 0.001, "jitter_s": 0.02})
    market.advance(S)
    price = market.view(FIRST).bids[0][0] - 3
    numbers = []
    for _ in range(30):
        numbers.append(market.send(Order(FIRST, 1, price, 1)))
        market.advance(market.now_ns + 10 * MS)
    market.advance(market.now_ns + S)
    reports = market.reports()
    assert [one.number for one in reports if one.told is Told.ACCEPTED] == numbers
    assert len({one.ts_ns for one in reports}) > 3
    seen = [one.seen_ns for one in reports]
    assert seen == sorted(seen)


def test_what_has_no_effect_changes_nothing(make):
    """A refused order and a request for a quote leave prices, books and trades bit for bit as they were."""
    quiet, loud = make(4), make(4)
    for market in (quiet, loud):
        market.advance(S)
    loud.send(Order(DEALER, 1, 60_000, 10))
    loud.request_quote(DEALER, 1, 10)
    assert trades_of(quiet, 20 * S) == trades_of(loud, 20 * S)
    assert (quiet.world[w.BOOK] == loud.world[w.BOOK]).all()
    assert quiet.value_ticks() == loud.value_ticks()


def test_buy_and_sell_meet_the_same_path(make):
    """Until the order arrives the arms are one world; later most trades of the other venue are still the same."""
    arms = {}
    for sign in (1, -1):
        market = make(5, {"latency_in_s": 0.01})
        market.advance(3 * S)
        limit = mid_half(market, FIRST) // 2 + sign * 20
        market.send(Order(FIRST, sign, limit, 5, Force.IOC))
        arms[sign] = (trades_of(market, 3 * S + 10 * MS - 1), trades_of(market, 3 * S + 10 * S), market)
    assert arms[1][0] == arms[-1][0]
    bought, sold = ([(one[0], one[4]) for one in arms[sign][1] if one[1] == SECOND] for sign in arms)
    shared = [ts for ts, lots in bought if any(lots == other and abs(ts - at) < 200 * MS for at, other in sold)]
    assert len(shared) > 0.5 * max(len(bought), len(sold)) > 3
    filled = [[one for one in arms[sign][2].reports() if one.told is Told.FILLED] for sign in arms]
    assert all(filled)


@pytest.mark.parametrize("sign", [1, -1])
def test_planted_toxicity_moves_the_value_against_us(make, sign):
    """The same seed with and without it: after a resting fill the values part by what was planted, and not before."""
    worlds = [make(6, None, {FIRST: {"toxic_ppm": ppm, "toxic_delay_s": 0.05}}) for ppm in (0.0, 500.0)]
    for market in worlds:
        market.advance(S)
        view = market.true_view(FIRST)
        market.send(Order(FIRST, sign, (view.bids if sign > 0 else view.asks)[0][0], 1))
        while not [one for one in market.reports() if one.told is Told.FILLED]:
            assert market.advance_to_news(600 * S) < 600 * S
    assert worlds[0].now_ns == worlds[1].now_ns
    filled_ns = worlds[0].now_ns
    for market in worlds:
        market.advance(filled_ns + 50 * MS - 1)
    assert worlds[0].value_ticks() == worlds[1].value_ticks()
    for market in worlds:
        market.advance(filled_ns + 50 * MS)
    moved_ppm = (worlds[1].value_ticks() / worlds[0].value_ticks() - 1) * 1e6
    assert moved_ppm == pytest.approx(-sign * 500.0, rel=1e-3)


def test_quotes_fade_before_our_order(make):
    """The same seed: of what one tick shows, a fading venue keeps its part."""
    got = []
    for frac in (0.0, 0.5):
        market = make(8, None, {FIRST: {"fade_frac": frac}})
        market.advance(S)
        price, lots = market.true_view(FIRST).asks[0]
        market.send(Order(FIRST, 1, price, lots, Force.IOC))
        market.advance(market.now_ns)
        got.append(sum(one.lots for one in market.reports() if one.told is Told.FILLED) / lots)
    assert got[0] == 1.0
    assert got[1] <= 0.75


def test_threads_do_not_change_a_world(make):
    """Worlds that run beside each other are the worlds that run alone."""

    def run(seed):
        market = make(seed, LATENCY)
        market.advance(S)
        market.send(Order(FIRST, 1, market.true_view(FIRST).bids[0][0], 20))
        for _ in range(30):
            market.advance(market.now_ns + S // 3)
        return state_hash(market)

    alone = [run(seed) for seed in range(4)]
    for n_threads in (2, 4):
        with ThreadPoolExecutor(n_threads) as pool:
            assert list(pool.map(run, range(4))) == alone
