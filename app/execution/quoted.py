"""Answers to what was asked of hidden liquidity: dealers' quotes as they come, and children as they end."""

from __future__ import annotations

from app.execution import dealers, hidden
from app.execution.context import Context
from app.execution.inputs import Done, Quoted, Reply
from app.execution.parent import advance


def on_quoted(ctx: Context, item: Quoted) -> Reply:
    """Takes a dealer's answer and lets its order go on; of an order that is over it is nobody's."""
    parent = ctx.ledger.open_parents.get(item.order_id)
    if parent is not None:
        dealers.take_quote(ctx, parent, item.quote)
        advance(ctx, parent)
    return Done()


def follow_hidden(ctx: Context) -> None:
    """Writes what came of questions and accepted quotes whose children have ended in this turn."""
    hidden.follow(ctx)
    dealers.follow(ctx)
