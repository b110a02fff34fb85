"""What a signature costs when the secret lies in another process: ours, ccxt's own in this process, and the parts."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from app.domain.enums import Side, TimeInForce
from app.risk.token import check_token, token_mac
from app.venues.cex.ccxt_sign import CcxtSigner, Credentials, VenueSetup
from app.venues.cex.endpoints import load_rules
from app.venues.cex.permit import Role, check_placement, use_of
from app.venues.cex.signing import SignRequest
from app.workers.signer_handle import SignerConfig, start_signer
from tests.venues.cex.placements import MARKETS, Placement, captured
from tests.venues.vaults import CANARY, PASSPHRASE, make_home, make_token

VENUES = ("binance", "okx", "kraken", "gate", "coinbase")
N_SIGNED = 3_000
N_QUICK = 600
_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


def measure(*, is_quick: bool) -> list[Mapping[str, Any]]:
    """A row a venue: placements, each with a token of its own."""
    n = N_QUICK if is_quick else N_SIGNED
    with tempfile.TemporaryDirectory() as folder:
        home = make_home(Path(folder), *VENUES)
        setups = {venue: VenueSetup(venue) for venue in VENUES}
        handle = start_signer(SignerConfig(home.folder, home.kek, setups, "bench"))
        client = handle.client(Role.TRADE)
        try:
            return [_row(venue, n, handle, client) for venue in VENUES]
        finally:
            client.close()
            handle.stop()


def _row(venue: str, n: int, handle: Any, client: Any) -> Mapping[str, Any]:
    market = next(market for market in MARKETS if market[0] == venue)
    placement = captured(market, Side.BUY, TimeInForce.IOC)
    placement = replace(placement, terms=replace(placement.terms, deadline_ts_ns=time.time_ns() + 3_600 * 10**9))
    alone = CcxtSigner(VenueSetup(venue), Credentials("key", CANARY, PASSPHRASE), time.time_ns)
    ccxt_us = _cpu_us(lambda _: alone.sign(placement.request), n)
    first_seq = time.time_ns() // 1_000
    requests = [_with_token(handle, placement, first_seq + i) for i in range(n)]
    mint_us = _cpu_us(lambda i: _with_token(handle, placement, i + 1), n)
    check_us = _cpu_us(_checking(handle, placement), n)
    served_s, walls_us = _process_s(handle.process.pid), []
    begun_s = time.process_time()
    for request in requests:
        at_ns = time.perf_counter_ns()
        client.sign(request)
        walls_us.append((time.perf_counter_ns() - at_ns) / 1_000)
    asker_us = (time.process_time() - begun_s) / n * 1e6
    signer_us = (_process_s(handle.process.pid) - served_s) / n * 1e6
    return {
        "venue": venue,
        "ccxt's sign": round(ccxt_us, 1),
        "token minted": round(mint_us, 1),
        "token and request checked": round(check_us, 1),
        "asker": round(asker_us, 1),
        "signer": round(signer_us, 1),
        "both / ccxt": round((asker_us + signer_us) / ccxt_us, 1),
        "wall p50": round(statistics.median(walls_us), 1),
    }


def _with_token(handle: Any, placement: Placement, decision_seq: int) -> SignRequest:
    return replace(placement.request, token=make_token(handle.token_key, placement.terms, decision_seq))


def _checking(handle: Any, placement: Placement) -> Callable[[int], None]:
    rules, request = load_rules()[placement.request.venue], _with_token(handle, placement, 1)
    assert request.token is not None
    token, key = request.token, handle.token_key
    assert token_mac(key, token.child, 1, 1, key.epoch) == token.mac

    def check(_: int) -> None:
        use_of(rules, request)
        check_placement(rules, request, check_token(key, token))

    return check


def _cpu_us(act: Callable[[int], object], n: int) -> float:
    act(0)
    begun_s = time.process_time()
    for i in range(n):
        act(i)
    return (time.process_time() - begun_s) / n * 1e6


def _process_s(pid: int) -> float:
    """CPU seconds of another process so far; ticks of a hundredth, so over thousands of calls."""
    words = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(words[11]) + int(words[12])) * _TICK_S
