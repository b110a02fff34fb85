"""What each venue's own word on a key comes to. The answers are written from the venues' documents."""

from __future__ import annotations

from typing import Any

import pytest

from app.domain.errors import Refused, Unavailable
from app.venues.cex.endpoints import load_rules
from app.venues.cex.permissions import Rights, read_rights, refuse_dangerous
from app.venues.cex.permit import Use, use_of
from app.venues.cex.signing import SignedRequest, SignRequest

RULES = load_rules()
SAFE_BOUND = Rights(False, False, True)


class Pen:
    """Signs with nothing, and lets through only what the signer's own table calls a read."""

    def key_id(self, venue: str, account: str) -> str:
        return "mine"

    def sign(self, request: SignRequest) -> SignedRequest:
        assert use_of(RULES[request.venue], request) is Use.READ
        return SignedRequest(request.path, request.method)

    def login(self, *_: Any) -> str:
        raise AssertionError


def binance(**changed: Any) -> dict[str, Any]:
    told = {"ipRestrict": True, "enableWithdrawals": False, "enableInternalTransfer": False}
    return {"account/apiRestrictions": {**told, "permitsUniversalTransfer": False, **changed}}


def okx(perm: str, ip: str = "1.1.1.1") -> dict[str, Any]:
    return {"account/config": {"data": [{"perm": perm, "ip": ip}]}}


def bybit(wallet: list[str], ips: list[str]) -> dict[str, Any]:
    return {"v5/user/query-api": {"result": {"permissions": {"Wallet": wallet, "Spot": ["SpotTrade"]}, "ips": ips}}}


def kraken(*words: str) -> dict[str, Any]:
    return {"GetApiKeyInfo": {"result": {"permissions": list(words), "ip_allowlist": ["1.1.1.1"]}}}


def deribit(scope: str) -> dict[str, Any]:
    own = {"client_id": "mine", "max_scope": scope, "ip_whitelist": ["1.1.1.1"]}
    return {"list_api_keys": {"result": [{"client_id": "other", "max_scope": "wallet:read_write"}, own]}}


def bitget(*words: str) -> dict[str, Any]:
    return {"v2/spot/account/info": {"data": {"authorities": list(words), "ips": "1.1.1.1"}}}


def kucoin(permission: str) -> dict[str, Any]:
    return {"user/api-key": {"data": {"permission": permission, "ipWhitelist": "1.1.1.1"}}}


def gate(name: str, *, read_only: bool) -> dict[str, Any]:
    right = {"name": name, "read_only": read_only}
    return {"main_keys": [{"key": "other"}, {"key": "mine", "perms": [right], "ip_whitelist": ["1.1.1.1"]}]}


def htx(permission: str) -> dict[str, Any]:
    own = {"accessKey": "mine", "permission": permission, "ipAddresses": "1.1.1.1"}
    return {"v2/user/uid": {"data": 7}, "v2/user/api-key": {"data": [own]}}


CASES = [
    ("binance", binance(), SAFE_BOUND),
    ("binance", binance(ipRestrict=False), Rights(False, False, False)),
    ("binance", binance(enableWithdrawals=True), Rights(True, False, True)),
    ("binance", binance(permitsUniversalTransfer=True), Rights(False, True, True)),
    ("binance", binance(enableInternalTransfer=True), Rights(False, True, True)),
    ("okx", okx("read_only,trade"), SAFE_BOUND),
    ("okx", okx("read_only,trade", ""), Rights(False, False, False)),
    ("okx", okx("read_only,trade,withdraw"), Rights(True, False, True)),
    ("bybit", bybit([], ["1.1.1.1"]), SAFE_BOUND),
    ("bybit", bybit([], ["*"]), Rights(False, False, False)),
    ("bybit", bybit(["Withdraw"], ["1.1.1.1"]), Rights(True, False, True)),
    ("bybit", bybit(["AccountTransfer"], ["1.1.1.1"]), Rights(False, True, True)),
    ("kraken", kraken("query-funds", "modify-trades"), SAFE_BOUND),
    ("kraken", kraken("query-funds", "withdraw-funds"), Rights(True, True, True)),
    ("coinbase", {"brokerage/key_permissions": {"can_transfer": False}}, Rights(False, False, None)),
    ("coinbase", {"brokerage/key_permissions": {"can_transfer": True}}, Rights(True, True, None)),
    ("deribit", deribit("account:read trade:read_write wallet:none"), SAFE_BOUND),
    ("deribit", deribit("account:read trade:read_write wallet:read_write"), Rights(True, True, True)),
    ("bitget", bitget("readonly", "trade"), SAFE_BOUND),
    ("bitget", bitget("stow", "wwow"), Rights(True, False, True)),
    ("bitget", bitget("stow", "wtow"), Rights(False, True, True)),
    ("kucoin", kucoin("General,Spot"), SAFE_BOUND),
    ("kucoin", kucoin("General,Spot,Withdrawal"), Rights(True, False, True)),
    ("kucoin", kucoin("General,Spot,Transfer"), Rights(False, True, True)),
    ("gate", gate("spot", read_only=False), SAFE_BOUND),
    ("gate", gate("wallet", read_only=True), SAFE_BOUND),
    ("gate", gate("wallet", read_only=False), Rights(True, True, True)),
    ("htx", htx("readOnly,trade"), SAFE_BOUND),
    ("htx", htx("readOnly,trade,withdraw"), Rights(True, False, True)),
]


def rights_at(venue: str, answers: dict[str, Any]) -> Rights:
    return read_rights(Pen(), lambda signed: answers[signed.url], venue, venue, "acme")


@pytest.mark.parametrize(("venue", "answers", "rights"), CASES)
def test_a_venues_word_is_understood(venue, answers, rights):
    assert rights_at(venue, answers) == rights
    if rights.can_withdraw or rights.can_transfer:
        with pytest.raises(Refused, match="key_can_"):
            refuse_dangerous(rights, venue, "acme")
    else:
        refuse_dangerous(rights, venue, "acme")


@pytest.mark.parametrize(
    ("venue", "answers"),
    [
        ("binance", binance(enableWithdrawals="false")),
        ("binance", binance(enableWithdrawals=None)),
        ("okx", {"account/config": {"data": []}}),
        ("kraken", kraken()),
        ("deribit", {"list_api_keys": {"result": [{"client_id": "other", "max_scope": ""}]}}),
        ("gate", {"main_keys": {"key": "mine"}}),
        ("htx", {"v2/user/uid": {"data": 7}, "v2/user/api-key": {"data": []}}),
        ("bybit", {"v5/user/query-api": None}),
        ("nowhere", {}),
    ],
)
def test_an_answer_that_reads_otherwise_says_nothing(venue, answers):
    rights = rights_at(venue, answers)
    assert not rights.is_known
    refuse_dangerous(rights, venue, "acme")


@pytest.mark.parametrize(
    ("venue", "answers"), [("okx", okx("trade,move_mountains")), ("bitget", bitget("trade", "new"))]
)
def test_a_right_with_a_new_name_leaves_everything_open(venue, answers):
    assert not rights_at(venue, answers).is_known


def test_a_dangerous_right_beside_a_new_one_is_still_dangerous():
    with pytest.raises(Refused, match="key_can_withdraw"):
        refuse_dangerous(rights_at("okx", okx("withdraw,new")), "okx", "acme")


def test_a_venue_that_is_not_reached_is_not_a_venue_that_says_nothing():
    def away(_: SignedRequest) -> Any:
        raise Unavailable("venue_unavailable", "away")

    with pytest.raises(Unavailable):
        read_rights(Pen(), away, "okx", "okx", "acme")
