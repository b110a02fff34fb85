"""Keys: 32 random bytes, only hashes stored, proven in constant time, gone at once."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.enums import Mode, Scope
from app.domain.errors import BadRequest
from app.services.accounts import OPERATOR_ACCOUNT, TOKEN_LENGTH, Accounts, Principal, hash_token, new_key
from tests.api.gateway import Gateway, open_gateway


@pytest.fixture
async def gateway():
    async with open_gateway() as opened:
        yield opened


def test_a_token_is_its_prefix_and_a_secret() -> None:
    keys = [new_key() for _ in range(200)]
    for key in keys:
        assert re.fullmatch(r"bx_[a-z0-9]{8}_[A-Za-z0-9_-]{43}", key.token)
        assert key.token.split("_")[1] == key.prefix
        assert key.key_sha256 == hash_token(key.token)
        assert (len(key.key_sha256), len(key.token)) == (64, TOKEN_LENGTH)
    assert len({key.token for key in keys}) == len(keys)


def test_the_operator_has_a_name() -> None:
    assert Principal(OPERATOR_ACCOUNT, "p", frozenset(), Mode.PAPER).is_operator
    assert Principal("desk", "p", frozenset(), Mode.PAPER).actor == "desk/p"


async def test_a_key_is_a_fact_that_proves_its_token(gateway: Gateway) -> None:
    accounts = Accounts(gateway.engine)
    token, fact = await accounts.create("desk", [Scope.TRADE, Scope.READ, Scope.READ], Mode.PAPER)
    principal = accounts.authenticate(token)
    assert principal is not None
    assert (principal.account, principal.scopes) == ("desk", {Scope.READ, Scope.TRADE})
    assert fact.scopes == (Scope.READ, Scope.TRADE)
    assert token not in str(fact)
    assert fact in accounts.all_keys()
    assert await accounts.revoke(fact.prefix, "test") == fact
    assert accounts.authenticate(token) is None
    assert await accounts.revoke(fact.prefix, "test") is None


async def test_a_changed_token_is_nobodys(gateway: Gateway) -> None:
    accounts = gateway.services.accounts
    token = gateway.tokens["desk"]
    assert accounts.authenticate(token) is not None
    for i in range(len(token)):
        for letter in "aB0_":
            if token[i] != letter:
                assert accounts.authenticate(token[:i] + letter + token[i + 1 :]) is None
    other = gateway.tokens["rival"]
    assert accounts.authenticate(token[:12] + other[12:]) is None


@given(text=st.text(max_size=80))
def test_no_text_is_a_key(text: str) -> None:
    nobody = SimpleNamespace(ledger=SimpleNamespace(keys={}))
    for odd in (text, text.ljust(TOKEN_LENGTH)[:TOKEN_LENGTH], "\ud800" * TOKEN_LENGTH):
        assert Accounts(nobody).authenticate(odd) is None  # type: ignore[arg-type]


async def test_keys_without_scopes_or_with_odd_names_are_refused(gateway: Gateway) -> None:
    accounts = gateway.services.accounts
    with pytest.raises(BadRequest):
        await accounts.create("desk", [], Mode.PAPER)
    for name in ("", "a b", "x" * 65, "**", "é"):
        with pytest.raises(BadRequest):
            await accounts.create(name, [Scope.READ], Mode.PAPER)
