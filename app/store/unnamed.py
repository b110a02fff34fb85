"""Values as JSON arrays: the fields in declared order, without their names and without trailing ones at their default.

One spelling a value: a trailing field is left out exactly where its value is its default. What a place means is told by
the dataclass's declaration and, for readers of a log, by docs/journal.md.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, fields
from typing import Any, Final, Union, cast, get_args, get_origin, get_type_hints

import msgspec

from app.domain import quick
from app.domain.orders import ChildOrder, ParentOrder, VenueFilter
from app.domain.plan import Allocation, Alternative, BookUse, Certificate, CostSplit, Exclusion, RoutePlan
from app.domain.pretrade import AskedUnits, CostEstimate, Said

# What an unnamed value holds without names too. Any other value within it keeps them.
PARTS: Final[frozenset[type]] = frozenset(
    {
        Allocation,
        Alternative,
        AskedUnits,
        BookUse,
        Certificate,
        ChildOrder,
        CostEstimate,
        CostSplit,
        Exclusion,
        ParentOrder,
        RoutePlan,
        Said,
        VenueFilter,
    }
)


def writer_of(kind: type) -> Callable[[Any], tuple[object, ...]]:
    """Makes of a frozen `kind` what its spelling holds; nothing is checked."""
    hints, names = get_type_hints(kind), dict[str, object]()
    said = {field.name: _written_part(hints[field.name], f"one.{field.name}", names) for field in fields(kind)}
    names |= {f"default_{field.name}": field.default for field in fields(kind)}
    heads = [field.name for field in fields(kind) if field.default is MISSING]
    tails = [field.name for field in fields(kind) if field.default is not MISSING]

    def row(n_tails: int) -> str:
        return f"return ({''.join(f'{said[name]}, ' for name in [*heads, *tails[:n_tails]])})"

    lines = []
    if tails:
        are_default = " and ".join(f"one.{name} == default_{name}" for name in tails)
        lines.append(f"if {are_default}: {row(0)}")
    lines += [f"if one.{tails[n - 1]} != default_{tails[n - 1]}: {row(n)}" for n in range(len(tails), 1, -1)]
    lines.append(row(min(1, len(tails))))
    return cast("Callable[[Any], tuple[object, ...]]", _function("write(one)", lines, names))


def reader_of(kind: type) -> Callable[[bytes], Any]:
    """Makes a `kind` of its spelling. Raises msgspec's ValidationError or DecodeError where types or places are wrong.

    That nothing is spelled otherwise than `writer_of` would is for the caller to see.
    """
    decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(_shape(kind))
    decode, make = decoder.decode, _maker(kind)
    return lambda body: make(decode(body))


def _shape(kind: type) -> type:
    """What a spelling is read into: the same fields and defaults, told by their places."""
    hints = get_type_hints(kind)
    members = [
        (field.name, _shape_part(hints[field.name]), *(() if field.default is MISSING else (field.default,)))
        for field in fields(kind)
    ]
    return msgspec.defstruct(kind.__name__, members, array_like=True, forbid_unknown_fields=True, gc=False)


def _maker(kind: type) -> Callable[[Any], Any]:
    """Makes a `kind` of what `_shape` gives."""
    hints, names = get_type_hints(kind), dict[str, object]({"make": quick.maker(kind)})
    said = [_read_part(hints[field.name], f"one.{field.name}", names) for field in fields(kind)]
    return cast("Callable[[Any], Any]", _function("read(one)", [f"return make({', '.join(said)})"], names))


def _element(hint: Any) -> Any:
    """The type of the elements of a tuple of any length, None for any other type."""
    parts = get_args(hint)
    return parts[0] if get_origin(hint) is tuple and len(parts) == 2 and parts[1] is Ellipsis else None


def _optional(hint: Any) -> Any:
    """The type that may be missing, None where nothing may."""
    if get_origin(hint) not in (Union, types.UnionType):
        return None
    some = [part for part in get_args(hint) if part is not type(None)]
    return some[0] if len(some) == 1 else None


def _shape_part(hint: Any) -> Any:
    if hint in PARTS:
        return _shape(hint)
    if (element := _element(hint)) in PARTS:
        return tuple[_shape(element), ...]  # type: ignore[misc]
    if (some := _optional(hint)) in PARTS:
        return _shape(some) | None
    return hint


def _written_part(hint: Any, value: str, names: dict[str, object]) -> str:
    """The expression that spells the part `value`."""
    return _part(hint, value, names, writer_of, "[{name}(each) for each in {value}]")


def _read_part(hint: Any, value: str, names: dict[str, object]) -> str:
    """The expression that makes the part of what was read."""
    return _part(hint, value, names, _maker, "tuple([{name}(each) for each in {value}])")


def _part(hint: Any, value: str, names: dict[str, object], of: Callable[[type], object], each: str) -> str:
    element, some = _element(hint), _optional(hint)
    kind = next((kind for kind in (hint, element, some) if kind in PARTS), None)
    if kind is None:
        return value
    name = f"of_{kind.__name__}"
    names[name] = of(kind)
    if kind is element:
        return each.format(name=name, value=value)
    return f"{name}({value})" if kind is hint else f"None if {value} is None else {name}({value})"


def _function(head: str, lines: Iterable[str], names: Mapping[str, object]) -> Any:
    """The function of these lines; every word comes from a declaration of ours, as in domain/quick.py."""
    room: dict[str, object] = dict(names)
    exec("\n ".join([f"def {head}:", *lines]), room)  # noqa: S102 - field names of our own classes, as in dataclasses
    return room[head.split("(", maxsplit=1)[0]]
