from __future__ import annotations

import re

import pytest

from app.domain.errors import InvariantBroken
from app.venues.cex.endpoints import load_rules
from app.venues.cex.profile_table import profiles
from app.venues.cex.sweep import load_sweeps

TEN = {"binance", "okx", "bybit", "kraken", "coinbase", "deribit", "bitget", "kucoin", "gate", "htx"}


def table(tmp_path, text: str):
    path = tmp_path / "venues.toml"
    path.write_text(text)
    return path


def place(**changed: str) -> str:
    """A sound table of one placement, with some lines changed."""
    lines = {
        "head": '[venues.x]\nccxt_id = "x"\n[venues.x.signing]\nlogin = []',
        "read": 'read = ["private GET balance"]',
        "cancel": 'cancel = ["private DELETE order"]',
        "place": '[[venues.x.signing.place]]\nendpoint = "private POST order"',
        "kinds": 'kinds = ["spot"]',
        "params": 'params = { a = "symbol", b = "side", c = "tif", d = "qty", e = "price", f = "client_id" }',
    }
    return "\n".join((lines | changed).values())


def test_every_venue_of_the_table_can_be_read_and_ten_can_place():
    rules = load_rules()
    assert {profile.ccxt_id for profile in profiles().values()} <= rules.keys()
    assert {venue for venue, rule in rules.items() if rule.places} >= TEN
    for venue in TEN:
        assert {str(endpoint) for endpoint in profiles()[venue].placement} <= rules[venue].places.keys()
        assert rules[venue].cancel


def test_whatever_empties_an_account_is_a_read_or_a_cancel():
    rules = load_rules()
    for ccxt_id, sweep in load_sweeps().items():
        for step in (*sweep.steps, *sweep.dead_man):
            assert step.call in rules[ccxt_id].read | rules[ccxt_id].cancel, step
            assert not step.each or step.each in rules[ccxt_id].cancel, step
    assert load_sweeps().keys() >= TEN


def test_a_sound_table_is_read(tmp_path):
    rule = load_rules(table(tmp_path, place()))["x"]
    assert rule.read == {"private GET balance"}
    assert list(rule.places) == ["private POST order"]


@pytest.mark.parametrize(
    "text",
    [
        place(read='read = ["sapi POST capital/withdraw/apply"]'),
        place(read='read = ["private POST asset/transfer"]'),
        place(read='read = ["private GET sub-account/list"]'),
        place(read='read = ["private GET balance", "private DELETE order"]'),
        place(cancel='cancel = ["private POST order"]'),
        place(read='read = ["private GET balance?x=1"]'),
        place(params='params = { a = "symbol", b = "side", c = "tif", d = "qty", e = "price" }'),
        place(params='params = { a = "symbol", b = "side", c = "tif", d = "quantity", e = "price", f = "client_id" }'),
        place(kinds='kinds = ["spot"]\nsurprise = 1'),
        place(head='[venues.x]\nccxt_id = "x"\n[venues.x.signing]\nlogin = []\nwithdraw = []'),
    ],
)
def test_a_table_that_allows_too_much_or_says_too_little_is_refused(tmp_path, text):
    with pytest.raises(InvariantBroken):
        load_rules(table(tmp_path, text))


def test_the_shipped_table_names_no_way_out():
    for rule in load_rules().values():
        named = [*rule.read, *rule.cancel, *rule.places]
        named += [name for places in rule.places.values() for place in places for name in place.params]
        ways_out = re.compile(r"withdraw|transfer|sub.?account|(set|change|/)leverage$", re.IGNORECASE)
        assert not [name for name in named if ways_out.search(name)], rule.venue


def test_a_row_can_be_like_another_that_has_a_part_of_its_own(tmp_path):
    like = '\n[venues.y]\nccxt_id = "y"\n[venues.y.signing]\nlike = "x"'
    rules = load_rules(table(tmp_path, place() + like))
    assert rules["y"].places == rules["x"].places
    for unsound in (like.replace('"x"', '"z"'), like + "\nread = []"):
        with pytest.raises(InvariantBroken):
            load_rules(table(tmp_path, place() + unsound))
