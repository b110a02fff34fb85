"""A key's rights, asked over the wire of a local exchange."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from app.domain.errors import Refused, Unavailable
from app.venues.cex.ccxt_sign import VenueSetup
from app.venues.cex.signing import SignedRequest
from app.venues.vault import Verdict
from app.workers.key_check import check_key, fetch_json
from app.workers.signer_handle import SignerConfig
from tests.venues.exchange.server import LocalExchange
from tests.venues.vaults import CANARY, PASSPHRASE, key_row, make_home, secrets


@pytest.fixture(scope="module")
def server() -> Iterator[LocalExchange]:
    with LocalExchange(["binance", "okx"]) as server:
        for venue in ("binance", "okx"):
            for name, rights in (
                ("sound", ("read", "trade", "ip")),
                ("open", ("read", "trade")),
                ("rich", ("read", "trade", "withdraw", "ip")),
            ):
                server.control.account(venue, name, f"{venue}-{name}", CANARY, PASSPHRASE, permissions=rights)
        yield server


@pytest.fixture
def check(server, tmp_path):
    home = make_home(tmp_path)

    def act(venue: str, key_id: str, base_url: str = "", *, is_unknown_allowed: bool = False, verb: str = "add"):
        row = getattr(home.vault, verb)(key_row(venue, key_id, verdict=Verdict.UNCHECKED), secrets())
        setup = VenueSetup(venue, base_url=base_url or f"http://127.0.0.1:{server.port}")
        config = SignerConfig(home.folder, home.kek, {venue: setup})
        return check_key(home.vault, row, config, is_unknown_allowed=is_unknown_allowed)

    act.vault = home.vault
    return act


@pytest.mark.parametrize("venue", ["binance", "okx"])
def test_a_key_that_cannot_move_money_may_place(check, venue):
    row, rights = check(venue, f"{venue}-sound")
    assert row.verdict is Verdict.SAFE
    assert check.vault.rows() == [row]
    assert rights.is_ip_bound


def test_a_key_of_any_address_is_taken_and_said_to_be_one(check):
    row, _ = check("binance", "binance-open")
    assert (row.verdict, row.is_ip_bound) == (Verdict.SAFE, False)


@pytest.mark.parametrize("venue", ["binance", "okx"])
def test_a_key_that_can_withdraw_is_refused(check, venue):
    with pytest.raises(Refused, match="key_can_withdraw"):
        check(venue, f"{venue}-rich")
    assert check.vault.rows()[0].verdict is Verdict.UNCHECKED


def test_the_newer_version_is_the_one_that_is_looked_at(check):
    check("binance", "binance-sound")
    with pytest.raises(Refused, match="key_can_withdraw"):
        check("binance", "binance-rich", verb="rotate")


def test_a_venue_that_does_not_tell_is_refused_unless_allowed(check):
    with pytest.raises(Refused, match="key_rights_unknown"):
        check("poloniex", "p")
    check.vault.remove("acme", "poloniex", 1)
    row, _ = check("poloniex", "p", is_unknown_allowed=True)
    assert row.verdict is Verdict.UNKNOWN_ALLOWED


def test_a_venue_that_is_away_or_says_no_leaves_the_key_unchecked(check):
    with pytest.raises(Unavailable, match="not reached"):
        check("binance", "binance-sound", "http://127.0.0.1:9")
    with pytest.raises(Unavailable, match="answers 40"):
        check("okx", "nobody")
    assert {row.verdict for row in check.vault.rows()} == {Verdict.UNCHECKED}


def test_an_answer_that_is_no_json_is_none(server):
    with pytest.raises(Unavailable):
        fetch_json(SignedRequest(f"http://127.0.0.1:{server.port}/nowhere", "GET"))
