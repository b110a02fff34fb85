"""The supervisor's handle on the signer process: starts it, gives it its key through a pipe, opens channels to it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

from app.domain.errors import Refused, Unavailable
from app.risk.token import KEY_BYTES, TokenKey
from app.venues.cex.ccxt_sign import VenueSetup
from app.venues.cex.permit import Role
from app.venues.signer import SignerClient
from app.venues.signer_wire import (
    MAX_FRAME_BYTES,
    Configure,
    Control,
    ControlAnswer,
    Grant,
    Granted,
    Ready,
    RefusedAnswer,
    Reload,
    decode_control_answer,
    encode,
)
from app.workers.ending import end_within

# It imports ccxt (a second on a busy machine) before it is ready.
START_S: Final = 30.0
END_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class SignerConfig:
    """`setups` by venue id. `kek`: where the key-encryption key is, as `file:PATH`."""

    vault_folder: Path
    kek: str
    setups: Mapping[str, VenueSetup]
    shard: str = "s0"
    pinned: tuple[str, str, int] | None = None


@dataclass(slots=True)
class SignerHandle:
    """A running signer. `keys`: the (venue, account) it can sign for; `token_key`: what the engine mints under."""

    process: subprocess.Popen[bytes]
    token_key: TokenKey
    keys: tuple[tuple[str, str], ...]
    protections: Mapping[str, bool]
    _control: socket.socket = field(repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def open_channel(self, role: Role, venues: tuple[str, ...] = ()) -> socket.socket:
        """A new channel's end, to hand to one process (it is inheritable there by its number). No `venues`: all."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with self._lock:
                answer = _tell(self._control, Grant(role, venues), theirs.fileno())
        except (Refused, Unavailable):
            ours.close()
            raise
        finally:
            theirs.close()
        assert isinstance(answer, Granted)
        return ours

    def client(self, role: Role, venues: tuple[str, ...] = ()) -> SignerClient:
        """A channel of this process's own."""
        return SignerClient(self.open_channel(role, venues))

    def reload(self) -> tuple[tuple[str, str], ...]:
        """Reads the vault again after `bestex keys venue` changed it."""
        with self._lock:
            answer = _tell(self._control, Reload())
        assert isinstance(answer, Ready)
        self.keys = answer.keys
        return answer.keys

    def is_alive(self) -> bool:
        return self.process.poll() is None

    def stop(self) -> None:
        """Ends it; with it end all channels. A successor has another epoch: what was minted before is void."""
        self._control.close()
        end_within(self.process, END_S)


def start_signer(config: SignerConfig) -> SignerHandle:
    """A signer that has opened its vault. Raises Refused where that fails, Unavailable where the process does.

    Its environment is empty but for the module path, so nothing secret can be in it.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-m", "app.workers.signer", str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            env={"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            start_new_session=True,
        )
    finally:
        theirs.close()
    secret = os.urandom(KEY_BYTES)
    ours.settimeout(START_S)
    word = Configure(str(config.vault_folder), config.kek, config.setups, config.shard, secret, config.pinned)
    try:
        answer = _tell(ours, word)
    except (Refused, Unavailable):
        ours.close()
        end_within(process, END_S)
        raise
    assert isinstance(answer, Ready)
    return SignerHandle(process, TokenKey(answer.epoch, secret), answer.keys, answer.protections, ours)


def _tell(control: socket.socket, word: Control, descriptor: int = -1) -> ControlAnswer:
    try:
        socket.send_fds(control, [encode(word)], [descriptor] if descriptor >= 0 else [])
        answer = decode_control_answer(control.recv(MAX_FRAME_BYTES))
    except (OSError, msgspec.MsgspecError) as error:
        raise Unavailable("signer_unavailable", f"The signer does not answer: {type(error).__name__}.") from None
    if isinstance(answer, RefusedAnswer):
        raise Refused(**answer.facts)
    return answer
