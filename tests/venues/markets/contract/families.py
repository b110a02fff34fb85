"""The families that the contract is held against: name -> a world of two books, a dark venue and a dealer.

A family joins by one row. `make(seed, shared, more)`: `shared` are keys of `[venue]`, `more[i]` venue i's on top.
"""

from __future__ import annotations

import hashlib

from app.kernels import sim_words as w
from app.venues.markets.hawkes import HAWKES, hawkes_markets
from app.venues.markets.propagator import PROPAGATOR, propagator_markets
from app.venues.markets.queue_reactive import QUEUE_REACTIVE, queue_reactive_markets
from app.venues.markets.spec import read_world
from app.venues.markets.steady import steady_markets

FIRST, SECOND, DARK, DEALER = 0, 1, 2, 3
VENUES = [
    {"venue": "first"},
    {"venue": "second"},
    {"venue": "dark", "kind": "dark", "dark_per_s": 4.0, "mean_lots": 20.0, "dark_life_s": 1.0, "min_lots": 3},
    {"venue": "dealer", "kind": "rfq", "mean_lots": 50.0, "dealer_half_ppm": 30.0, "hold_s": 0.1},
]
QUIET = {"publish_s": 0.05, "peak_lots": 10}


def _venues(shared, more):
    return {
        "venue": {**QUIET, **(shared or {})},
        "venues": [{**row, **(more or {}).get(i, {})} for i, row in enumerate(VENUES)],
    }


def _steady(seed, shared=None, more=None):
    rates = {"limit_per_s": 60.0, "cancel_per_s": 50.0, "market_per_s": 10.0}
    law = {"start_ticks": 60_000, "mean_lots": 8.0, "n_levels": 12, **rates}
    return steady_markets({**_venues(shared, more), "steady": law}, seed, 1)


def _queue_reactive(seed, shared=None, more=None):
    table = read_world(QUEUE_REACTIVE)
    return queue_reactive_markets({**table, **_venues(shared, more)}, seed, 1)


def _hawkes(seed, shared=None, more=None):
    return hawkes_markets({**read_world(HAWKES), **_venues(shared, more)}, seed, 1)


def _propagator(seed, shared=None, more=None):
    return propagator_markets({**read_world(PROPAGATOR), **_venues(shared, more)}, seed, 1)


FAMILIES = {
    "steady": _steady,
    "queue_reactive": _queue_reactive,
    "hawkes": _hawkes,
    "propagator": _propagator,
}


def state_hash(market):
    """Of all that happened and stands: books, own orders, what is due, every venue's columns."""
    digest = hashlib.sha256()
    world = market.world
    for place in (w.VENUES, w.BOOK, w.OWN, w.LIVE, w.FORCES):
        digest.update(world[place].tobytes())
    due = world[w.QUEUE][: world[w.HEAD][w.N_QUEUED]]
    digest.update(due[due[:, w.Q_SEQ].argsort()].tobytes())
    digest.update(world[w.HEAD][[w.NOW_NS, w.SEQ, w.N_REPORTS, w.N_PRINTS]].tobytes())
    digest.update(repr(market.value_ticks()).encode())
    return digest.hexdigest()


def mid_half(market, venue_i):
    """Bid + ask of this instant, None where a side is missing."""
    view = market.true_view(venue_i)
    return view.bids[0][0] + view.asks[0][0] if view.bids and view.asks else None
