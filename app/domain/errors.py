"""What can go wrong, in four meanings.

BestexError
|- Refused            the caller can fix it; nothing was placed
|  |- BadDecimal      a number that is not ours to guess at
|  |- OrderRefused    a well-formed order that a rule says no to
|  |- PoolRefused     an amount that a pool cannot take or give
|  `- BadRequest      any other request that must be changed
|- Rejected           the venue said no, with proof
|- Unknown            nothing is proven: reconcile before anything else, never re-send
|- Unavailable        a part of us cannot serve now; nothing was placed
`- InvariantBroken    our bug: stop the shard
"""

from __future__ import annotations

from app.domain.enums import RefusalCode


class BestexError(Exception):
    """Root of everything raised on purpose; `facts` are numbers and names, never prose."""

    def __init__(self, **facts: object) -> None:
        super().__init__(", ".join(f"{name}={value}" for name, value in facts.items()))
        self.facts = facts


class Refused(BestexError):
    """The caller can fix it; nothing was placed."""


class BadDecimal(Refused):
    """`reason` is form, digits, increment or size; `limit` and `value` say what was allowed and what came."""

    def __init__(self, *, reason: str, limit: str, value: str) -> None:
        super().__init__(reason=reason, limit=limit, value=value)
        self.reason, self.limit, self.value = reason, limit, value


class BadRequest(Refused):
    """A request that must be changed: `code` is a wire code, `pointer` the JSON pointer of the culprit."""

    def __init__(self, code: str, detail: str, *, pointer: str = "", hint: str = "") -> None:
        super().__init__(code=code, detail=detail, pointer=pointer)
        self.code, self.detail, self.pointer, self.hint = code, detail, pointer, hint


class OrderRefused(Refused):
    """A rule says no: `code` names the rule, `limit`, `value` and `unit` the numbers, `hint` the way out."""

    def __init__(
        self,
        code: RefusalCode,
        *,
        limit: str = "",
        value: str = "",
        unit: str = "",
        pointer: str = "",
        hint: str = "",
    ) -> None:
        super().__init__(code=code.value, limit=limit, value=value, unit=unit, pointer=pointer)
        self.code, self.limit, self.value = code, limit, value
        self.unit, self.pointer, self.hint = unit, pointer, hint


class PoolRefused(Refused):
    """An amount that a pool cannot take or give: `reason` is a word, `limit` and `value` are integers."""

    def __init__(self, *, reason: str, limit: int, value: int) -> None:
        super().__init__(reason=reason, limit=limit, value=value)
        self.reason, self.limit, self.value = reason, limit, value


class Rejected(BestexError):
    """The venue said no, with proof that nothing rests or fills there."""


class Unknown(BestexError):
    """Nothing is proven about an order at a venue: reconcile, never re-send."""


class Unavailable(BestexError):
    """A part of the service cannot serve now; `code` is a wire code. Nothing was placed."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(code=code, detail=detail)
        self.code, self.detail = code, detail


class InvariantBroken(BestexError):
    """Our bug. The shard stops; the log is the truth."""
