"""What the signer decides: grants, keys, tokens, and at last a signature. No process and no socket in here.

A placement passes, in this order: the channel's grant, the endpoint's use, the key's verdict, the token's MAC and
epoch, its first use before its deadline, and every parameter against the child that it proves. A token is spent before
ccxt is asked, so that no failure gives a second signature.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from app.domain.errors import Refused
from app.domain.proof import ChildTerms, RiskToken
from app.risk.token import TokenKey, check_token
from app.venues.cex.ccxt_sign import CcxtSigner, Credentials, VenueSetup
from app.venues.cex.endpoints import VenueRules
from app.venues.cex.permit import Role, Use, check_login, check_placement, use_of
from app.venues.cex.signing import SignedRequest, SignRequest
from app.venues.signer_wire import (
    Answer,
    Ask,
    Grant,
    KeyIdAnswer,
    KeyIdAsk,
    LoginAnswer,
    LoginAsk,
    RefusedAnswer,
    SignAnswer,
)
from app.venues.vault import KeyRow, Vault, current_rows

# A deadline further away is none: what is spent is remembered until then.
MAX_DEADLINE_NS: Final = 24 * 3_600 * 1_000_000_000
_SWEEP_EVERY: Final = 4_096
# A clock that steps back must not make a spent token fresh again.
_REMEMBER_NS: Final = 3_600 * 1_000_000_000


@dataclass(slots=True)
class SignerDesk:
    """`setups` by venue id; `rules` by ccxt id. `latest_epoch` asks whether a younger signer took over."""

    setups: Mapping[str, VenueSetup]
    rules: Mapping[str, VenueRules]
    token_key: TokenKey
    wall_ns: Callable[[], int]
    latest_epoch: Callable[[], int]
    pinned: tuple[str, str, int] | None = None
    _signers: dict[tuple[str, str], tuple[KeyRow, CcxtSigner]] = field(default_factory=dict, repr=False)
    _spent: dict[int, int] = field(default_factory=dict, repr=False)  # decision_seq -> deadline

    def load(self, vault: Vault) -> tuple[tuple[str, str], ...]:
        """Opens every key that signs, at venues that are set up. Returns their (venue, account). A key that did not
        change keeps its signer, for nonces must go on rising."""
        signers = {}
        rows = vault.rows()
        if self.pinned is not None:
            rows = [row for row in rows if (row.account, row.venue, row.version) == self.pinned]
        for (account, venue), row in current_rows(rows).items():
            if venue not in self.setups:
                continue
            known = self._signers.get((venue, account))
            if known is not None and (known[0].key_id, known[0].version) == (row.key_id, row.version):
                signers[(venue, account)] = (row, known[1])
                continue
            secrets = vault.secrets_of(row)
            credentials = Credentials(row.key_id, secrets.secret.reveal(), secrets.passphrase.reveal(), secrets.uid)
            signers[(venue, account)] = (row, CcxtSigner(self.setups[venue], credentials, self.wall_ns))
        self._signers = signers
        return tuple(sorted(signers))

    def answer(self, grant: Grant, ask: Ask) -> Answer:
        """The answer to `ask` on a channel of `grant`; a refusal is an answer."""
        try:
            if isinstance(ask, KeyIdAsk):
                return KeyIdAnswer(self._key_id(grant, ask))
            if isinstance(ask, LoginAsk):
                return LoginAnswer(self._login(grant, ask))
            return SignAnswer.of(self._sign(grant, ask.request))
        except Refused as refusal:
            return RefusedAnswer({name: str(value) for name, value in refusal.facts.items()})

    def _key_id(self, grant: Grant, ask: KeyIdAsk) -> str:
        self._check_venue(grant, ask.venue)
        found = self._signers.get((ask.venue, ask.account))
        return found[0].key_id if found else ""

    def _login(self, grant: Grant, ask: LoginAsk) -> str:
        if grant.role is not Role.TRADE:
            raise Refused(reason="not_granted", role=grant.role.value, use="login")
        _, signer = self._signer(grant, ask.venue, ask.account)
        check_login(self._rules(ask.venue), ask.preimage)
        return signer.login(ask.preimage, ask.algorithm, ask.digest)

    def _sign(self, grant: Grant, request: SignRequest) -> SignedRequest:
        row, signer = self._signer(grant, request.venue, request.account)
        rules = self._rules(request.venue)
        use = use_of(rules, request)
        if not grant.role.may(use):
            raise Refused(reason="not_granted", role=grant.role.value, use=use.value)
        if use is Use.PLACE:
            self._check_placement(row, rules, request)
        return signer.sign(request)

    def _check_placement(self, row: KeyRow, rules: VenueRules, request: SignRequest) -> None:
        if not row.verdict.may_place:
            raise Refused(reason="key_unchecked", venue=row.venue, account=row.account)
        token = request.token
        if token is None:
            raise Refused(reason="token_missing", venue=request.venue)
        terms = check_token(self.token_key, token)
        latest = self.latest_epoch()
        if latest != self.token_key.epoch:
            raise Refused(reason="token_epoch", limit=latest, value=token.epoch)
        self._check_fresh(token, terms)
        check_placement(rules, request, terms)
        self._spent[token.decision_seq] = terms.deadline_ts_ns

    def _check_fresh(self, token: RiskToken, terms: ChildTerms) -> None:
        now_ns = self.wall_ns()
        if not now_ns < terms.deadline_ts_ns <= now_ns + MAX_DEADLINE_NS:
            raise Refused(reason="token_expired", limit=terms.deadline_ts_ns, value=now_ns)
        if token.decision_seq in self._spent:
            raise Refused(reason="token_spent", decision_seq=token.decision_seq)
        if len(self._spent) % _SWEEP_EVERY == _SWEEP_EVERY - 1:
            self._spent = {seq: until_ns for seq, until_ns in self._spent.items() if until_ns + _REMEMBER_NS >= now_ns}

    def _signer(self, grant: Grant, venue: str, account: str) -> tuple[KeyRow, CcxtSigner]:
        self._check_venue(grant, venue)
        found = self._signers.get((venue, account))
        if found is None:
            raise Refused(reason="no_such_key", venue=venue[:40], account=account[:80])
        return found

    def _check_venue(self, grant: Grant, venue: str) -> None:
        if grant.venues and venue not in grant.venues:
            raise Refused(reason="not_granted", venue=venue[:40])

    def _rules(self, venue: str) -> VenueRules:
        ccxt_id = self.setups[venue].ccxt_id
        rules = self.rules.get(ccxt_id)
        if rules is None:
            raise Refused(reason="venue_without_rules", venue=venue, ccxt_id=ccxt_id)
        return rules
