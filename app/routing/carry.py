"""A problem as one row of words, and back: what a search needs, nothing of who asked.

The other side has no Approved and no Certificate and cannot make them: it gets numbers, and what it answers is whole
lots that the engine verifies against the problem it kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, cast

import numpy as np
import numpy.typing as npt

from app.domain.enums import ContractKind, Side, Strategy, TimeInForce
from app.domain.errors import InvariantBroken
from app.domain.instrument import FungibilityClass, Symbol
from app.domain.orders import VenueFilter
from app.domain.plan import PlanRequest
from app.kernels import cost, prove
from app.routing.choose import is_whole_only
from app.routing.listings import Listings
from app.routing.problem import RouteProblem, Workspace
from app.shm.books import SymbolBooks

Int64Array = npt.NDArray[np.int64]

FORMAT: Final = 1
# Scalars, in order. Numbers that may be absent are NONE.
HEAD: Final = [
    "format",
    "n_venues",
    "n_levels",
    "side_sign",
    "sign",
    "has_fixed",
    "num",
    "den",
    "ratio_bits",
    "qty_units",
    "notional_nano",
    "kind",
    "qty_scale",
    "multiplier_nano",
    "max_venues",
    "strategy",
]
# Fields of RouteProblem that travel as arrays, in order.
ARRAYS: Final = ("first", "price_units", "qty_units", "unit_nano", "terms", "rule", "room_units")
# Fields that travel as scalars of the head, and those that stay: books, who is out and why, the tops, the workspace.
SCALARS: Final = ("request", "symbol", "side", "sign", "num_den", "ratio", "is_narrow", "has_fixed", "n_venues")
KEPT: Final = ("books", "admitted", "asked", "venues", "seen", "best_bid_units", "best_ask_units", "workspace")
NONE: Final = -1
_INT64_MAX: Final = 2**63 - 1
_KINDS: Final = tuple(ContractKind)
_STRATEGIES: Final = tuple(Strategy)
# Whoever asks it for anything has left what a search may know.
_STAYED: Final[Any] = object()


@dataclass(frozen=True, slots=True)
class _Order:
    venues: VenueFilter
    strategy: Strategy
    time_in_force: TimeInForce = TimeInForce.IOC
    is_full_fill_required: bool = False


@dataclass(frozen=True, slots=True)
class _Said:
    value: _Order


@dataclass(frozen=True, slots=True)
class _Request:
    """The part of a PlanRequest that searches read."""

    approved: _Said
    symbol: Symbol
    qty_units: int | None
    notional_nano: int | None


@dataclass(frozen=True, slots=True)
class _Places:
    """Listings without names: a search knows them by number."""

    venues: tuple[str, ...]
    symbol: Symbol
    num_den: tuple[int, int]
    has_fixed: bool
    terms: Int64Array
    facts: Int64Array


# A search reads no book: its kernel call is given none.
_NO_BOOKS: Final = SymbolBooks(
    "",
    (),
    np.zeros((0, 2, 1), np.int64),
    np.zeros((0, 2, 1), np.int64),
    np.zeros((0, 2), np.int64),
    np.zeros(0, np.int64),
    np.zeros(0, np.int64),
    np.zeros(0, np.int64),
    np.zeros(0, np.bool_),
    is_plain=True,
)


def carried_size(problem: RouteProblem) -> int:
    """Words that `pack` will give."""
    return len(HEAD) + sum(_array(problem, name).size for name in ARRAYS)


def pack(problem: RouteProblem) -> Int64Array | None:
    """The problem in words; None for one that stays: its numbers leave int64, or one venue must fill it whole."""
    request = problem.request
    wanted = (request.qty_units, request.notional_nano)
    if not problem.is_narrow or any(value is not None and not 0 <= value < _INT64_MAX for value in wanted):
        return None
    if is_whole_only(request):
        return None
    order, fungible = request.approved.value, problem.symbol.fungible
    head = (
        FORMAT,
        problem.n_venues,
        problem.price_units.size,
        problem.side.sign,
        problem.sign,
        problem.has_fixed,
        *problem.num_den,
        int(np.float64(problem.ratio).view(np.int64)),
        *(NONE if value is None else value for value in wanted),
        _KINDS.index(fungible.kind),
        problem.symbol.qty_scale,
        fungible.multiplier_nano,
        order.venues.max_venues,
        _STRATEGIES.index(order.strategy),
    )
    parts = [np.array(head, np.int64)]
    parts += [_array(problem, name).reshape(-1).view(np.int64) for name in ARRAYS]
    return np.concatenate(parts)


def unpack(words: Int64Array) -> RouteProblem:
    """The problem as searches see it, in a workspace of its own; books, requests and names stayed behind.

    Raises InvariantBroken where the words are no packed problem.
    """
    if words.size < len(HEAD) or words[0] != FORMAT:
        raise InvariantBroken(reason="not a packed problem", n_words=words.size)
    head = dict(zip(HEAD, words[: len(HEAD)].tolist(), strict=True))
    arrays = _split(words, head["n_venues"], head["n_levels"])
    kind = _KINDS[head["kind"]]
    symbol = Symbol(
        "", FungibilityClass("", "", "", kind, multiplier_nano=head["multiplier_nano"]), 0, head["qty_scale"]
    )
    order = _Order(
        VenueFilter(max_venues=head["max_venues"]),
        _STRATEGIES[head["strategy"]],
    )
    wanted = [None if head[name] == NONE else head[name] for name in ("qty_units", "notional_nano")]
    n = head["n_venues"]
    venues = ("",) * n
    places = _Places(
        venues,
        symbol,
        (head["num"], head["den"]),
        bool(head["has_fixed"]),
        np.zeros((n, cost.N_TERMS), np.int64),
        np.zeros((prove.N_FACTS, n), np.int64),
    )
    space = Workspace(cast(Listings, places), head["n_levels"])
    space.carry(arrays)
    return RouteProblem(
        request=cast(PlanRequest, _Request(_Said(order), symbol, *wanted)),
        books=_NO_BOOKS,
        admitted=_STAYED,
        asked=_STAYED,
        side=Side.BUY if head["side_sign"] > 0 else Side.SELL,
        sign=head["sign"],
        num_den=(head["num"], head["den"]),
        ratio=float(np.int64(head["ratio_bits"]).view(np.float64)),
        is_narrow=True,
        has_fixed=bool(head["has_fixed"]),
        seen=np.zeros((n, 2), np.int64),
        best_bid_units=0,
        best_ask_units=0,
        workspace=space,
        n_venues=n,
        venues=venues,
        symbol=symbol,
        first=space.first,
        price_units=space.price,
        qty_units=space.qty,
        unit_nano=space.unit_nano,
        terms=space.terms,
        rule=space.rule,
        room_units=space.room,
    )


def _split(words: Int64Array, n_venues: int, n_levels: int) -> dict[str, Int64Array]:
    """The flat arrays, each its own memory."""
    sizes = {
        "first": n_venues + 1,
        "price_units": n_levels,
        "qty_units": n_levels,
        "unit_nano": n_levels,
        "terms": n_venues * cost.N_TERMS,
        "rule": cost.N_RULES,
        "room_units": n_venues,
    }
    if n_venues < 1 or n_levels < 0 or len(HEAD) + sum(sizes.values()) != words.size:
        raise InvariantBroken(reason="a packed problem of another size", n_venues=n_venues, n_levels=n_levels)
    arrays, at = {}, len(HEAD)
    for name in ARRAYS:
        arrays[name] = words[at : at + sizes[name]].copy()
        at += sizes[name]
    return arrays


def _array(problem: RouteProblem, name: str) -> npt.NDArray[np.int64] | npt.NDArray[np.float64]:
    found: npt.NDArray[np.int64] = getattr(problem, name)
    return found
