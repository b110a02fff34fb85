"""A desk's CSVs told to a running service: each parent, then its fills, then what the service makes of them.

A row goes as its file has it: the service reads every value strictly, and what it refuses is told with file and line.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from io import StringIO
from typing import Any, Final, Protocol

from app.cli.exits import CommandError, Exit
from app.services.shadow_files import FILL_COLUMNS, PARENT_COLUMNS, PARENT_OPTIONS

POLL_S: Final = 0.5
PARENTS, FILLS, REPORT = "/v1/shadow/parents", "/v1/shadow/fills", "/v1/shadow/report"
Row = dict[str, str]


class Service(Protocol):
    """The part of cli/client.py that is used here."""

    def get(self, path: str, **query: object) -> Any: ...

    def fetch(self, path: str, **query: object) -> bytes: ...

    def post(self, path: str, body: dict[str, Any]) -> Any: ...


@dataclass(slots=True)
class Told:
    """What became of the rows.

    `refused`: parents that the gate would have refused, by its code. `bad`: FILE:LINE: why.
    """

    parents: set[str] = field(default_factory=set)
    refused: dict[str, str] = field(default_factory=dict)
    n_new: int = 0
    n_repeated: int = 0
    bad: list[str] = field(default_factory=list)

    def summary(self) -> str:
        """One line of counts, then every bad line."""
        head = (
            f"told {len(self.parents)} parents ({len(self.refused)} that Bestex would have refused), {self.n_new} new "
            f"fills, {self.n_repeated} known before, {len(self.bad)} bad lines"
        )
        return "\n".join([head, *self.bad])


def tell(service: Service, parents: tuple[str, bytes], fills: tuple[str, bytes], *, is_strict: bool) -> Told:
    """Sends both files, each (name, bytes), one row a request.

    Raises CommandError for a file whose head is wrong, where the service cannot be reached or knows no answer, and for
    the first bad line if strict.
    """
    told = Told()
    for where, row in _rows(*parents, PARENT_COLUMNS, PARENT_OPTIONS):
        answer = _sent(service, PARENTS, row, where, told, is_strict=is_strict)
        if answer is not None:
            told.parents.add(row["parent_id"])
            if answer["refused"]:
                told.refused[row["parent_id"]] = answer["refused"]
    for where, row in _rows(*fills, FILL_COLUMNS, ()):
        if row["parent_id"] not in told.parents:
            _note_bad(told, f"{where}: its parent was not taken", is_strict=is_strict)
            continue
        answer = _sent(service, FILLS, {"fills": [row]}, where, told, is_strict=is_strict)
        if answer is not None:
            told.n_new += answer["n_new"]
            told.n_repeated += answer["n_repeated"]
    return told


def compared(service: Service, told: Told, wait_s: float, sleep: Callable[[float], None]) -> str:
    """The service's page, once it has heard all that it needs of `told`, or after `wait_s`."""
    left_s = wait_s
    while left_s > 0 and _is_awaited(service.get(REPORT).body["excluded"], told):
        sleep(POLL_S)
        left_s -= POLL_S
    return service.fetch(REPORT, format="markdown").decode()


def _is_awaited(excluded: Sequence[dict[str, str]], told: Told) -> bool:
    return any(one["reason"] == "not_yet" and one["parent_id"] in told.parents for one in excluded)


def _sent(
    service: Service, path: str, body: dict[str, Any], where: str, told: Told, *, is_strict: bool
) -> dict[str, Any] | None:
    """The answer; None where the service refused the row, which is then noted."""
    try:
        answer: dict[str, Any] = service.post(path, body).body
    except CommandError as error:
        if error.code is not Exit.REJECTED:
            raise
        _note_bad(told, f"{where}: {error.detail}", is_strict=is_strict)
        return None
    return answer


def _note_bad(told: Told, text: str, *, is_strict: bool) -> None:
    if is_strict:
        raise CommandError(Exit.USAGE, text)
    told.bad.append(text)


def _rows(name: str, content: bytes, columns: Sequence[str], options: Sequence[str]) -> Iterator[tuple[str, Row]]:
    """(FILE:LINE, row without its empty members) of a CSV whose head has `columns` and maybe `options`."""
    try:
        reader = csv.DictReader(StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
        head = reader.fieldnames or []
        wrong = set(head) ^ (set(columns) | (set(options) & set(head)))
        if wrong or len(set(head)) != len(head):
            raise CommandError(
                Exit.USAGE, f"{name}:1: columns are {', '.join(columns)}; wrong: {', '.join(sorted(wrong))}"
            )
        for row in reader:
            where = f"{name}:{reader.line_num}"
            if None in row or None in row.values():
                raise CommandError(Exit.USAGE, f"{where}: not as many fields as the head has")
            yield where, {column: value for column, value in row.items() if value}
    except (UnicodeDecodeError, csv.Error) as error:
        raise CommandError(Exit.USAGE, f"{name}: not CSV in UTF-8: {error}") from error
