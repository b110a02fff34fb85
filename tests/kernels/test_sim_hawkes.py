"""The loop of the Hawkes family: six venues of its file, bit for bit the same on any number of threads."""

from concurrent.futures import ThreadPoolExecutor
from time import process_time

from app.venues.markets.hawkes import HAWKES, hawkes_markets
from app.venues.markets.spec import read_world
from tests.venues.markets.contract.families import state_hash

S = 1_000_000_000


def played(seed):
    market = hawkes_markets(read_world(HAWKES), seed, 7)
    market.advance(30 * S)
    return state_hash(market)


def test_threads_change_nothing():
    alone = [played(seed) for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(played, range(4))) == alone
    assert len(set(alone)) == 4


def test_six_venues_run_500_times_faster_than_the_clock():
    market = hawkes_markets(read_world(HAWKES), 1, 7)
    assert market.n_venues == 6
    market.advance(S)
    started = process_time()
    market.advance(121 * S)
    assert 120 / (process_time() - started) > 500
