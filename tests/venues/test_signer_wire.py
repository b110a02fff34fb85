from __future__ import annotations

import msgspec
import pytest

from app.domain.proof import RiskToken
from app.venues.cex.permit import Role
from app.venues.cex.signing import SignedRequest, SignRequest
from app.venues.signer_wire import (
    Configure,
    Grant,
    LoginAsk,
    Ready,
    RefusedAnswer,
    SignAnswer,
    SignAsk,
    decode_answer,
    decode_ask,
    decode_control,
    decode_control_answer,
    encode,
)

TOKEN = RiskToken(b"child", 1, 2, b"mac", 3)


@pytest.mark.parametrize(
    "request_",
    [
        SignRequest(
            "okx",
            "acme",
            "trade/order",
            ("private",),
            "POST",
            {"a": "1", "b": 2, "c": None, "d": {"e": 1.5}},
            TOKEN,
            -7,
        ),
        SignRequest("okx", "acme", "trade/batch-orders", "private", "POST", [{"a": "1"}]),
    ],
)
def test_an_ask_arrives_as_it_left(request_):
    assert decode_ask(encode(SignAsk(request_))) == SignAsk(request_)


@pytest.mark.parametrize("body", [None, "text", b"bytes", ""])
def test_a_signed_request_keeps_the_kind_of_its_body(body):
    signed = SignedRequest("https://x", "POST", {"a": "b"}, body)
    answer = decode_answer(encode(SignAnswer.of(signed)))
    assert isinstance(answer, SignAnswer)
    assert answer.signed() == signed


def test_control_has_its_own_words():
    grant = Grant(Role.CANCEL, ("okx",))
    assert decode_control(encode(grant)) == grant
    ready = Ready(1, (("okx", "acme"),), {"locked": False})
    assert decode_control_answer(encode(ready)) == ready
    with pytest.raises(msgspec.MsgspecError):
        decode_ask(encode(grant))
    with pytest.raises(msgspec.MsgspecError):
        decode_control(encode(LoginAsk("okx", "acme", b"", "sha256", "hex")))
    with pytest.raises(msgspec.MsgspecError):
        decode_answer(b"\x00")
    assert decode_answer(encode(RefusedAnswer({"reason": "x"}))) == RefusedAnswer({"reason": "x"})


def test_the_word_with_the_token_key_does_not_show_it():
    assert "KEYBYTES" not in repr(Configure("/v", "file:/k", {}, "s0", b"KEYBYTES" * 4))
