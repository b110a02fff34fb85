"""The signer's whole decision, without its process: grants, verdicts, epochs, tokens spent once and in time."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.domain.enums import Side, TimeInForce
from app.risk.token import KEY_BYTES, TokenKey
from app.venues.cex.ccxt_sign import VenueSetup
from app.venues.cex.endpoints import load_rules
from app.venues.cex.permit import Role
from app.venues.cex.signing import SignRequest
from app.venues.signer_desk import MAX_DEADLINE_NS, SignerDesk
from app.venues.signer_wire import (
    Grant,
    KeyIdAnswer,
    KeyIdAsk,
    LoginAnswer,
    LoginAsk,
    RefusedAnswer,
    SignAnswer,
    SignAsk,
)
from app.venues.vault import Verdict
from tests.venues.cex.placements import MARKETS, T0_NS, all_placements, captured

from .vaults import ACCOUNT, CANARY, PASSPHRASE, key_row, make_home, make_token, secrets

VENUES = sorted({market[0] for market in MARKETS})
KEY = TokenKey(3, b"t" * KEY_BYTES)
TRADE = Grant(Role.TRADE)
SECOND_NS = 1_000_000_000


class Now:
    """A clock and an epoch in the hand."""

    ns = T0_NS - SECOND_NS
    epoch = 3


@pytest.fixture
def now():
    return Now()


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return make_home(tmp_path_factory.mktemp("desk"), *VENUES)


def make_desk(home, now, *venues: str) -> SignerDesk:
    setups = {venue: VenueSetup(venue) for venue in venues or VENUES}
    desk = SignerDesk(setups, load_rules(), KEY, lambda: now.ns, lambda: now.epoch)
    desk.load(home.vault)
    return desk


@pytest.fixture
def desk(home, now):
    return make_desk(home, now)


@pytest.fixture(scope="module")
def placement():
    return captured(MARKETS[0], Side.BUY, TimeInForce.IOC)


def asked(placement, token=None, **changed) -> SignAsk:
    return SignAsk(replace(placement.request, token=token or make_token(KEY, placement.terms), **changed))


def refused(answer) -> str:
    assert isinstance(answer, RefusedAnswer), answer
    return answer.facts["reason"]


def test_every_placement_with_its_token_is_signed_once(desk):
    for decision_seq, placement in enumerate(all_placements(), 1):
        ask = asked(placement, make_token(KEY, placement.terms, decision_seq))
        assert isinstance(desk.answer(TRADE, ask), SignAnswer), placement
        assert refused(desk.answer(TRADE, ask)) == "token_spent"


def test_a_token_that_was_refused_for_its_request_is_not_spent(desk, placement):
    ask = asked(placement)
    wrong = asked(placement, params={**placement.request.params, "price": "1"})
    assert refused(desk.answer(TRADE, wrong)) == "placement_differs"
    assert isinstance(desk.answer(TRADE, ask), SignAnswer)


def test_without_a_token_or_with_anothers_nothing_is_signed(desk, placement):
    bare = SignAsk(placement.request)
    assert refused(desk.answer(TRADE, bare)) == "token_missing"
    forged = make_token(TokenKey(3, b"x" * KEY_BYTES), placement.terms)
    assert refused(desk.answer(TRADE, asked(placement, forged))) == "token_mac"
    other = replace(placement.terms, account="other")
    assert refused(desk.answer(TRADE, asked(placement, make_token(KEY, other)))) == "token_of_another"


def test_an_old_epoch_is_refused_and_so_is_a_signer_that_was_replaced(desk, placement, now):
    old = replace(make_token(KEY, placement.terms), epoch=2)
    assert refused(desk.answer(TRADE, asked(placement, old))) == "token_epoch"
    now.epoch = 4
    assert refused(desk.answer(TRADE, asked(placement))) == "token_epoch"


def test_a_token_lives_until_its_deadline(desk, placement, now):
    now.ns = T0_NS
    assert refused(desk.answer(TRADE, asked(placement))) == "token_expired"
    now.ns = T0_NS - MAX_DEADLINE_NS - 1
    assert refused(desk.answer(TRADE, asked(placement))) == "token_expired"
    now.ns = T0_NS - 1
    assert isinstance(desk.answer(TRADE, asked(placement)), SignAnswer)


def test_a_clock_that_steps_back_makes_no_token_fresh(desk, placement, now):
    for decision_seq in range(1, 5_000):
        desk._spent[decision_seq] = T0_NS
    assert isinstance(desk.answer(TRADE, asked(placement, make_token(KEY, placement.terms, 9_000))), SignAnswer)
    assert refused(desk.answer(TRADE, asked(placement, make_token(KEY, placement.terms, 4_999)))) == "token_spent"


@pytest.mark.parametrize("role", [Role.READ, Role.CANCEL])
def test_channels_get_what_was_granted_and_no_more(desk, placement, role):
    cancel = SignAsk(SignRequest("binance", ACCOUNT, "openOrders", ("private",), "DELETE", {"symbol": "BTCUSDT"}))
    read = SignAsk(SignRequest("binance", ACCOUNT, "openOrders", ("private",), "GET", {}))
    grant = Grant(role)
    assert refused(desk.answer(grant, asked(placement))) == "not_granted"
    assert refused(
        desk.answer(grant, LoginAsk("okx", ACCOUNT, b"1800000000GET/users/self/verify", "sha256", "base64"))
    ) == ("not_granted")
    assert isinstance(desk.answer(grant, read), SignAnswer)
    assert isinstance(desk.answer(grant, cancel), SignAnswer if role is Role.CANCEL else RefusedAnswer)


def test_a_channel_of_one_venue_knows_no_other(desk):
    grant = Grant(Role.TRADE, ("okx",))
    assert desk.answer(grant, KeyIdAsk("okx", ACCOUNT)) == KeyIdAnswer("key-of-okx")
    assert refused(desk.answer(grant, KeyIdAsk("binance", ACCOUNT))) == "not_granted"
    read = SignRequest("binance", ACCOUNT, "account", ("private",), "GET", {})
    assert refused(desk.answer(grant, SignAsk(read))) == "not_granted"


def test_a_login_is_signed_and_nothing_that_looks_like_one(desk):
    preimage = b"1800000000GET/users/self/verify"
    assert isinstance(desk.answer(TRADE, LoginAsk("okx", ACCOUNT, preimage, "sha256", "base64")), LoginAnswer)
    order = b"1800000000POST/api/v5/trade/order{}"
    assert refused(desk.answer(TRADE, LoginAsk("okx", ACCOUNT, order, "sha256", "base64"))) == "login_not_known"


def test_who_has_no_key_gets_nothing(desk):
    assert desk.answer(TRADE, KeyIdAsk("okx", "nobody")) == KeyIdAnswer("")
    read = SignRequest("okx", "nobody", "account/balance", ("private",), "GET", {})
    assert refused(desk.answer(TRADE, SignAsk(read))) == "no_such_key"


def test_an_unchecked_key_reads_and_places_nothing(tmp_path, now, placement):
    home = make_home(tmp_path)
    row = home.vault.add(key_row("binance", verdict=Verdict.UNCHECKED), secrets())
    desk = make_desk(home, now)
    assert refused(desk.answer(TRADE, asked(placement))) == "key_unchecked"
    assert isinstance(
        desk.answer(TRADE, SignAsk(SignRequest("binance", ACCOUNT, "account", ("private",), "GET", {}))), SignAnswer
    )
    home.vault.judge(row, Verdict.SAFE, True)
    desk.load(home.vault)
    assert isinstance(desk.answer(TRADE, asked(placement)), SignAnswer)


def test_a_rotation_signs_with_the_newer_key_after_a_reload(tmp_path, now):
    home = make_home(tmp_path, "okx")
    desk = make_desk(home, now)
    home.vault.rotate(key_row("okx", "second"), secrets("c2Vjb25k"))
    assert desk.answer(TRADE, KeyIdAsk("okx", ACCOUNT)) == KeyIdAnswer("key-of-okx")
    desk.load(home.vault)
    assert desk.answer(TRADE, KeyIdAsk("okx", ACCOUNT)) == KeyIdAnswer("second")
    home.vault.remove(ACCOUNT, "okx", 2)
    desk.load(home.vault)
    assert desk.answer(TRADE, KeyIdAsk("okx", ACCOUNT)) == KeyIdAnswer("key-of-okx")


PLACEMENTS = all_placements()


@cache
def _desk_of(home) -> SignerDesk:
    return make_desk(home, Now())


FIELDS = ("child", "limits_version", "decision_seq", "mac", "epoch")


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_bytes_without_a_token_that_matches_get_a_signature(home, data):
    """Token and request changed at will: a signature means that neither was."""
    desk = _desk_of(home)
    desk._spent.clear()
    placement = data.draw(st.sampled_from(PLACEMENTS))
    token = make_token(KEY, placement.terms)
    row = placement.request.params[0] if isinstance(placement.request.params, list) else placement.request.params
    params = dict(row)
    for name in data.draw(st.lists(st.sampled_from(sorted(row)), max_size=2)):
        params[name] = data.draw(st.one_of(st.text(max_size=8), st.integers(), st.none(), st.just(row[name])))
    if data.draw(st.booleans()):
        field = data.draw(st.sampled_from(FIELDS))
        value = getattr(token, field)
        new = data.draw(st.binary(max_size=80) if isinstance(value, bytes) else st.integers(-1, 2**64))
        token = replace(token, **{field: new})
    sent = [params] if isinstance(placement.request.params, list) else params
    answer = desk.answer(TRADE, SignAsk(replace(placement.request, params=sent, token=token)))
    if isinstance(answer, SignAnswer):
        assert token == make_token(KEY, placement.terms)
        bound = {
            name: value
            for name, value in row.items()
            if name not in ("newOrderRespType", "account-id", "source", "settle")
        }
        assert {name: params.get(name) for name in bound} == bound or _same_numbers(params, bound)


def test_no_answer_and_no_object_shows_a_secret(desk, placement):
    asks = [asked(placement), SignAsk(placement.request), KeyIdAsk("okx", ACCOUNT)]
    asks += [SignAsk(SignRequest("binance", ACCOUNT, "x" * n, ("private",), "GET", {"a": CANARY})) for n in (1, 400)]
    shown = " ".join(repr(desk.answer(TRADE, ask)) for ask in asks) + repr(desk) + repr(vars(type(desk)))
    assert CANARY not in shown.replace(f"'a': '{CANARY}'", "")
    assert PASSPHRASE not in shown


def _same_numbers(params, row) -> bool:
    return all(str(params[name]).rstrip("0").rstrip(".") == str(row[name]).rstrip("0").rstrip(".") for name in row)
