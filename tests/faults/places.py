"""The names of a fact's places as docs/journal.md tells them, for readers that share no code with the product."""

from __future__ import annotations

import json
from pathlib import Path

_PAGE = Path(__file__).resolve().parents[2] / "docs" / "journal.md"
# name, the part it is (empty: a plain value), whether it is an array of them, and its default as JSON, empty for none
Place = tuple[str, str, bool, str]


def places() -> dict[str, list[Place]]:
    """`kind version` or part -> its places in their order."""
    found: dict[str, list[Place]] = {}
    block = _PAGE.read_text().split("```text\n")[1].split("```")[0]
    name = ""
    for line in block.splitlines():
        if not line.startswith(" "):
            name = line
            found[name] = []
            continue
        for word in line.split():
            place, _, default = word.partition("=")
            place, _, part = place.partition(":")
            found[name].append((place, part.removesuffix("*"), part.endswith("*"), default))
    return found


class Page:
    """Gives events their names back."""

    def __init__(self) -> None:
        self._places = places()

    def event(self, record: dict) -> dict:
        """The event of a record, each field by its name."""
        event = record["event"]
        return event if isinstance(event, dict) else self._named(f"{record['kind']} {record['v']}", event)

    def _named(self, name: str, values: list) -> dict:
        expected = self._places[name]
        assert len(values) <= len(expected), f"{name} has {len(values)} values, not {len(expected)}"
        found = {}
        for place, value in zip(expected, values, strict=False):
            member, part, is_array, _ = place
            if not part or value is None:
                found[member] = value
            else:
                found[member] = [self._named(part, one) for one in value] if is_array else self._named(part, value)
        for member, _, _, default in expected[len(values) :]:
            assert default, f"{name} has no {member}"
            found[member] = json.loads(default)
        return found
