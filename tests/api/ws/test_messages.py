"""The wire's structs: strict inwards, one word per thing."""

from __future__ import annotations

from typing import get_args

import msgspec
import pytest

from app.api.ws import messages as ms

DECODER = msgspec.json.Decoder(ms.ClientMessages)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b'{"op":"auth","id":1,"token":"t"}', ms.Auth(id=1, token="t")),
        (
            b'{"op":"subscribe","id":2,"channel":"executions","symbols":["*"],"snapshot":true,"after_seq":1041}',
            ms.Subscribe(id=2, channel=ms.Channel.EXECUTIONS, symbols=["*"], snapshot=True, after_seq=1041),
        ),
        (b'{"op":"subscribe","channel":"orders"}', ms.Subscribe(channel=ms.Channel.ORDERS)),
        (b'{"op":"unsubscribe","sub":3}', ms.Unsubscribe(sub=3)),
        (b'{"op":"ping","id":"x"}', ms.Ping(id="x")),
    ],
)
def test_documented_messages_decode(text: bytes, expected: msgspec.Struct) -> None:
    assert DECODER.decode(text) == expected


@pytest.mark.parametrize("kind", get_args(ms.ClientMessages))
def test_unknown_members_are_refused(kind: type[msgspec.Struct]) -> None:
    with pytest.raises(msgspec.ValidationError, match="unknown field"):
        msgspec.json.decode(b'{"op":"%b","surprise":1}' % kind.__struct_config__.tag.encode(), type=kind)


@pytest.mark.parametrize("after_seq", [0, 2**53])
def test_sequence_numbers_reach_what_every_json_reader_keeps_exact(after_seq: int) -> None:
    text = b'{"op":"subscribe","channel":"orders","after_seq":%d}' % after_seq
    message = DECODER.decode(text)
    assert isinstance(message, ms.Subscribe)
    assert message.after_seq == after_seq
    with pytest.raises(msgspec.ValidationError):
        DECODER.decode(b'{"op":"subscribe","channel":"orders","after_seq":%d}' % (2**53 + 1))


def test_only_the_accounts_channels_are_sequenced() -> None:
    sequenced = [channel for channel in ms.Channel if channel.is_sequenced]
    assert sequenced == [ms.Channel.ORDERS, ms.Channel.EXECUTIONS, ms.Channel.RISK]


def test_answers_have_an_op_and_what_is_told_has_a_channel() -> None:
    """So that a client tells them apart by one look."""
    for kind in get_args(ms.Replies):
        assert kind.__struct_config__.tag_field == "op"
        assert "channel" not in kind.__struct_fields__
    for kind in get_args(ms.Updates) + get_args(ms.Snapshots):
        assert kind.__struct_config__.tag_field == "channel"
        assert "op" not in kind.__struct_fields__
