"""What a key may do, by the venue's own word: a key that could move money out is refused before it is ever used.

Each parser reads one venue's answer and says nothing where the answer does not; the field names are those of the
venues' documents. A venue that is not here does not say: only a desk can take that upon itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from app.domain.errors import Refused
from app.venues.cex.signing import RequestSigner, SignedRequest, SignRequest

Fetch = Callable[[SignedRequest], Any]


@dataclass(frozen=True, slots=True)
class Rights:
    """None: the venue does not say. `can_transfer`: to other accounts, sub-accounts or portfolios."""

    can_withdraw: bool | None = None
    can_transfer: bool | None = None
    is_ip_bound: bool | None = None

    @property
    def is_known(self) -> bool:
        return self.can_withdraw is not None and self.can_transfer is not None


def read_rights(signer: RequestSigner, fetch: Fetch, venue: str, ccxt_id: str, account: str) -> Rights:
    """Asks the venue what the account's key may do. Nothing is known of a venue without such an endpoint, or of an
    answer that reads otherwise than its documents; what `fetch` raises is raised.
    """
    if ccxt_id not in _READERS:
        return Rights()

    def ask(api: str, method: str, path: str, params: Mapping[str, Any] | None = None) -> Any:
        words = tuple(api.split("."))
        return fetch(signer.sign(SignRequest(venue, account, path, words, method, params or {})))

    try:
        return _READERS[ccxt_id](ask, signer.key_id(venue, account))
    except (LookupError, TypeError, AttributeError, ValueError, StopIteration):
        return Rights()


def refuse_dangerous(rights: Rights, venue: str, account: str) -> None:
    """Raises Refused for a key that can move money out."""
    for right, may in (("withdraw", rights.can_withdraw), ("transfer", rights.can_transfer)):
        if may:
            raise Refused(reason=f"key_can_{right}", venue=venue, account=account)


_Ask = Callable[..., Any]


def _binance(ask: _Ask, _key_id: str) -> Rights:
    told = ask("sapi", "GET", "account/apiRestrictions")
    transfers = (_flag(told["permitsUniversalTransfer"]), _flag(told["enableInternalTransfer"]))
    return Rights(_flag(told["enableWithdrawals"]), any(transfers), _flag(told["ipRestrict"]))


def _okx(ask: _Ask, _key_id: str) -> Rights:
    told = ask("private", "GET", "account/config")["data"][0]
    words = _words(told["perm"])
    # A transfer between accounts is part of OKX's right to withdraw or, of its own funding account, of every trade key.
    return _by_words(words, {"read_only", "trade"}, {"withdraw"}, set(), bool(told["ip"]))


def _bybit(ask: _Ask, _key_id: str) -> Rights:
    told = ask("private", "GET", "v5/user/query-api")["result"]
    wallet = {str(word) for word in told["permissions"]["Wallet"]}
    addresses = [str(address) for address in told.get("ips") or []]
    is_bound = bool(addresses) and "*" not in addresses
    return _by_words(wallet, set(), {"Withdraw"}, {"AccountTransfer", "SubMemberTransfer"}, is_bound)


def _kraken(ask: _Ask, _key_id: str) -> Rights:
    told = ask("private", "POST", "GetApiKeyInfo")["result"]
    words = {str(word) for word in told["permissions"]}
    if not words:
        return Rights()
    can_withdraw = any("withdraw" in word for word in words)
    return Rights(can_withdraw, can_withdraw, bool(told.get("ip_allowlist")))


def _coinbase(ask: _Ask, _key_id: str) -> Rights:
    told = ask("v3.private", "GET", "brokerage/key_permissions")
    can_transfer = _flag(told["can_transfer"])
    return Rights(can_transfer, can_transfer, None)


def _deribit(ask: _Ask, key_id: str) -> Rights:
    told = ask("private", "GET", "list_api_keys")["result"]
    own = next(key for key in told if key["client_id"] == key_id)
    scopes = dict(scope.split(":", 1) for scope in own["max_scope"].split() if ":" in scope)
    can_move = scopes["wallet"] == "read_write" or scopes["account"] == "read_write"
    return Rights(can_move, can_move, bool(own.get("ip_whitelist")))


def _bitget(ask: _Ask, _key_id: str) -> Rights:
    told = ask("private.spot", "GET", "v2/spot/account/info")["data"]
    words = {str(word) for word in told["authorities"]}
    safe = {"readonly", "trade", "coor", "coow", "cpor", "cpow", "stor", "stow", "smor", "smow", "ttor", "ttow", "wtor"}
    return _by_words(words, safe, {"withdraw", "wwow"}, {"transfer", "wtow"}, bool(told.get("ips")))


def _kucoin(ask: _Ask, _key_id: str) -> Rights:
    told = ask("private", "GET", "user/api-key")["data"]
    words = {word.lower() for word in _words(told["permission"])}
    safe = {"general", "spot", "margin", "futures", "trade", "unified", "earn"}
    transfers = {"transfer", "innertransfer", "flextransfers"}
    return _by_words(words, safe, {"withdrawal", "withdraw"}, transfers, bool(told.get("ipWhitelist")))


def _gate(ask: _Ask, key_id: str) -> Rights:
    told = ask("private.account", "GET", "main_keys")
    keys = told if isinstance(told, list) else [told]
    own = next(key for key in keys if key["key"] == key_id)
    # Gate's `wallet` right, where it is not for reading alone, moves money between accounts and out.
    can_move = any(right["name"] in {"wallet", "withdraw"} and not _flag(right["read_only"]) for right in own["perms"])
    return Rights(can_move, can_move, bool(own.get("ip_whitelist")))


def _htx(ask: _Ask, key_id: str) -> Rights:
    uid = ask("spot.private", "GET", "v2/user/uid")["data"]
    told = ask("spot.private", "GET", "v2/user/api-key", {"uid": str(uid), "accessKey": key_id})["data"]
    own = next(key for key in told if key["accessKey"] == key_id)
    words = {word.lower() for word in _words(own["permission"])}
    return _by_words(words, {"readonly", "trade"}, {"withdraw"}, set(), bool(own.get("ipAddresses")))


_READERS: Final[Mapping[str, Callable[[_Ask, str], Rights]]] = {
    "binance": _binance,
    "okx": _okx,
    "bybit": _bybit,
    "kraken": _kraken,
    "coinbase": _coinbase,
    "deribit": _deribit,
    "bitget": _bitget,
    "kucoin": _kucoin,
    "gate": _gate,
    "htx": _htx,
}


def _by_words(words: set[str], safe: set[str], withdraws: set[str], transfers: set[str], is_ip_bound: bool) -> Rights:
    """Rights from a list of words: one that is in no set leaves what it could mean open."""
    can_withdraw, can_transfer = bool(words & withdraws), bool(words & transfers)
    if words - safe - withdraws - transfers:
        return Rights(can_withdraw or None, can_transfer or None, is_ip_bound)
    return Rights(can_withdraw, can_transfer, is_ip_bound)


def _words(text: str) -> set[str]:
    return {word.strip() for word in text.split(",") if word.strip()}


def _flag(value: object) -> bool:
    """Raises TypeError for what is no flag: a text "false" must not count as yes or no."""
    if not isinstance(value, bool):
        raise TypeError(value)
    return value
