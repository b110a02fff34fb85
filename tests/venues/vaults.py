"""Homes with venue keys for tests, and the words to ask a signer with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from app.domain.proof import ChildTerms, RiskToken
from app.risk.token import TokenKey, token_mac
from app.venues.kek import FileKek
from app.venues.vault import KeyRow, Secret, Vault, VenueSecrets, Verdict

ACCOUNT = "acme"
CANARY = "Y2FuYXJ5LW9mLXRoZS1zaWduZXIt"  # base64, for some venues decode their secrets
PASSPHRASE = "canary-passphrase"


@dataclass(frozen=True)
class KeyHome:
    """A vault with its key-encryption key."""

    folder: Path
    kek_path: Path
    vault: Vault

    @property
    def kek(self) -> str:
        return f"file:{self.kek_path}"


def key_row(venue: str, key_id: str = "", account: str = ACCOUNT, verdict: Verdict = Verdict.SAFE) -> KeyRow:
    return KeyRow(account, venue, key_id or f"key-of-{venue}", 0, verdict, True, 1)


def secrets(text: str = CANARY, passphrase: str = PASSPHRASE) -> VenueSecrets:
    return VenueSecrets(Secret(text), Secret(passphrase))


def make_home(folder: Path, *venues: str) -> KeyHome:
    """Keys of one account at `venues`, all checked."""
    kek_path = folder / "vault.kek"
    home = KeyHome(folder / "vault", kek_path, Vault(folder / "vault", FileKek.create(kek_path)))
    for venue in venues:
        home.vault.add(key_row(venue), secrets())
    return home


def make_token(key: TokenKey, terms: ChildTerms, decision_seq: int = 7, limits_version: int = 1) -> RiskToken:
    """What the mint makes of a child with these terms."""
    child = terms.encoded()
    mac = token_mac(key, child, limits_version, decision_seq, key.epoch)
    return RiskToken(child, limits_version, decision_seq, mac, key.epoch)
