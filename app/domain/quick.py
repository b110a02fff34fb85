"""Frozen values for a fraction of what their own constructor takes.

A frozen dataclass sets each field through `object.__setattr__`, which costs more than everything else about a small
value. Here the fields are set while the value is of an open class with the same slots, which then becomes the frozen
one: the values are equal, frozen and of the frozen type, as ever.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import MISSING, Field, fields
from functools import cache, partial
from typing import Any, Final, ParamSpec, TypeVar, cast

P = ParamSpec("P")
T = TypeVar("T")

_UNSAID: Final = object()


def quick_init(kind: type[T]) -> type[T]:
    """The frozen, slotted dataclass `kind` with a quicker constructor of the same parameters and the same result.

    For the class itself: a subclass needs a constructor of its own, as every dataclass has.
    """
    params, lines, names = _signature(kind)
    names |= {"open_kind": _open(cast("Hashable", kind)), "shut_kind": kind, "put": object.__setattr__}
    body = ["put(self, '__class__', open_kind)", *lines, "self.__class__ = shut_kind"]
    if hasattr(kind, "__post_init__"):
        body.append("self.__post_init__()")
    written = _written(f"def __init__(self, {', '.join(params)}):", body, names)
    written.__qualname__, written.__module__ = f"{kind.__qualname__}.__init__", kind.__module__
    written.__annotations__ = kind.__init__.__annotations__
    kind.__init__ = written  # type: ignore[method-assign]
    return kind


def values(kind: type[T], rows: Iterable[tuple[object, ...]]) -> list[T]:
    """One frozen `kind` for each row of all its fields, in their order. Raises TypeError where a field is missing."""
    any_kind: Any = kind
    try:
        found: list[T] = _of_rows(any_kind)(rows)
    except ValueError as error:
        raise TypeError(f"a row of {[field.name for field in _fields(kind)]} was expected: {error}") from error
    return found


def maker(kind: Callable[P, T]) -> Callable[P, T]:
    """Makes a frozen `kind` as its constructor would. Raises TypeError where a field is missing: none has a default."""
    return cast("Callable[P, T]", _maker(cast("Hashable", kind)))


def maker_of(kind: type[T], *names: str) -> Callable[..., T]:
    """Makes a frozen `kind` with these attributes, by name or in this order, and no other: the rest is set later."""
    return cast("Callable[..., T]", _made(cast("Hashable", kind), names))


def tupled(kind: Callable[..., T]) -> Callable[[tuple[object, ...]], T]:
    """Makes a NamedTuple `kind` of a tuple of all its fields, in half of the time; nothing is checked or filled in."""
    return cast("Callable[[tuple[object, ...]], T]", partial(tuple.__new__, cast("Any", kind)))


# Sets one field of a frozen value, for its maker alone, before anybody else has seen it.
write: Final[Callable[[object, str, object], None]] = object.__setattr__


def changed(value: T, **changes: object) -> T:
    """A copy of a frozen value with fields changed, as `dataclasses.replace`. Raises TypeError for another name."""
    kind: Any = type(value)
    copy: T = _changer(kind, tuple(changes))(value, *changes.values())
    return copy


def _fields(kind: object) -> tuple[Field[Any], ...]:
    return fields(cast("Any", kind))


def _written(head: str, body: Iterable[str], names: Mapping[str, object]) -> Any:
    """The function of these lines, which dataclasses writes likewise; every word comes from a class of ours."""
    room: dict[str, object] = dict(names)
    exec("\n ".join([head, *body]), room)  # noqa: S102 - field names of our own classes, as in dataclasses
    return room[head.split("(", maxsplit=1)[0].removeprefix("def ")]


@cache
def _open(kind: Hashable) -> type:
    """An open class laid out as `kind`, for it is one of its kind without a slot of its own: so the interpreter sees at
    once that a value may become the frozen one, and compares no slots.

    Both ways of changing a field are the object's, for a frozen base's way of deleting one would slow every setting.
    """
    room = {"__slots__": (), "__setattr__": object.__setattr__, "__delattr__": object.__delattr__}
    return type("Open", (cast("Any", kind),), {**room, "__init__": object.__init__})


def _signature(kind: object) -> tuple[list[str], list[str], dict[str, object]]:
    """Parameters, assignments and the names that both need: defaults as the dataclass has them."""
    params, lines, names = [], [], {"unsaid": _UNSAID}
    for field in _fields(kind):
        if not field.init:
            continue
        name, value, default = field.name, field.name, ""
        if field.default is not MISSING:
            names[f"default_{name}"], default = field.default, f"=default_{name}"
        elif field.default_factory is not MISSING:
            names[f"make_{name}"], default = field.default_factory, "=unsaid"
            value = f"make_{name}() if {name} is unsaid else {name}"
        params.append(f"{name}{default}")
        lines.append(f"self.{name} = {value}")
    return params, lines, names


@cache
def _of_rows(kind: Hashable) -> Callable[[Iterable[tuple[object, ...]]], list[Any]]:
    names = [field.name for field in _fields(kind)]
    open_kind = _open(kind)
    # Where no class has a way of its own to make one, the class called is an empty value too, made sooner.
    is_plain: bool = cast("Any", open_kind).__new__ is object.__new__
    made = "open_kind()" if is_plain else "new(open_kind)"
    body = ["found = []", "add = found.append", f"for {', '.join(names)}, in rows:", f"    one = {made}"]
    body += [f"    one.{name} = {name}" for name in names]
    body += ["    one.__class__ = shut_kind", "    add(one)", "return found"]
    return cast(
        "Callable[[Iterable[tuple[object, ...]]], list[Any]]",
        _written("def of_rows(rows):", body, {"new": object.__new__, "open_kind": open_kind, "shut_kind": kind}),
    )


@cache
def _maker(kind: Hashable) -> Callable[..., Any]:
    return _made(kind, [field.name for field in _fields(kind)])


def _made(kind: Hashable, names: Sequence[str]) -> Callable[..., Any]:
    body = [
        "one = new(open_kind)",
        *[f"one.{name} = {name}" for name in names],
        "one.__class__ = shut_kind",
        "return one",
    ]
    return cast(
        "Callable[..., Any]",
        _written(
            f"def made({', '.join(names)}):", body, {"new": object.__new__, "open_kind": _open(kind), "shut_kind": kind}
        ),
    )


@cache
def _changer(kind: Hashable, changes: tuple[str, ...]) -> Callable[..., Any]:
    names = [field.name for field in _fields(kind)]
    if not set(changes) <= {field.name for field in _fields(kind) if field.init}:
        raise TypeError(f"{kind} has no such fields: {changes}")
    body = ["one = new(open_kind)"]
    body += [f"one.{name} = {f'new_{name}' if name in changes else f'old.{name}'}" for name in names]
    body += ["one.__class__ = shut_kind"]
    if hasattr(kind, "__post_init__"):
        body.append("one.__post_init__()")
    head = f"def change({', '.join(['old', *(f'new_{name}' for name in changes)])}):"
    return cast(
        "Callable[..., Any]",
        _written(head, [*body, "return one"], {"new": object.__new__, "open_kind": _open(kind), "shut_kind": kind}),
    )
