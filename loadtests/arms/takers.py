"""Arms that take a parent at once: A0 to A5, and terms of A5 on and off. A6 is in hindsight.py."""

from __future__ import annotations

from app.routing.choose import SOLVERS
from app.routing.router import Router
from loadtests.arms.beliefs import Beliefs
from loadtests.arms.crossing import complete, cross
from loadtests.arms.desk import Desk, Means
from loadtests.arms.protocol import NS, Protocol

# A3P plans as A3 does.
SOLVER_OF = {
    "A0": "best_single_venue",
    "A1": "pro_rata",
    "A2": "fee_blind",
    "A3": "fee_aware_greedy",
    "A3P": "fee_aware_greedy",
}


def router_of(arm: str) -> Router:
    """The product's router with one solver for a rival, with all of them for Bestex; new for each parent."""
    name = SOLVER_OF.get(arm)
    if name is None:
        return Router()
    return Router([one for one in SOLVERS if one[0] == name], searches=())


def means_of(arm: str, terms: frozenset[str], desk: Desk, beliefs: Beliefs, protocol: Protocol) -> Means:
    """How an arm routes; `terms` are those of A5 that it uses; arms with a solver of their own have none."""
    belief = protocol.beliefs
    return Means(
        router_of("A5" if "search" in terms else arm if arm in SOLVER_OF else "A3"),
        desk.lit,
        beliefs.estimates(desk.market, desk.sign, int(belief["refill_ppm"])) if "estimates" in terms else {},
        {v: 1.0 - float(beliefs.fade_frac[v]) for v in desk.lit} if "discount" in terms else {},
        spray_most_ns=int(belief["spray_most_ms"] * NS / 1000) if "spray" in terms else 0,
        is_dark_first="dark" in terms,
        is_dealer_asked="dealer" in terms,
        leak_ppm=float(belief["leak_ppm"]),
        cap_bps=int(belief["cap_bps"]),
    )


def take_parent(desk: Desk, arm: str, terms: frozenset[str], beliefs: Beliefs, protocol: Protocol) -> None:
    """Works the desk's parent now, by the arm's rule until it is whole.

    A3P, our reading of the router in the ccxt package: taker fees only, one plan, no re-route. What the plan left short
    is completed by force as A0 would.
    """
    means = means_of(arm, terms, desk, beliefs, protocol)
    cross(desk, means, desk.total_lots, 1 if arm == "A3P" else int(protocol.parents["taker_waves"]))
    if arm == "A3P":
        means = means_of("A0", frozenset(), desk, beliefs, protocol)
    complete(desk, means, desk.market.now_ns + int(protocol.worlds["complete_s"] * NS))
