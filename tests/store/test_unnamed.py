"""Values without their names: one spelling each, read back equal, and told to a stranger by docs/journal.md."""

from __future__ import annotations

import json
import re
from dataclasses import MISSING, dataclass, fields, replace
from types import NoneType
from typing import Any, get_args, get_type_hints

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.events import Event, RoutePlanned
from app.domain.plan import Alternative, Exclusion
from app.domain.pretrade import Said
from app.store.codec import UNNAMED, encode
from app.store.unnamed import PARTS, reader_of, writer_of
from tests.faults.places import Page, places
from tests.store import named
from tests.store.test_codec import values_of


@dataclass(frozen=True, slots=True)
class Sample:
    """Two fields that must be told, and three that need not."""

    name: str
    said: Said | None
    n: int = 3
    note: str = ""
    rivals: tuple[Alternative, ...] = ()


def spelled(value: Any) -> bytes:
    return msgspec.json.encode(writer_of(type(value))(value))


@pytest.mark.parametrize(
    ("sample", "text"),
    [
        (Sample("a", None), b'["a",null]'),
        (Sample("a", None, 4), b'["a",null,4]'),
        (Sample("a", None, 3, "b"), b'["a",null,3,"b"]'),
        (Sample("a", None, 4, "", (Alternative("x", 1, 2, 3),)), b'["a",null,4,"",[["x",1,2,3]]]'),
        (Sample("a", None, 3, "", (Alternative("x", 1, 2, 3, "v"),)), b'["a",null,3,"",[["x",1,2,3,"v"]]]'),
    ],
)
def test_what_is_told_ends_before_the_last_defaults(sample: Sample, text: bytes) -> None:
    assert spelled(sample) == text
    assert reader_of(Sample)(text) == sample


@pytest.mark.parametrize(
    "text",
    [b'["a"]', b"{}", b'["a",null,3.0]', b'["a",null,true]', b'["a",null,3,"",[],0]', b'["a",null,"3"]', b"[", b""],
)
def test_what_has_other_places_or_types_is_not_read(text: bytes) -> None:
    with pytest.raises((msgspec.MsgspecError, ValueError)):
        reader_of(Sample)(text)


@pytest.mark.parametrize("kind", sorted(PARTS, key=lambda kind: kind.__name__), ids=lambda kind: kind.__name__)
def test_every_part_reads_back_equal_and_of_the_same_types(kind: type) -> None:
    @settings(max_examples=40, deadline=None)
    @given(values_of(kind))
    def reads_back(value: Any) -> None:
        found = reader_of(kind)(spelled(value))
        assert found == value
        assert repr(found) == repr(value)
        assert type(found) is kind

    reads_back()


def test_a_part_at_its_defaults_is_as_short_as_can_be() -> None:
    assert spelled(Exclusion("v", next(iter(get_type_hints(Exclusion)["code"])))).count(b",") == 1


def part_of(hint: Any) -> tuple[str, bool]:
    """(the page's word for a part, whether there are many of them); empty for any other value."""
    kinds = [kind for kind in (hint, *get_args(hint)) if kind in PARTS]
    if not kinds:
        return "", False
    is_array = hint not in PARTS and NoneType not in get_args(hint)
    return word_of(kinds[0]), is_array


def word_of(kind: type) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()


def test_the_page_tells_every_place() -> None:
    def told(kind: type) -> list[tuple[str, str, bool, str]]:
        hints = get_type_hints(kind)
        return [
            (f.name, *part_of(hints[f.name]), "" if f.default is MISSING else json.dumps(f.default))
            for f in fields(kind)
        ]

    expected = {f"{kind.KIND} {kind.V}": told(kind) for kind in UNNAMED} | {word_of(kind): told(kind) for kind in PARTS}
    assert places() == expected


@pytest.mark.parametrize("kind", sorted(UNNAMED, key=lambda kind: kind.KIND), ids=lambda kind: kind.KIND)
def test_a_stranger_with_the_page_reads_what_we_wrote(kind: type[Event]) -> None:
    page = Page()

    @settings(max_examples=30, deadline=None)
    @given(values_of(kind))
    def is_read(event: Event) -> None:
        record = {"kind": kind.KIND, "v": kind.V, "event": json.loads(encode(event))}
        assert page.event(record) == named.plain(event)

    is_read()


@settings(max_examples=30, deadline=None)
@given(values_of(RoutePlanned), st.sampled_from(["wave", "mid_half_units"]))
def test_values_that_differ_are_spelled_differently(event: RoutePlanned, name: str) -> None:
    other = replace(event, plan=replace(event.plan, **{name: getattr(event.plan, name) + 1}))
    assert spelled(other) != spelled(event)
