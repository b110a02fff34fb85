"""The asking side of a channel to the signer: RequestSigner over an inherited socket."""

from __future__ import annotations

import socket
import threading
from typing import Final

import msgspec

from app.domain.errors import Refused, Unavailable
from app.venues.cex.signing import SignedRequest, SignRequest
from app.venues.signer_wire import (
    MAX_FRAME_BYTES,
    Answer,
    Ask,
    KeyIdAnswer,
    KeyIdAsk,
    LoginAnswer,
    LoginAsk,
    RefusedAnswer,
    SignAnswer,
    SignAsk,
    decode_answer,
    encode,
)

# The signer answers in some tens of microseconds; a second without a word means that it is not there.
ANSWER_S: Final = 1.0


class SignerClient:
    """Calls block until the signer has answered; threads take turns. Raises Refused for what it will not sign, and
    Unavailable where it does not answer: the request was then not signed for us, and nothing left.
    """

    def __init__(self, channel: socket.socket) -> None:
        channel.settimeout(ANSWER_S)
        self._channel, self._lock = channel, threading.Lock()

    def key_id(self, venue: str, account: str) -> str:
        answer = self._ask(KeyIdAsk(venue, account))
        assert isinstance(answer, KeyIdAnswer)
        return answer.key_id

    def sign(self, request: SignRequest) -> SignedRequest:
        answer = self._ask(SignAsk(request))
        assert isinstance(answer, SignAnswer)
        return answer.signed()

    def login(self, venue: str, account: str, preimage: bytes, algorithm: str, digest: str) -> str:
        answer = self._ask(LoginAsk(venue, account, preimage, algorithm, digest))
        assert isinstance(answer, LoginAnswer)
        return answer.text

    def close(self) -> None:
        self._channel.close()

    @property
    def is_lost(self) -> bool:
        """Whether nothing will be signed through this channel any more: whoever holds it needs another."""
        return self._channel.fileno() < 0

    def _ask(self, ask: Ask) -> Answer:
        try:
            frame = encode(ask)
        except (TypeError, OverflowError):
            raise Refused(reason="params_malformed") from None
        if len(frame) > MAX_FRAME_BYTES:
            raise Refused(reason="params_too_many", limit=MAX_FRAME_BYTES, value=len(frame))
        with self._lock:
            answer = self._exchange(frame)
        if isinstance(answer, RefusedAnswer):
            raise Refused(**answer.facts)
        return answer

    def _exchange(self, frame: bytes) -> Answer:
        try:
            self._channel.sendall(frame)
            heard = self._channel.recv(MAX_FRAME_BYTES)
        except OSError as error:
            # A late answer must not be taken for the next question's.
            self._channel.close()
            raise Unavailable("signer_unavailable", f"The signer does not answer: {type(error).__name__}.") from None
        try:
            return decode_answer(heard)
        except msgspec.MsgspecError:
            self._channel.close()
            raise Unavailable("signer_unavailable", "The signer is gone.") from None


def signer_channel(descriptor: int) -> SignerClient:
    """The client over a channel that this process inherited as `descriptor`."""
    return SignerClient(socket.socket(fileno=descriptor))
