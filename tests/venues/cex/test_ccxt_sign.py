from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import replace
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from app.domain.errors import Refused
from app.venues.cex.ccxt_sign import CcxtSigner, Credentials, VenueSetup
from app.venues.cex.signing import SignRequest

NOW_NS = 1_800_000_000_000_000_000
SECRET = "Y2FuYXJ5LW9mLXRoZS1zaWduZXIt"


def signer(ccxt_id: str = "binance", secret: str = SECRET, **setup) -> CcxtSigner:
    return CcxtSigner(VenueSetup(ccxt_id, **setup), Credentials("kid", secret, "pass"), lambda: NOW_NS)


def request(offset_ms: int | None = 0) -> SignRequest:
    return SignRequest("binance", "acme", "openOrders", ("private",), "GET", {"symbol": "BTCUSDT"}, None, offset_ms)


def test_the_signature_is_the_venues_own():
    signed = signer().sign(request())
    query, _, signature = signed.url.partition("?")[2].partition("&signature=")
    assert hmac.new(SECRET.encode(), query.encode(), hashlib.sha256).hexdigest() == signature
    assert signed.url.startswith("https://api.binance.com/api/v3/openOrders?")
    assert signed.headers["X-MBX-APIKEY"] == "kid"


def test_timestamps_rise_and_follow_the_venues_clock():
    pen = signer()
    stamps = [int(parse_qs(pen.sign(request(500)).url.partition("?")[2])["timestamp"][0]) for _ in range(5)]
    first_ms = NOW_NS // 1_000_000 + 500
    assert stamps == list(range(first_ms, first_ms + 5))


def test_an_offset_that_falls_is_followed_and_one_that_is_not_told_is_kept():
    pen = signer()

    def stamp(offset_ms: int | None) -> int:
        return int(parse_qs(pen.sign(request(offset_ms)).url.partition("?")[2])["timestamp"][0])

    now_ms = NOW_NS // 1_000_000
    assert [stamp(offset) for offset in (3_000, None, -3_000, None)] == [
        now_ms + 3_000, now_ms + 3_001, now_ms - 3_000, now_ms - 2_999
    ]  # fmt: skip


def test_a_nonce_takes_no_offset_and_rises():
    pen = signer("kraken")
    ask = SignRequest("kraken", "acme", "Balance", ("private",), "POST", {})
    nonces = [
        int(parse_qs(str(pen.sign(replace(ask, clock_offset_ms=offset)).body))["nonce"][0])
        for offset in (0, 3_000, -3_000, None)
    ]
    assert nonces == sorted(set(nonces))
    assert nonces[-1] < NOW_NS // 1_000_000 + 100


def test_a_base_url_takes_the_real_host_for_its_first_segment():
    signed = signer(base_url="http://127.0.0.1:9").sign(request())
    assert signed.url.startswith("http://127.0.0.1:9/api.binance.com/api/v3/openOrders?")
    assert signer(is_sandbox=True).sign(request()).url.startswith("https://testnet.binance.vision/")


def test_what_ccxt_cannot_build_is_refused_without_its_words():
    bad_base64 = "not base64 at all!"
    with pytest.raises(Refused, match="cannot_sign") as caught:
        signer("kraken", bad_base64).sign(SignRequest("kraken", "acme", "Balance", ("private",), "POST", {}))
    assert bad_base64 not in str(caught.value)
    assert caught.value.__cause__ is None
    with pytest.raises(Refused, match="no_such_venue"):
        signer("__builtins__")


def test_a_request_that_holds_the_secret_does_not_leave():
    sneaky = SignRequest("binance", "acme", "openOrders", ("private",), "GET", {"symbol": SECRET})
    with pytest.raises(Refused, match="secret in the request"):
        signer().sign(sneaky)


@pytest.mark.parametrize("digest", ["hex", "base64"])
def test_a_login_is_the_mac_of_its_text(digest):
    found = signer().login(b"text", "sha512", digest)
    raw = hmac.new(SECRET.encode(), b"text", hashlib.sha512)
    assert found == raw.hexdigest() if digest == "hex" else len(found) == 88


@pytest.mark.parametrize(("algorithm", "digest"), [("md5", "hex"), ("sha256", "raw"), ("new", "hex")])
def test_other_macs_are_refused(algorithm, digest):
    with pytest.raises(Refused, match="login_not_known"):
        signer().login(b"text", algorithm, digest)


def test_neither_signer_nor_credentials_show_a_secret():
    assert SECRET not in repr(signer())
    assert SECRET not in repr(Credentials("kid", SECRET, SECRET))


def test_a_token_login_is_signed_with_the_accounts_own_kind_of_key():
    private = ec.generate_private_key(ec.SECP256R1())
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
    raw = base64.urlsafe_b64decode(signer("coinbase", pem).login(b"aa.bb", "es256", "base64url") + "==")
    pair = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    private.public_key().verify(pair, b"aa.bb", ec.ECDSA(SHA256()))
    seed = bytes(range(32))
    pen = signer("coinbase", base64.b64encode(seed * 2).decode())
    raw = base64.urlsafe_b64decode(pen.login(b"aa.bb", "eddsa", "base64url") + "==")
    Ed25519PrivateKey.from_private_bytes(seed).public_key().verify(raw, b"aa.bb")
    for algorithm, reason in (("es256", "cannot_sign"), ("hs256", "login_not_known")):
        with pytest.raises(Refused, match=reason):
            pen.login(b"aa.bb", algorithm, "base64url")
