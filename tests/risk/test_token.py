from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.enums import Mode
from app.domain.errors import InvariantBroken, Refused
from app.domain.proof import terms_of
from app.execution.inputs import SendChild, Submit
from app.risk.token import KEY_BYTES, TokenKey, TokenMint, check_token, token_mac
from tests.worlds import BTC_USDT, make_desk, make_order

KEY = TokenKey(3, b"k" * KEY_BYTES)


@pytest.fixture(scope="module")
def minted():
    """A child that the real gate approved, and its token."""
    desk = make_desk()
    turn = desk.turn(Submit(make_order(), Mode.PAPER))
    approved = next(command.approved for command in turn.commands if isinstance(command, SendChild))
    mint = TokenMint(KEY, desk.core.world.universe)
    return approved, mint.mint(approved), mint


def test_a_token_proves_the_child_that_the_gate_approved(minted):
    approved, token, mint = minted
    listing = mint.universe.instruments[(approved.value.venue, approved.value.symbol)]
    assert check_token(KEY, token) == terms_of(approved.value, listing, BTC_USDT)
    assert (token.limits_version, token.decision_seq) == (approved.limits_version, approved.decision_seq)


def test_what_was_not_approved_gets_no_token(minted):
    approved, _, mint = minted
    with pytest.raises(InvariantBroken, match="not approved"):
        mint.mint(approved.value)
    stranger = replace(approved, value=replace(approved.value, venue="nowhere"))
    with pytest.raises(InvariantBroken, match="no such listing"):
        mint.mint(stranger)


def test_another_epoch_is_refused_even_under_the_same_key(minted):
    _, token, _ = minted
    for epoch in (2, 4):
        with pytest.raises(Refused, match="token_epoch"):
            check_token(TokenKey(epoch, KEY.secret), token)
        with pytest.raises(Refused, match="token_mac"):
            check_token(TokenKey(epoch, KEY.secret), replace(token, epoch=epoch))


@pytest.mark.parametrize("field", ["limits_version", "decision_seq"])
@pytest.mark.parametrize("value", [0, -1, 2**63, 8_888])
def test_a_changed_number_is_refused(minted, field, value):
    with pytest.raises(Refused, match=r"token_mac|token_malformed"):
        check_token(KEY, replace(minted[1], **{field: value}))


@given(st.data())
def test_any_flipped_bit_of_child_or_mac_is_refused(minted, data):
    token = minted[1]
    field = data.draw(st.sampled_from(["child", "mac"]))
    octets = bytearray(getattr(token, field))
    at = data.draw(st.integers(0, len(octets) * 8 - 1))
    octets[at // 8] ^= 1 << at % 8
    with pytest.raises(Refused, match="token_mac"):
        check_token(KEY, replace(token, **{field: bytes(octets)}))


@pytest.mark.parametrize("mac", [b"", b"x", b"\0" * 32])
def test_a_mac_of_another_length_or_none_is_refused(minted, mac):
    with pytest.raises(Refused, match="token_mac"):
        check_token(KEY, replace(minted[1], mac=mac))


def test_a_child_without_bound_is_refused_before_anything_is_computed(minted):
    child = b"x" * 2_000
    token = replace(minted[1], child=child, mac=token_mac(KEY, child, 1, 1, 3))
    with pytest.raises(Refused, match="token_malformed"):
        check_token(KEY, token)


def test_the_key_shows_itself_nowhere():
    assert "k" * 8 not in repr(KEY)
    for secret, epoch in ((b"short", 1), (b"k" * KEY_BYTES, 0)):
        with pytest.raises(InvariantBroken):
            TokenKey(epoch, secret)
