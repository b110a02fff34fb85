"""Asks a venue what a key may do, through a signer of its own, and writes the verdict into the vault."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from app.domain.errors import Refused, Unavailable
from app.venues.cex.ccxt_sign import VenueSetup
from app.venues.cex.permissions import Rights, read_rights, refuse_dangerous
from app.venues.cex.permit import Role
from app.venues.cex.signing import SignedRequest
from app.venues.vault import KeyRow, Vault, Verdict
from app.workers.signer_handle import SignerConfig, SignerHandle, start_signer

ANSWER_S: Final = 10.0
MAX_ASKED: Final = 16
MAX_ANSWER_BYTES: Final = 1 << 20
# A look at a key is no trading: it must not take the engine's epoch away.
_SHARD: Final = "keycheck"


def check_key(
    vault: Vault,
    row: KeyRow,
    config: SignerConfig,
    *,
    is_unknown_allowed: bool,
    fetch: Callable[[SignedRequest], Any] | None = None,
) -> tuple[KeyRow, Rights]:
    """The row with its verdict, and what the venue said. Raises Refused for a key that can move money out, and for one
    whose rights the venue does not tell unless that is allowed; Unavailable where the venue was not reached: the row
    then stays unchecked and places nothing.
    """
    rights = rights_of(row, config, fetch)
    refuse_dangerous(rights, row.venue, row.account)
    if not rights.is_known and not is_unknown_allowed:
        raise Refused(reason="key_rights_unknown", venue=row.venue, account=row.account, option="allow-unknown")
    verdict = Verdict.SAFE if rights.is_known else Verdict.UNKNOWN_ALLOWED
    return vault.judge(row, verdict, rights.is_ip_bound), rights


def rights_of(row: KeyRow, config: SignerConfig, fetch: Callable[[SignedRequest], Any] | None = None) -> Rights:
    """What the venue says of one version of a key, whatever else the vault holds. Raises as `start_signer`, and
    Unavailable where the venue was not reached."""
    pinned = replace(config, shard=_SHARD, pinned=(row.account, row.venue, row.version))
    signer = start_signer(pinned)
    try:
        channel = signer.client(Role.READ, (row.venue,))
        try:
            ccxt_id = config.setups[row.venue].ccxt_id
            rights = read_rights(channel, fetch or fetch_json, row.venue, ccxt_id, row.account)
        finally:
            channel.close()
    finally:
        signer.stop()
    return rights


def recheck_rights(
    signer: SignerHandle, setups: Mapping[str, VenueSetup], fetch: Callable[[SignedRequest], Any] | None = None
) -> tuple[tuple[str, str], ...]:
    """Asks again, at a start, what every key may do. Raises Refused for one that has learned to move money out since.

    Returns the (venue, account) whose venue was not reached: what the vault says of them still holds. All are asked at
    once, so that venues which are away cost one wait together.
    """
    channel = signer.client(Role.READ)

    def is_reached(key: tuple[str, str]) -> bool:
        venue, account = key
        try:
            rights = read_rights(channel, fetch or fetch_json, venue, setups[venue].ccxt_id, account)
        except Unavailable:
            return False
        refuse_dangerous(rights, venue, account)
        return True

    try:
        with ThreadPoolExecutor(MAX_ASKED) as threads:
            reached = list(threads.map(is_reached, signer.keys))
    finally:
        channel.close()
    return tuple(key for key, is_known in zip(signer.keys, reached, strict=True) if not is_known)


def fetch_json(signed: SignedRequest) -> Any:
    """A venue's answer, parsed. Raises Unavailable where there is none, or one that is no JSON; follows no redirect."""
    host = urlsplit(signed.url).hostname
    body = signed.body.encode() if isinstance(signed.body, str) else signed.body
    request = urllib.request.Request(signed.url, body, dict(signed.headers), method=signed.method)  # noqa: S310 - https, or a test's loopback
    try:
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=ANSWER_S) as response:
            text = response.read(MAX_ANSWER_BYTES)
    except urllib.error.HTTPError as error:
        error.close()
        raise Unavailable("venue_unavailable", f"{host} answers {error.code}.") from None
    except OSError as error:
        raise Unavailable("venue_unavailable", f"{host} is not reached: {type(error).__name__}.") from None
    try:
        return msgspec.json.decode(text)
    except msgspec.MsgspecError:
        raise Unavailable("venue_unavailable", f"{host} answers no JSON.") from None


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A signed request goes where it was signed for, or nowhere."""

    def redirect_request(self, *_: Any) -> None:
        return None
