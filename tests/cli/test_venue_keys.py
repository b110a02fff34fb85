"""`bestex keys venue` as a desk uses it, against a local exchange; never a secret in what it says."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
from typer.testing import CliRunner

from app.cli import keys, venues
from app.cli.exits import CommandError
from tests.venues.exchange.server import LocalExchange
from tests.venues.vaults import CANARY, PASSPHRASE

TOLD = {"key": "okx-sound", "secret": CANARY, "passphrase": PASSPHRASE}


@pytest.fixture(scope="module")
def server() -> Iterator[LocalExchange]:
    with LocalExchange(["okx"]) as server:
        for name, rights in (("sound", ("read", "trade")), ("rich", ("read", "trade", "withdraw"))):
            server.control.account("okx", name, f"okx-{name}", CANARY, PASSPHRASE, permissions=rights)
        server.control.account("okx", "next", "okx-next", CANARY, PASSPHRASE, permissions=("read", "trade", "ip"))
        yield server


@pytest.fixture
def venue_keys(server, tmp_path):
    def run(*arguments: str, told: dict[str, str] | str = ""):
        where = ["--home", str(tmp_path)]
        if arguments[0] in ("add", "rotate", "check") and "--no-check" not in arguments:
            where += ["--base-url", f"http://127.0.0.1:{server.port}"]
        text = told if isinstance(told, str) else json.dumps(told)
        done = CliRunner().invoke(keys.app, ["venue", *arguments, *where], input=text)
        assert CANARY not in done.output + repr(done.exception)
        assert PASSPHRASE not in done.output + repr(done.exception)
        return done

    return run


def code(done) -> str:
    assert isinstance(done.exception, CommandError), (done.output, done.exception)
    return str(done.exception.problem["code"])


def add(run, *more: str, **changed: str):
    return run("add", "okx", "--account", "acme", "--stdin", *more, told=TOLD | changed)


def test_a_key_is_added_listed_rotated_and_removed(venue_keys, tmp_path):
    done = add(venue_keys)
    assert done.exit_code == 0, done.exception
    assert "okx acme version 1: okx-sound, safe" in done.output
    assert "not bound to addresses" in done.stderr
    assert (tmp_path / "vault.kek").stat().st_mode & 0o777 == 0o600
    done = venue_keys("rotate", "okx", "--account", "acme", "--stdin", told=TOLD | {"key": "okx-next"})
    assert "version 2" in done.output
    assert "warning" not in done.stderr
    rows = json.loads(venue_keys("list", "-o", "json").stdout)
    assert [(row["version"], row["verdict"], row["ip_bound"]) for row in rows] == [
        (1, "safe", "no"),
        (2, "safe", "yes"),
    ]
    assert "removed version 1" in venue_keys("remove", "okx", "--account", "acme", "--version", "1").output
    assert "okx-next" in venue_keys("check", "okx", "--account", "acme").output


def test_a_key_that_can_withdraw_is_refused_and_forgotten(venue_keys):
    assert code(add(venue_keys, key="okx-rich")) == "key_can_withdraw"
    assert json.loads(venue_keys("list", "-o", "json").stdout) == []


def test_a_check_of_the_venue_says_what_the_key_may_do_and_stores_nothing(venue_keys, server, tmp_path):
    add(venue_keys)

    def told() -> list[dict[str, str]]:
        base_url = f"http://127.0.0.1:{server.port}"
        done = CliRunner().invoke(
            venues.app, ["check", "okx", "--home", str(tmp_path), "--base-url", base_url, "-o", "json"]
        )
        return [row for row in json.loads(done.stdout) if row["check"].startswith("key")]

    (row,) = told()
    assert (row["check"], row["verdict"]) == ("key acme v1", "ok")
    assert row["found"] == "okx-sound, stored as safe: withdraw no, transfer no, bound to addresses no"
    server.call(lambda: setattr(server.exchanges["okx"].accounts["sound"], "permissions", ("read", "withdraw")))
    try:
        (row,) = told()
        assert (row["verdict"], "key_can_withdraw" in row["found"]) == ("failed", True)
    finally:
        server.call(lambda: setattr(server.exchanges["okx"].accounts["sound"], "permissions", ("read", "trade")))
    assert json.loads(venue_keys("list", "-o", "json").stdout)[0]["verdict"] == "safe"


def test_a_venue_that_does_not_tell_needs_the_desks_word(venue_keys):
    told = TOLD | {"key": "k"}
    refused = venue_keys("add", "poloniex", "--account", "acme", "--stdin", told=told)
    assert code(refused) == "key_rights_unknown"
    done = venue_keys("add", "poloniex", "--account", "acme", "--stdin", "--allow-unknown", told=told)
    assert "unknown_allowed" in done.output


def test_what_was_not_checked_places_nothing_and_says_so(venue_keys):
    assert "unchecked" in add(venue_keys, "--no-check").output
    assert "safe" in venue_keys("check", "okx", "--account", "acme").output


@pytest.mark.parametrize("told", ["", "{", "[]", '{"key": "k"}', json.dumps(TOLD | {"surprise": "x"}), CANARY])
def test_what_is_no_key_on_stdin_is_refused_without_its_text(venue_keys, told):
    done = venue_keys("add", "okx", "--account", "acme", "--stdin", "--no-check", told=told)
    assert isinstance(done.exception, CommandError)
    assert "stdin" in done.exception.detail


def test_without_a_terminal_it_does_not_ask(venue_keys):
    done = venue_keys("add", "okx", "--account", "acme", "--no-check", told=f"k\n{CANARY}\n")
    assert isinstance(done.exception, CommandError)
    assert "--stdin" in done.exception.detail


def test_a_second_key_or_a_lost_one_is_refused(venue_keys, tmp_path):
    add(venue_keys, "--no-check")
    assert code(add(venue_keys, "--no-check")) == "key_exists"
    assert code(venue_keys("remove", "okx", "--account", "acme", "--version", "3")) == "no_such_key"
    assert isinstance(venue_keys("check", "okx", "--account", "other").exception, CommandError)
    (tmp_path / "vault.kek").unlink()
    assert code(venue_keys("list")) == "kek_missing"
    assert code(add(venue_keys, "--no-check")) == "kek_missing"


def test_no_command_takes_a_secret_as_an_argument():
    """Arguments are in the process list, in shell histories and in logs."""
    for verb in ("add", "rotate", "check", "remove", "list"):
        done = CliRunner().invoke(keys.app, ["venue", verb, "--help"], env={"COLUMNS": "200"})
        options = set(re.findall(r"--([a-z-]+)", done.output))
        assert not options & {"secret", "passphrase", "password", "api-key", "api-secret", "key"}, verb


def test_help_loads_neither_ccxt_nor_cryptography():
    script = (
        "import sys\nfrom typer.testing import CliRunner\nfrom app.cli import keys\n"
        "CliRunner().invoke(keys.app, ['venue', '--help'])\n"
        "print([m for m in ('ccxt', 'cryptography', 'msgspec', 'numpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
