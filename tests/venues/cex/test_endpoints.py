from __future__ import annotations

import pytest

from app.domain.errors import InvariantBroken
from app.venues.cex.endpoints import TABLE, load_rules
from app.venues.cex.profile_table import profiles
from app.venues.cex.sweep import load_sweeps

TEN = {"binance", "okx", "bybit", "kraken", "coinbase", "deribit", "bitget", "kucoin", "gate", "htx"}


def table(tmp_path, text: str):
    path = tmp_path / "endpoints.toml"
    path.write_text(text)
    return path


def place(**changed: str) -> str:
    """A sound table of one placement, with some lines changed."""
    lines = {
        "head": "[x]\nlogin = []",
        "read": 'read = ["private GET balance"]',
        "cancel": 'cancel = ["private DELETE order"]',
        "place": '[[x.place]]\nendpoint = "private POST order"',
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
        place(head="[x]\nlogin = []\nwithdraw = []"),
    ],
)
def test_a_table_that_allows_too_much_or_says_too_little_is_refused(tmp_path, text):
    with pytest.raises(InvariantBroken):
        load_rules(table(tmp_path, text))


def test_the_shipped_table_names_no_way_out():
    text = TABLE.read_text().lower()
    rules = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    assert not [word for word in ("withdraw", "transfer", "sub-account", "subaccount", 'leverage"') if word in rules]
