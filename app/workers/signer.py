"""The signer: the one process that holds venue secrets. It listens nowhere; whoever may ask inherited a socket.

`python -m app.workers.signer FD`, FD being its end of the control channel. It gives up what it does not need before it
opens the vault, and answers datagrams one at a time. When its supervisor is gone it signs no placement any more: it
closes every channel that could, and lives on for those that only cancel and read (the watchdog's) until they are closed
too. Its own errors say a type and no text: a message could quote what it was given. signer_handle.py has the other end.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import selectors
import signal
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from app.domain.errors import Refused
from app.risk.token import TokenKey
from app.venues.cex.endpoints import load_rules
from app.venues.cex.permit import Role
from app.venues.clock import SystemClock
from app.venues.kek import FileKek, KeyEncryptionKey
from app.venues.signer_desk import SignerDesk
from app.venues.signer_wire import (
    MAX_FRAME_BYTES,
    Answer,
    Configure,
    Control,
    ControlAnswer,
    Grant,
    Granted,
    Ready,
    RefusedAnswer,
    decode_ask,
    decode_control,
    encode,
)
from app.venues.vault import Vault
from app.workers.shield import leave_network, shield

if TYPE_CHECKING:
    from _typeshed import FileDescriptorLike

EXIT_BROKEN: Final = 70
MAX_CHANNELS: Final = 256
_EPOCH_BYTES: Final = 20


class EpochFile:
    """A number beside the vault that each start raises: a signer that is not the latest places nothing."""

    def __init__(self, folder: Path, shard: str) -> None:
        """Takes the next epoch, durably. Raises Refused for a shard that is no file name."""
        if not shard.isalnum():
            raise Refused(reason="shard_name", shard=shard[:40])
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        self._descriptor = os.open(folder / f"epoch-{shard}", flags, 0o600)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        self.epoch = self.latest() + 1
        os.pwrite(self._descriptor, f"{self.epoch:0{_EPOCH_BYTES}d}".encode(), 0)
        os.fsync(self._descriptor)
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def latest(self) -> int:
        """Raises Refused where the file holds no number: nothing is placed on a guess."""
        text = os.pread(self._descriptor, _EPOCH_BYTES, 0)
        if text and not text.isdigit():
            raise Refused(reason="epoch_damaged")
        return int(text or b"0")


class Signer:
    """The process's loop over its channels."""

    def __init__(self, control: socket.socket, protections: dict[str, bool]) -> None:
        self._control, self._protections = control, protections
        self._selector = selectors.DefaultSelector()
        self._selector.register(control, selectors.EVENT_READ, None)
        self._desk: SignerDesk | None = None
        self._vault: Vault | None = None
        self._epoch = 0

    def run(self) -> int:
        """Until nobody is left who may ask."""
        while self._selector.get_map():
            for key, _ in self._selector.select():
                channel = key.fileobj
                assert isinstance(channel, socket.socket)
                if channel.fileno() < 0:
                    continue  # closed by a word before it in this round
                if key.data is not None:
                    self._hear(channel, key.data)
                elif not self._hear_control():
                    self._lose_supervisor()
        return 0

    def _lose_supervisor(self) -> None:
        self._close(self._control)
        for key in list(self._selector.get_map().values()):
            if key.data.role is Role.TRADE:
                self._close(key.fileobj)

    def _close(self, channel: FileDescriptorLike) -> None:
        assert isinstance(channel, socket.socket)
        self._selector.unregister(channel)
        channel.close()

    def _hear_control(self) -> bool:
        """One word of the supervisor's; False when it is gone."""
        try:
            frame, descriptors, _, _ = socket.recv_fds(self._control, MAX_FRAME_BYTES, 4)
        except ConnectionError:
            return False
        if not frame:
            return False
        try:
            answer: ControlAnswer = self._obey(decode_control(frame), descriptors)
        except Refused as refusal:
            answer = RefusedAnswer({name: str(value) for name, value in refusal.facts.items()})
        except (msgspec.MsgspecError, OSError, ImportError) as error:
            answer = RefusedAnswer({"reason": "signer_failed", "error": type(error).__name__})
        with contextlib.suppress(ConnectionError):  # the next look at the channel ends this process
            self._control.send(encode(answer))
        return True

    def _obey(self, word: Control, descriptors: list[int]) -> ControlAnswer:
        if isinstance(word, Grant):
            if len(descriptors) != 1 or self._desk is None or len(self._selector.get_map()) > MAX_CHANNELS:
                raise Refused(reason="cannot_grant", n_descriptors=len(descriptors))
            channel = socket.socket(fileno=descriptors[0])
            channel.settimeout(0)
            self._selector.register(channel, selectors.EVENT_READ, word)
            return Granted()
        if isinstance(word, Configure):
            self._configure(word)
        if self._desk is None or self._vault is None:
            raise Refused(reason="not_configured")
        return Ready(self._epoch, self._desk.load(self._vault), self._protections)

    def _configure(self, word: Configure) -> None:
        if self._desk is not None:
            raise Refused(reason="configured_before")
        folder = Path(word.vault_folder)
        self._vault = Vault(folder, open_kek(word.kek))
        epochs = EpochFile(folder, word.shard)
        self._epoch = epochs.epoch
        token_key = TokenKey(self._epoch, word.token_secret)
        self._desk = SignerDesk(word.setups, load_rules(), token_key, SystemClock().wall_ns, epochs.latest, word.pinned)
        self._protections["no_network"] = leave_network()

    def _hear(self, channel: socket.socket, grant: Grant) -> None:
        """One question, one answer; a channel that sends what is no question, or does not read, is closed."""
        try:
            frame = channel.recv(MAX_FRAME_BYTES)
            if not frame:
                raise ConnectionError
            assert self._desk is not None
            try:
                answer: Answer = self._desk.answer(grant, decode_ask(frame))
            except msgspec.MsgspecError:
                raise ConnectionError from None
            except Exception as error:  # noqa: BLE001 - a process rim: what broke here is told by its type alone
                answer = RefusedAnswer({"reason": "signer_failed", "error": type(error).__name__})
            channel.send(encode(answer))
        except OSError:
            self._close(channel)


def open_kek(spec: str) -> KeyEncryptionKey:
    """The key-encryption key that `spec` names: `file:PATH`. A KMS is one more scheme here."""
    scheme, _, rest = spec.partition(":")
    if scheme != "file" or not rest:
        raise Refused(reason="kek_scheme", limit="file:PATH", value=scheme[:16])
    return FileKek(Path(rest))


def main(arguments: list[str]) -> int:
    """The process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's Ctrl-C is the supervisor's
    protections = shield()
    control = socket.socket(fileno=int(arguments[0]))
    try:
        return Signer(control, protections).run()
    except BaseException as error:  # noqa: BLE001 - a process rim: no traceback, for its text could quote a request
        sys.stderr.write(f"signer: {type(error).__name__}\n")
        return EXIT_BROKEN


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
