"""The client's side alone; tests/workers/test_signer.py runs it against the process."""

from __future__ import annotations

import socket

import pytest

from app.domain.errors import Refused, Unavailable
from app.venues import signer
from app.venues.cex.signing import SignRequest
from app.venues.signer import SignerClient, signer_channel
from app.venues.signer_wire import MAX_FRAME_BYTES, KeyIdAnswer, RefusedAnswer, encode

READ = SignRequest("okx", "acme", "account/balance", ("private",), "GET", {})


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    client = signer_channel(ours.detach())
    yield client, theirs
    client.close()
    theirs.close()


def test_a_refusal_is_raised_with_its_facts(pair):
    client, far = pair
    far.send(encode(RefusedAnswer({"reason": "token_missing", "venue": "okx"})))
    with pytest.raises(Refused) as caught:
        client.sign(READ)
    assert caught.value.facts == {"reason": "token_missing", "venue": "okx"}


def test_an_answer_is_taken(pair):
    client, far = pair
    far.send(encode(KeyIdAnswer("kid")))
    assert client.key_id("okx", "acme") == "kid"


@pytest.mark.parametrize("end", ["gone", "babble", "silent"])
def test_no_answer_means_nothing_was_signed_and_the_channel_is_done(pair, end, monkeypatch):
    """A late answer on a channel that goes on would be taken for the next question's."""
    client, far = pair
    if end == "gone":
        far.close()
    elif end == "babble":
        far.send(b"\xc1")
    else:
        monkeypatch.setattr(signer, "ANSWER_S", 0.01)
        client = SignerClient(socket.socket(fileno=client._channel.detach()))
    for _ in range(2):
        with pytest.raises(Unavailable, match="signer"):
            client.sign(READ)
    client.close()


@pytest.mark.parametrize("params", [{"a": object()}, {"a": "x" * MAX_FRAME_BYTES}, {"a": 2**70}])
def test_what_does_not_fit_the_wire_is_refused_here(pair, params):
    with pytest.raises(Refused, match="params"):
        pair[0].sign(SignRequest("okx", "acme", "account/balance", ("private",), "GET", params))
