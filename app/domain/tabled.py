"""A plan as the table of integers that its decision wrote; its parts become values when somebody looks at them.

Most plans are written down, sent and never looked at again: what is read of them at once are the children.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from struct import Struct
from typing import Any, Final, NamedTuple

from app.domain import quick
from app.domain.enums import ExclusionCode, SolveStatus
from app.domain.plan import Allocation, Alternative, BookUse, Certificate, CostSplit, Exclusion, RoutePlan

# The rows of a table, one kind after the other behind its head: kernels/answer.py, which writes them, says of what.
HEAD_WORDS: Final = 19
N_VENUES, N_PLANS, N_CHILDREN, FEE, FIXED, SPREAD, IMPACT, TOTAL = 0, 1, 2, 5, 6, 10, 11, 12
CHILD_WORDS: Final = 9
LEFT_OUT_WORDS: Final = 4
RIVAL_WORDS: Final = 4
BOOK_WORDS: Final = 2
_WORD_BYTES: Final = 8
_one_word: Final = Struct("q").unpack_from
_child_row: Final = Struct("4q").unpack_from  # venue, lots, units, limit
# What a left-out row's number of a reason stands for.
REASONS: Final = (
    ExclusionCode.DEARER,
    ExclusionCode.MAX_VENUES,
    ExclusionCode.BEYOND_LIMIT,
    ExclusionCode.MIN_QTY,
    ExclusionCode.MIN_NOTIONAL,
    ExclusionCode.INSUFFICIENT_BALANCE,
)


class Seal(NamedTuple):
    """What a Certificate says, apart from the books: see domain/plan.py."""

    objective_nano: int
    bound_nano: int
    gap_ubps: int
    status: SolveStatus
    solver: str
    certified_terms: tuple[str, ...]
    estimated_terms: tuple[tuple[str, int], ...]
    receipt_sha256: str
    estimated_nano: int
    estimated_low_nano: int
    estimated_high_nano: int
    is_bound_searched: bool


class PlanTable(NamedTuple):
    """`words`: int64 of this machine. `venues`, `rivals`: the names behind the rows' numbers.

    `left_out`: exclusions that were known before the decision. `certify`: the one maker of a Certificate.
    """

    words: bytes
    venues: tuple[str, ...]
    rivals: tuple[str, ...]
    left_out: tuple[Exclusion, ...]
    seal: Seal
    certify: Callable[[Seal, tuple[BookUse, ...]], Certificate]


def receipt_of(plan: RoutePlan) -> str:
    """The SHA-256 of the receipt that a plan's certificate names; of a plan that is a table no certificate is made."""
    return plan.table.seal.receipt_sha256 if type(plan) is TabledPlan else plan.certificate.receipt_sha256


def children_of(plan: RoutePlan) -> list[tuple[str, int, int]]:
    """(venue, lots, limit in ticks) of each of a plan's children, in their order; of a table no Allocation is made."""
    if type(plan) is not TabledPlan:
        return [(child.venue, child.qty_lots, child.limit_ticks) for child in plan.allocations]
    words, venues, *_ = plan.table
    found, at = [], _WORD_BYTES * HEAD_WORDS
    for _ in range(*_one_word(words, _WORD_BYTES * N_CHILDREN)):
        venue_i, qty_lots, _, limit_ticks = _child_row(words, at)
        found.append((venues[venue_i], qty_lots, limit_ticks))
        at += _WORD_BYTES * CHILD_WORDS
    return found


def n_words(n_venues: int, n_children: int, n_plans: int) -> int:
    """How long a table is."""
    rows = n_children * CHILD_WORDS + (n_venues - n_children) * LEFT_OUT_WORDS
    return HEAD_WORDS + rows + n_plans * RIVAL_WORDS + n_venues * BOOK_WORDS


def left_out_at(n_children: int) -> int:
    """Where the rows of venues left out begin."""
    return HEAD_WORDS + n_children * CHILD_WORDS


