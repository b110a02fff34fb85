"""How everything that is open at a venue is canceled without the engine: requests from its row, rows from answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from app.domain.errors import InvariantBroken
from app.venues.cex.profile_table import VENUES, parts_of_rows
from app.venues.cex.signing import SignRequest

MAX_ROWS: Final = 2_000
# Where vendors say in the body of a good status that the request failed, and what they say otherwise.
_CODES: Final = ("code", "retCode", "err-code", "err_code", "error_code")
_SUCCESSES: Final = frozenset({"", "0", "00000", "200", "200000"})


@dataclass(frozen=True, slots=True)
class Step:
    """`call` alone, or `call` for rows and `each` for every one of them. `is_once`: one `each` for all rows.
    `is_array`: the body of `each` is a list of one."""

    call: str
    fixed: Mapping[str, str] = field(default_factory=dict)
    rows: str = ""
    each: str = ""
    fixed_each: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    list_params: Mapping[str, str] = field(default_factory=dict)
    row_id: str = ""
    is_once: bool = False
    is_array: bool = False


@dataclass(frozen=True, slots=True)
class Sweep:
    """`steps` empty the account's book; `dead_man` arms the venue's own switch for `timeout_s`."""

    steps: tuple[Step, ...]
    dead_man: tuple[Step, ...] = ()
    timeout_s: int = 0


@dataclass(frozen=True, slots=True)
class Desk:
    """Whose orders: one account at one venue."""

    venue: str
    account: str


def load_sweeps(path: Path = VENUES) -> Mapping[str, Sweep]:
    """By ccxt id. Raises InvariantBroken for a table that says something unknown."""
    sweeps = {}
    for ccxt_id, table in parts_of_rows("sweep", path).items():
        try:
            steps = tuple(Step(**step) for step in table["steps"])
            dead_man = tuple(Step(**step) for step in table.get("dead_man", ()))
        except (TypeError, KeyError) as error:
            raise InvariantBroken(venue=ccxt_id, reason=f"{type(error).__name__}: {error}") from None
        sweeps[ccxt_id] = Sweep(steps, dead_man, table.get("timeout_s", 0))
    return sweeps


def first_request(desk: Desk, step: Step, timeout_s: int = 0) -> SignRequest:
    """A step's own call."""
    times = {"$TIMEOUT_S": str(timeout_s), "$TIMEOUT_MS": str(timeout_s * 1_000)}
    return _request(desk, step.call, {name: times.get(value, value) for name, value in step.fixed.items()})


def cancels(desk: Desk, step: Step, answer: Any) -> Iterator[SignRequest]:
    """The cancels of the rows in `answer`; nothing where nothing is open. Raises ValueError for what are no rows."""
    rows = answer
    for name in filter(None, step.rows.split(".")):
        rows = rows[name]
    if isinstance(rows, Mapping):
        rows = list(rows.values())
    if not isinstance(rows, list):
        raise ValueError("no rows")
    if step.is_once:
        if rows:
            yield _request(desk, step.each, step.fixed_each)
        return
    seen = set()
    for row in rows[:MAX_ROWS]:
        if row[step.row_id] in seen:
            continue
        seen.add(row[step.row_id])
        named = {name: str(row[source]) for name, source in step.params.items()}
        lists = {name: [str(row[source])] for name, source in step.list_params.items()}
        params = {**step.fixed_each, **named, **lists}
        yield _request(desk, step.each, [params] if step.is_array else params)


def failure_of(answer: Any) -> str:
    """The vendor's word that `answer` is a failure, whatever its status; empty where it is none.

    An error beside an empty list is no empty book.
    """
    if not isinstance(answer, Mapping):
        return ""
    for name in _CODES:
        code = answer.get(name)
        if isinstance(code, str | int) and str(code) not in _SUCCESSES:
            return f"{name} {code}"
    if answer.get("error"):
        return "error"
    return "status error" if answer.get("status") == "error" or answer.get("success") is False else ""


def _request(desk: Desk, endpoint: str, params: Mapping[str, Any] | list[dict[str, Any]]) -> SignRequest:
    api, method, path = endpoint.split(" ")
    body = params if isinstance(params, list) else dict(params)
    return SignRequest(desk.venue, desk.account, path, tuple(api.split(".")), method, body)
