"""Arms that take a parent at once: A0 to A5, and A5 with one term off. A6 is in hindsight.py."""

from __future__ import annotations

from app.routing.choose import SOLVERS
from app.routing.router import Router
from loadtests.arms.beliefs import Beliefs
from loadtests.arms.desk import Desk, Means, complete, cross
from loadtests.arms.protocol import NS, Protocol

SOLVER_OF = {"A0": "best_single_venue", "A1": "pro_rata", "A2": "fee_blind", "A3": "fee_aware_greedy"}


def router_of(arm: str) -> Router:
    """The product's router with one solver for a rival, with all of them for Bestex; new for each parent."""
    name = SOLVER_OF.get(arm)
    if name is None:
        return Router()
    return Router([one for one in SOLVERS if one[0] == name], searches=())


def means_of(arm: str, off: str, desk: Desk, beliefs: Beliefs, protocol: Protocol) -> Means:
    """How an arm routes; `off` names the term that an ablation leaves out."""
    belief, cap = protocol.beliefs, int(protocol.beliefs["cap_bps"])
    if arm in SOLVER_OF:
        return Means(router_of(arm), desk.lit, cap_bps=cap)
    estimates = beliefs.estimates(desk.market, desk.sign, int(belief["refill_ppm"])) if off != "estimates" else {}
    if arm == "A4":
        return Means(router_of("A3"), desk.lit, estimates, cap_bps=cap)
    shown = {v: 1.0 - float(beliefs.fade_frac[v]) for v in desk.lit} if off != "discount" else {}
    return Means(
        router_of("A3" if off == "search" else arm),
        desk.lit,
        estimates,
        shown,
        spray_most_ns=0 if off == "spray" else int(belief["spray_most_ms"] * NS / 1000),
        is_dark_first=off != "dark",
        cap_bps=cap,
    )


def take_parent(desk: Desk, arm: str, off: str, beliefs: Beliefs, protocol: Protocol) -> None:
    """Works the desk's parent now, by the arm's rule until it is whole."""
    means = means_of(arm, off, desk, beliefs, protocol)
    cross(desk, means, desk.total_lots, int(protocol.parents["taker_waves"]))
    complete(desk, means, desk.market.now_ns + int(protocol.worlds["complete_s"] * NS))