def _rivals_at(words: memoryview) -> int:
    n_children = words[N_CHILDREN]
    return left_out_at(n_children) + (words[N_VENUES] - n_children) * LEFT_OUT_WORDS


def _allocations(table: PlanTable) -> tuple[Allocation, ...]:
    words, venues = memoryview(table.words).cast("q"), table.venues
    end = left_out_at(words[N_CHILDREN])
    rows = [words[at : at + CHILD_WORDS].tolist() for at in range(HEAD_WORDS, end, CHILD_WORDS)]
    return tuple(quick.values(Allocation, [(venues[row[0]], *row[1:]) for row in rows]))


def _excluded(table: PlanTable) -> tuple[Exclusion, ...]:
    words, venues = memoryview(table.words).cast("q"), table.venues
    numbers = words[left_out_at(words[N_CHILDREN]) : _rivals_at(words)].tolist()
    rows = zip(numbers[::4], numbers[1::4], numbers[2::4], numbers[3::4], strict=True)
    return (
        *table.left_out,
        *quick.values(Exclusion, [(venues[v], REASONS[code], limit, value) for v, code, limit, value in rows]),
    )


def _alternatives(table: PlanTable) -> tuple[Alternative, ...]:
    words, venues = memoryview(table.words).cast("q"), table.venues
    begin = _rivals_at(words)
    numbers = words[begin : begin + words[N_PLANS] * RIVAL_WORDS].tolist()
    rows = zip(table.rivals, numbers[::4], numbers[1::4], numbers[2::4], numbers[3::4], strict=True)
    return tuple(
        quick.values(
            Alternative,
            [(name, qty, cost, n_used, venues[v] if v >= 0 else "") for name, qty, cost, n_used, v in rows],
        )
    )


def _cost(table: PlanTable) -> CostSplit:
    words = memoryview(table.words).cast("q")
    return CostSplit(words[SPREAD], words[IMPACT], words[FEE], words[FIXED], words[TOTAL])


def _certificate(table: PlanTable) -> Certificate:
    words = memoryview(table.words).cast("q")
    numbers = words[_rivals_at(words) + words[N_PLANS] * RIVAL_WORDS :].tolist()
    rows = zip(table.venues, numbers[::2], numbers[1::2], strict=True)
    return table.certify(table.seal, tuple(quick.values(BookUse, rows)))


class TabledPlan(RoutePlan):
    """A RoutePlan whose lists, cost and certificate are made of its table when first looked at.

    Equal to the RoutePlan of the same fields, hashed, shown, pickled and changed as one. Called as a class it gives
    one: only `tabled_plan` makes a plan with a table.
    """

    __slots__ = ("table",)
    table: PlanTable

    def __new__(cls, *args: Any, **fields: Any) -> Any:
        return RoutePlan(*args, **fields)

    def __getattr__(self, name: str) -> Any:
        make = _PARTS.get(name)
        if make is None:
            raise AttributeError(name)
        part = make(self.table)
        object.__setattr__(self, name, part)
        return part

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RoutePlan):
            return NotImplemented
        return bool(_fields_of(self) == _fields_of(other))

    def __hash__(self) -> int:
        return hash(_fields_of(self))

    def __repr__(self) -> str:
        return repr(RoutePlan(*_fields_of(self)))

    def __reduce__(self) -> tuple[type[RoutePlan], tuple[Any, ...]]:
        return RoutePlan, _fields_of(self)


_PARTS: Final[dict[str, Callable[[PlanTable], object]]] = {
    "allocations": _allocations,
    "excluded": _excluded,
    "alternatives": _alternatives,
    "cost": _cost,
    "certificate": _certificate,
}
_NAMES: Final = tuple(RoutePlan.__dataclass_fields__)
_fields_of: Final[Callable[[RoutePlan], tuple[Any, ...]]] = attrgetter(*_NAMES)
# Makes a TabledPlan of its table and all fields of a RoutePlan but those that the table tells.
tabled_plan: Final = quick.maker_of(TabledPlan, "table", *[name for name in _NAMES if name not in _PARTS])
