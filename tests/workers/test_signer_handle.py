"""What a supervisor does with the handle; the process behind it has its tests in test_signer.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.domain.errors import Refused, Unavailable
from app.venues.cex.ccxt_sign import VenueSetup
from app.venues.cex.permit import Role
from app.workers.signer_handle import SignerConfig, start_signer
from tests.venues.vaults import ACCOUNT, key_row, make_home, secrets


def test_a_handle_reloads_grants_and_stops(tmp_path):
    home = make_home(tmp_path, "okx")
    handle = start_signer(SignerConfig(home.folder, home.kek, {v: VenueSetup(v) for v in ("okx", "bybit")}))
    assert handle.keys == (("okx", ACCOUNT),)
    home.vault.add(key_row("bybit"), secrets())
    assert handle.reload() == handle.keys == (("bybit", ACCOUNT), ("okx", ACCOUNT))
    client = handle.client(Role.READ, ("bybit",))
    assert client.key_id("bybit", ACCOUNT) == "key-of-bybit"
    client.close()
    handle.stop()
    assert not handle.is_alive()
    for ask in (handle.reload, lambda: handle.open_channel(Role.READ)):
        with pytest.raises(Unavailable, match="signer"):
            ask()


def test_a_reload_of_a_damaged_vault_leaves_the_signer_as_it_was(tmp_path):
    home = make_home(tmp_path, "okx")
    handle = start_signer(SignerConfig(home.folder, home.kek, {"okx": VenueSetup("okx")}))
    home.vault.path.write_text("{}")
    with pytest.raises(Refused, match="vault_damaged"):
        handle.reload()
    client = handle.client(Role.READ)
    assert client.key_id("okx", ACCOUNT) == "key-of-okx"
    client.close()
    handle.stop()


def test_a_refused_start_leaves_no_process_and_no_descriptor(tmp_path):
    home = make_home(tmp_path, "okx")
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(2):
        with pytest.raises(Refused, match="kek_missing"):
            start_signer(SignerConfig(home.folder, f"file:{tmp_path}/none", {"okx": VenueSetup("okx")}))
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_the_token_key_is_another_at_each_start_and_shows_itself_nowhere(tmp_path):
    home = make_home(tmp_path, "okx")
    keys = []
    for _ in range(2):
        handle = start_signer(SignerConfig(home.folder, home.kek, {"okx": VenueSetup("okx")}))
        keys.append(handle.token_key)
        assert repr(handle.token_key.secret) not in repr(handle)
        handle.stop()
    assert keys[0].epoch + 1 == keys[1].epoch
    assert keys[0].secret != keys[1].secret
