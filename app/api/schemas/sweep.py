"""How an order at once sweeps: what `strategy_params` of `sor` and `sweep` may ask for, and how it is told."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from app.api.schemas.base import IN_BODY, Answer, Body, Bool, Dec
from app.domain.sweeps import SweepStyle


class SweepBody(Body):
    """What an order at once may ask for beyond lit books. Meaning: docs/hidden-liquidity.md."""

    version: Annotated[Literal[1], IN_BODY] = 1
    sweep_style: SweepStyle = SweepStyle.SWEEP
    min_qty: Dec | None = Field(
        default=None,
        description="dark_then_lit: nothing smaller is crossed in the dark. Absent: the venues' own least.",
    )
    wait: Dec | None = Field(
        default=None,
        description="Seconds that hidden liquidity is waited for, at most 10. Absent: 0.25.",
        examples=["0.25"],
    )
    dealers: Bool = Field(default=False, description="Ask dealers for firm quotes, which compete with lit books.")


class SorParams(SweepBody):
    """Waves of lit books, with what is asked for beside them."""

    strategy: Literal["sor"] = "sor"


class SweepParams(SweepBody):
    """One wave of lit books, with what is asked for beside it."""

    strategy: Literal["sweep"] = "sweep"


class SweepAnswer(Answer):
    """How the order sweeps, where it said so."""

    sweep_style: SweepStyle
    version: int
    min_qty: Dec | None
    wait: Dec = Field(description="Seconds.")
    dealers: Bool
