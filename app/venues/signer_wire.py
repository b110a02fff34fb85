"""Words between the signer and who may ask it: one msgpack value a datagram, over inherited sockets without a name.

A channel is a SOCK_SEQPACKET pair: whoever holds its end may ask what its grant allows, and nobody else can. The first
channel is the supervisor's own, `control`; new channels travel through it as descriptors.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from app.venues.cex.ccxt_sign import VenueSetup
from app.venues.cex.permit import Role
from app.venues.cex.signing import SignedRequest, SignRequest

MAX_FRAME_BYTES: Final = 128 * 1024


class KeyIdAsk(msgspec.Struct, frozen=True, array_like=True, tag="key_id"):
    venue: str
    account: str


class SignAsk(msgspec.Struct, frozen=True, array_like=True, tag="sign"):
    request: SignRequest


class LoginAsk(msgspec.Struct, frozen=True, array_like=True, tag="login"):
    venue: str
    account: str
    preimage: bytes
    algorithm: str
    digest: str


class Configure(msgspec.Struct, frozen=True, array_like=True, tag="configure"):
    """The first word on `control`. `token_secret` makes the epoch's risk tokens; it is in no file and no argument.

    `pinned`: the only (account, venue, version) to open, for a look at its rights.
    """

    vault_folder: str
    kek: str
    setups: Mapping[str, VenueSetup]
    shard: str
    token_secret: bytes
    pinned: tuple[str, str, int] | None = None

    def __repr__(self) -> str:
        return f"Configure({self.vault_folder}, {self.shard})"


class Grant(msgspec.Struct, frozen=True, array_like=True, tag="grant"):
    """A new channel, whose end comes with this word. `venues` empty: all that there are keys for."""

    role: Role
    venues: tuple[str, ...] = ()


class Reload(msgspec.Struct, frozen=True, array_like=True, tag="reload"):
    """Reads the vault again: a key was added, rotated, judged or removed."""


class KeyIdAnswer(msgspec.Struct, frozen=True, array_like=True, tag="key_id_is"):
    key_id: str


class SignAnswer(msgspec.Struct, frozen=True, array_like=True, tag="signed"):
    """A SignedRequest; `is_text` tells a text body from bytes."""

    url: str
    method: str
    headers: dict[str, str]
    body: bytes | None
    is_text: bool

    @classmethod
    def of(cls, signed: SignedRequest) -> SignAnswer:
        is_text = isinstance(signed.body, str)
        body = signed.body.encode() if isinstance(signed.body, str) else signed.body
        return cls(signed.url, signed.method, dict(signed.headers), body, is_text)

    def signed(self) -> SignedRequest:
        body = self.body.decode() if self.body is not None and self.is_text else self.body
        return SignedRequest(self.url, self.method, self.headers, body)


class LoginAnswer(msgspec.Struct, frozen=True, array_like=True, tag="logged"):
    text: str


class RefusedAnswer(msgspec.Struct, frozen=True, array_like=True, tag="refused"):
    facts: Mapping[str, str]


class Ready(msgspec.Struct, frozen=True, array_like=True, tag="ready"):
    """Answers `configure` and `reload`. `protections`: what the system granted, by name."""

    epoch: int
    keys: tuple[tuple[str, str], ...]
    protections: Mapping[str, bool]


class Granted(msgspec.Struct, frozen=True, array_like=True, tag="granted"):
    pass


Ask = KeyIdAsk | SignAsk | LoginAsk
Control = Configure | Grant | Reload
Answer = KeyIdAnswer | SignAnswer | LoginAnswer | RefusedAnswer
ControlAnswer = Ready | Granted | RefusedAnswer

_encoder = msgspec.msgpack.Encoder()
_asks = msgspec.msgpack.Decoder(Ask)
_controls = msgspec.msgpack.Decoder(Control)
_answers = msgspec.msgpack.Decoder(Answer)
_control_answers = msgspec.msgpack.Decoder(ControlAnswer)


def encode(word: Ask | Control | Answer | ControlAnswer) -> bytes:
    return _encoder.encode(word)


def decode_ask(frame: bytes) -> Ask:
    """Raises msgspec.MsgspecError for a frame that is no ask."""
    ask: Ask = _asks.decode(frame)
    return ask


def decode_control(frame: bytes) -> Control:
    word: Control = _controls.decode(frame)
    return word


def decode_answer(frame: bytes) -> Answer:
    answer: Answer = _answers.decode(frame)
    return answer


def decode_control_answer(frame: bytes) -> ControlAnswer:
    answer: ControlAnswer = _control_answers.decode(frame)
    return answer
