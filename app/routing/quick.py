"""Many frozen values at once, for a third of what their own constructor takes.

A frozen dataclass sets each field through `object.__setattr__`. Here the same fields are set on an open class of the
same slots, which then becomes the frozen one: the values are equal, frozen and of the frozen type, as ever.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import fields, make_dataclass
from functools import cache
from typing import Any, ParamSpec, TypeVar, cast

P = ParamSpec("P")
T = TypeVar("T")


@cache
def _open(kind: Hashable) -> Callable[..., Any]:
    """An open dataclass of the fields of `kind`, a frozen one with slots; no field has a default."""
    names = [field.name for field in fields(cast("Any", kind))]
    return make_dataclass("Open", [(name, object) for name in names], slots=True)


def values(kind: type[T], rows: Iterable[tuple[object, ...]]) -> list[T]:
    """One frozen `kind` for each row of all its fields, in their order. Raises TypeError where a field is missing."""
    make = _open(cast("Hashable", kind))
    found = [make(*row) for row in rows]
    for value in found:
        value.__class__ = kind
    return found


def maker(kind: Callable[P, T]) -> Callable[P, T]:
    """Makes a frozen `kind` as its constructor would. Raises TypeError where a field is missing."""
    make = _open(cast("Hashable", kind))

    def made(*args: P.args, **named: P.kwargs) -> T:
        found = make(*args, **named)
        found.__class__ = kind
        return cast("T", found)

    return made
