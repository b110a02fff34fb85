from __future__ import annotations

import copy
import json
import pickle
from dataclasses import replace

import pytest

from app.domain.errors import Refused
from app.venues.kek import FileKek
from app.venues.vault import Secret, Vault, Verdict, current_rows, masked

from .vaults import ACCOUNT, CANARY, PASSPHRASE, key_row, make_home, secrets


@pytest.fixture
def home(tmp_path):
    return make_home(tmp_path, "okx", "binance")


def edit(home, change) -> None:
    """Rewrites the file as a hand would that has no key."""
    table = json.loads(home.vault.path.read_text())
    change(table["body"])
    home.vault.path.write_text(json.dumps(table))


def test_secrets_come_back_whole_and_only_to_who_asks(home):
    row = home.vault.rows()[1]
    opened = home.vault.secrets_of(row)
    assert (opened.secret.reveal(), opened.passphrase.reveal()) == (CANARY, PASSPHRASE)
    assert CANARY not in repr(opened)
    assert CANARY not in f"{opened.secret!s} {opened.secret!r}"
    for travel in (pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError, match="does not travel"):
            travel(opened.secret)


def test_the_file_holds_no_secret_and_is_its_owners_alone(home):
    text = home.vault.path.read_bytes()
    assert CANARY.encode() not in text
    assert PASSPHRASE.encode() not in text
    assert home.vault.path.stat().st_mode & 0o777 == 0o600
    assert home.folder.stat().st_mode & 0o777 == 0o700


def test_another_key_encryption_key_opens_nothing(home, tmp_path):
    with pytest.raises(Refused, match="other_kek"):
        Vault(home.folder, FileKek.create(tmp_path / "other.kek")).rows()


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body["rows"][0].update(venue="kraken"),
        lambda body: body["rows"][0].update(account="other"),
        lambda body: body["rows"][0].update(key_id="other"),
        lambda body: body["rows"][0].update(version=2),
        lambda body: body["rows"][0].update(verdict="unknown_allowed"),
        lambda body: body["rows"].pop(),
        lambda body: body["rows"].append(body["rows"][0]),
        lambda body: body["rows"][0].update(sealed=body["rows"][1]["sealed"]),
        lambda body: body["wrapped"].update({ACCOUNT: body["wrapped"][""]}),
        lambda body: body["wrapped"].pop(ACCOUNT),
    ],
)
def test_a_file_changed_by_another_hand_is_refused(home, change):
    edit(home, change)
    with pytest.raises(Refused, match="vault_tampered"):
        home.vault.rows()


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"body": {}, "mac": ""}', '{"body": 1, "mac": "00"}'])
def test_a_damaged_file_is_refused_by_name(home, text):
    home.vault.path.write_text(text)
    with pytest.raises(Refused, match="vault_damaged"):
        home.vault.rows()
    with pytest.raises(Refused, match="vault_damaged"):
        home.vault.add(key_row("kraken"), secrets())
    assert home.vault.path.read_text() == text


def test_every_flipped_byte_is_found(home):
    text = bytearray(home.vault.path.read_bytes())
    n_found = 0
    for at in range(0, len(text), 7):
        flipped = bytearray(text)
        flipped[at] ^= 1
        home.vault.path.write_bytes(flipped)
        try:
            rows = home.vault.rows()
        except Refused:
            n_found += 1
        else:  # white space between the words of the file
            assert json.loads(flipped) == json.loads(text)
            assert len(rows) == 2
    assert n_found > len(text) // 10


def test_a_ciphertext_in_another_row_does_not_open(home, monkeypatch):
    """Even with the file's own MAC out of the way, the row's place is bound to its text."""
    monkeypatch.setattr(Vault, "_mac", lambda *_: b"")
    table = json.loads(home.vault.path.read_text())
    first, second = table["body"]["rows"]
    first["sealed"], second["sealed"] = second["sealed"], first["sealed"]
    home.vault.path.write_text(json.dumps(table | {"mac": ""}))
    for row in home.vault.rows():
        with pytest.raises(Refused, match="does_not_open"):
            home.vault.secrets_of(row)


def test_two_versions_live_beside_each_other_and_a_third_is_refused(home):
    newer = home.vault.rotate(key_row("okx", "second"), secrets("c2Vjb25k"))
    assert newer.version == 2
    with pytest.raises(Refused, match="too_many_versions"):
        home.vault.rotate(key_row("okx", "third"), secrets())
    assert current_rows(home.vault.rows())[(ACCOUNT, "okx")] == newer
    home.vault.remove(ACCOUNT, "okx", 1)
    assert home.vault.secrets_of(newer).secret.reveal() == "c2Vjb25k"
    assert home.vault.rotate(key_row("okx", "third"), secrets()).version == 3


def test_an_unchecked_newer_key_does_not_take_the_pen(home):
    newer = home.vault.rotate(key_row("okx", "second", verdict=Verdict.UNCHECKED), secrets())
    assert current_rows(home.vault.rows())[(ACCOUNT, "okx")].version == 1
    judged = home.vault.judge(newer, Verdict.SAFE, None)
    assert current_rows(home.vault.rows())[(ACCOUNT, "okx")] == judged
    with pytest.raises(Refused, match="no_such_key"):
        home.vault.judge(newer, Verdict.SAFE, None)


def test_what_cannot_be_is_refused(home):
    for act, reason in (
        (lambda: home.vault.add(key_row("okx", "new"), secrets()), "key_exists"),
        (lambda: home.vault.add(key_row("okx", account="other"), secrets()), "key_exists"),
        (lambda: home.vault.rotate(key_row("kraken"), secrets()), "no_such_key"),
        (lambda: home.vault.add(key_row("kraken"), secrets("")), "key_incomplete"),
        (lambda: home.vault.add(key_row("kraken", account=""), secrets()), "key_incomplete"),
        (lambda: home.vault.remove(ACCOUNT, "kraken", 1), "no_such_key"),
        (lambda: home.vault.secrets_of(replace(home.vault.rows()[0], version=9)), "no_such_key"),
    ):
        with pytest.raises(Refused, match=reason):
            act()


def test_a_missing_vault_is_an_empty_one(tmp_path):
    assert Vault(tmp_path / "none", FileKek.create(tmp_path / "kek")).rows() == []


def test_the_last_key_of_an_account_takes_its_data_key_along(home):
    for venue in ("okx", "binance"):
        home.vault.remove(ACCOUNT, venue, 1)
    assert list(json.loads(home.vault.path.read_text())["body"]["wrapped"]) == [""]


def test_key_ids_are_shown_in_part():
    assert masked("organizations/1234-5678") == "organi...78"
    assert masked("short") == "short"
    assert not Secret("")
