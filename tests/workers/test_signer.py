"""The signer as it runs: its own process, asked over inherited channels."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import time
from dataclasses import replace
from pathlib import Path

import pytest

from app.domain.enums import Side, TimeInForce
from app.domain.errors import Refused, Unavailable
from app.venues.cex.ccxt_sign import VenueSetup
from app.venues.cex.permit import Role
from app.venues.cex.signing import SignRequest
from app.workers.signer import EpochFile, open_kek
from app.workers.signer_handle import SignerConfig, start_signer
from tests.venues.cex.placements import MARKETS, captured
from tests.venues.vaults import ACCOUNT, make_home, make_token

READ = SignRequest("binance", ACCOUNT, "account", ("private",), "GET", {})
CANCEL = SignRequest("binance", ACCOUNT, "openOrders", ("private",), "DELETE", {"symbol": "BTCUSDT"})


@pytest.fixture
def home(tmp_path):
    return make_home(tmp_path, "binance")


def config(home, **changed) -> SignerConfig:
    return replace(SignerConfig(home.folder, home.kek, {"binance": VenueSetup("binance")}), **changed)


@pytest.fixture
def handle(home):
    handle = start_signer(config(home))
    yield handle
    handle.stop()


def fresh_placement():
    placement = captured(MARKETS[0], Side.BUY, TimeInForce.IOC)
    return replace(placement, terms=replace(placement.terms, deadline_ts_ns=time.time_ns() + 60 * 10**9))


def test_a_signer_signs_over_its_channels_until_they_are_closed(handle):
    assert handle.keys == (("binance", ACCOUNT),)
    client = handle.client(Role.TRADE)
    assert client.key_id("binance", ACCOUNT) == "key-of-binance"
    assert "signature=" in client.sign(READ).url
    placement = fresh_placement()
    token = make_token(handle.token_key, placement.terms)
    signed = client.sign(replace(placement.request, token=token))
    assert isinstance(signed.body, str)
    assert "newClientOrderId" in signed.body
    with pytest.raises(Refused, match="token_spent"):
        client.sign(replace(placement.request, token=token))
    client.close()
    handle.client(Role.READ).close()
    assert handle.is_alive()


def test_it_has_no_listener_no_environment_and_no_secret_argument(handle):
    process = Path(f"/proc/{handle.process.pid}")
    environment = (process / "environ").read_bytes().split(b"\0")
    assert [line.split(b"=")[0] for line in environment if line] == [b"PYTHONPATH"]
    arguments = (process / "cmdline").read_bytes().split(b"\0")
    assert arguments[1:3] == [b"-m", b"app.workers.signer"]
    assert arguments[3].isdigit()
    inodes = set()
    for link in (process / "fd").iterdir():
        with contextlib.suppress(OSError):
            inodes.add(str(link.readlink()).removeprefix("socket:[").removesuffix("]"))
    listening = {
        line.split()[9] for line in (process / "net/tcp").read_text().splitlines()[1:] if line.split()[3] == "0A"
    }
    assert not inodes & listening
    assert handle.protections["undumpable"]
    assert handle.protections["no_core"]
    assert os.getsid(handle.process.pid) == handle.process.pid


def test_a_second_signer_takes_the_pen_from_the_first(home, handle):
    client = handle.client(Role.TRADE)
    placement = fresh_placement()
    younger = start_signer(config(home))
    try:
        assert younger.token_key.epoch == handle.token_key.epoch + 1
        with pytest.raises(Refused, match="token_epoch"):
            client.sign(replace(placement.request, token=make_token(handle.token_key, placement.terms)))
        assert "signature=" in client.sign(READ).url
        heir = younger.client(Role.TRADE)
        with pytest.raises(Refused, match="token_epoch"):
            heir.sign(replace(placement.request, token=make_token(handle.token_key, placement.terms)))
        assert heir.sign(replace(placement.request, token=make_token(younger.token_key, placement.terms))).body
        heir.close()
    finally:
        younger.stop()
        client.close()


def test_without_its_supervisor_it_only_cancels_and_reads(handle):
    trader, watcher = handle.client(Role.TRADE), handle.client(Role.CANCEL)
    handle._control.close()
    assert "signature=" in watcher.sign(CANCEL).url
    with pytest.raises(Unavailable):
        trader.sign(READ)
    assert handle.is_alive()
    watcher.close()
    trader.close()
    assert handle.process.wait(10) == 0


def test_frames_that_are_no_questions_close_their_channel_and_nothing_else(handle):
    for frame in (b"", b"\xc1", b"\x93\x01\x02\x03", os.urandom(4_000)):
        channel = handle.open_channel(Role.TRADE)
        with channel, contextlib.suppress(BrokenPipeError):
            channel.settimeout(5)
            channel.send(frame)
            assert channel.recv(100) == b""
    client = handle.client(Role.READ)
    assert "signature=" in client.sign(READ).url
    client.close()


def test_a_channel_that_never_reads_cannot_hold_the_others_up(handle):
    deaf = handle.open_channel(Role.READ)
    from app.venues.signer_wire import SignAsk, encode

    deaf.settimeout(2)
    with contextlib.suppress(OSError):
        for _ in range(5_000):
            deaf.send(encode(SignAsk(READ)))
    client = handle.client(Role.READ)
    assert "signature=" in client.sign(READ).url
    client.close()
    deaf.close()


def test_a_killed_signer_is_unavailable_and_its_successor_has_another_epoch(home):
    first = start_signer(config(home))
    client = first.client(Role.TRADE)
    os.kill(first.process.pid, signal.SIGKILL)
    with pytest.raises(Unavailable, match="signer"):
        client.sign(READ)
    client.close()
    first.stop()
    second = start_signer(config(home))
    assert second.token_key.epoch == first.token_key.epoch + 1
    second.stop()


def test_a_vault_that_does_not_open_is_told_by_name(home, tmp_path):
    home.kek_path.chmod(0o644)
    with pytest.raises(Refused, match="kek_mode"):
        start_signer(config(home))
    home.kek_path.chmod(0o600)
    for changed, reason in (
        ({"kek": "vault:somewhere"}, "kek_scheme"),
        ({"kek": f"file:{tmp_path / 'none'}"}, "kek_missing"),
        ({"shard": "../s0"}, "shard_name"),
    ):
        with pytest.raises(Refused, match=reason):
            start_signer(config(home, **changed))
    table = json.loads(home.vault.path.read_text())
    table["body"]["rows"][0]["venue"] = "okx"
    home.vault.path.write_text(json.dumps(table))
    with pytest.raises(Refused, match="vault_tampered"):
        start_signer(config(home))


def test_an_epoch_file_rises_and_a_damaged_one_places_nothing(tmp_path):
    first, second = EpochFile(tmp_path, "s0"), EpochFile(tmp_path, "s0")
    assert (first.epoch, second.epoch, first.latest(), EpochFile(tmp_path, "s1").epoch) == (1, 2, 2, 1)
    (tmp_path / "epoch-s0").write_text("x" * 20)
    with pytest.raises(Refused, match="epoch_damaged"):
        first.latest()


def test_a_key_encryption_key_is_named_by_its_scheme(home):
    assert open_kek(home.kek).kek_id.startswith("file:")
    for spec in ("", "file:", "kms:key", str(home.kek_path)):
        with pytest.raises(Refused, match="kek_scheme"):
            open_kek(spec)


def test_a_grant_needs_its_descriptor(handle):
    from app.venues.signer_wire import Grant
    from app.workers.signer_handle import _tell

    with pytest.raises(Refused, match="cannot_grant"):
        _tell(handle._control, Grant(Role.TRADE))
    channel = handle.open_channel(Role.READ, ("binance",))
    assert channel.type is socket.SOCK_SEQPACKET
    channel.close()
