"""What every pool can be asked: how much of one token for so much of another, in wei, as its contract answers."""

from __future__ import annotations

from typing import Protocol

from app.domain.errors import PoolRefused


class Pool(Protocol):
    """A pool's state at one block. Tokens are known by their place in the pool."""

    @property
    def n_tokens(self) -> int: ...

    def quote_out_wei(self, in_i: int, out_i: int, amount_in_wei: int) -> int:
        """Wei of token `out_i` for `amount_in_wei` of token `in_i`; PoolRefused where the contract would revert."""
        ...


class TwoWayPool(Pool, Protocol):
    """A pool that can also be asked for an exact output."""

    def quote_in_wei(self, in_i: int, out_i: int, amount_out_wei: int) -> int:
        """Wei of token `in_i` that buy `amount_out_wei` of `out_i`; PoolRefused where the contract would revert."""
        ...


def amount_out_wei(pool: Pool, in_i: int, out_i: int, amount_in_wei: int) -> int:
    """What the pool pays for exactly `amount_in_wei`; PoolRefused where it cannot take all of it."""
    _checked(pool, in_i, out_i, amount_in_wei)
    return pool.quote_out_wei(in_i, out_i, amount_in_wei)


def amount_in_wei(pool: TwoWayPool, in_i: int, out_i: int, amount_out_wei: int) -> int:
    """What the pool asks for exactly `amount_out_wei`; PoolRefused where it cannot pay all of it."""
    _checked(pool, in_i, out_i, amount_out_wei)
    return pool.quote_in_wei(in_i, out_i, amount_out_wei)


def _checked(pool: Pool, in_i: int, out_i: int, amount_wei: int) -> None:
    if in_i == out_i:
        raise PoolRefused(reason="same_token", limit=in_i, value=out_i)
    for token_i in (in_i, out_i):
        if not 0 <= token_i < pool.n_tokens:
            raise PoolRefused(reason="no_such_token", limit=pool.n_tokens, value=token_i)
    if amount_wei <= 0:
        raise PoolRefused(reason="amount", limit=1, value=amount_wei)
