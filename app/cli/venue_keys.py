"""`bestex keys venue`: the keys that trade at venues. No secret is ever an argument, and none is ever shown."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from app.cli.exits import CommandError, Exit
from app.cli.extras import CEX, require
from app.cli.options import DEFAULT_HOME, Format, Home, Output
from app.cli.output import show_json, show_rows

if TYPE_CHECKING:
    from app.venues.cex.check import Finding
    from app.venues.cex.profile import VenueProfile
    from app.venues.vault import KeyRow, Vault, VenueSecrets

T = TypeVar("T")
_YES = {True: "yes", False: "no", None: "not told"}
VAULT_FOLDER = "vault"
KEK_FILE = "vault.kek"

app = typer.Typer(
    help="Venue keys, encrypted at rest: add, list, check, rotate, remove.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
)

VenueName = Annotated[str, typer.Argument(help="the venue, as `bestex venues` names it")]
Account = Annotated[str, typer.Option("--account", help="the Bestex account that trades with it")]
Stdin = Annotated[
    bool,
    typer.Option(
        "--stdin", help='reads {"key": ..., "secret": ..., "passphrase": ..., "uid": ...} from stdin, no prompt'
    ),
]
AllowUnknown = Annotated[
    bool,
    typer.Option("--allow-unknown", help="takes a key whose rights the venue does not tell; you have looked yourself"),
]
NoCheck = Annotated[
    bool, typer.Option("--no-check", help="asks nothing now: the key places nothing until it is checked")
]
Kek = Annotated[
    str, typer.Option("--kek", help="file of the key-encryption key; by default vault.kek in the home folder")
]
Sandbox = Annotated[bool, typer.Option("--sandbox", help="the venue's test network")]
BaseUrl = Annotated[str, typer.Option("--base-url", help="stands in for the venue's hosts (a local exchange)")]


@app.command()
def add(
    venue: VenueName,
    account: Account,
    stdin: Stdin = False,
    allow_unknown: AllowUnknown = False,
    no_check: NoCheck = False,
    kek: Kek = "",
    sandbox: Sandbox = False,
    base_url: BaseUrl = "",
    home: Home = DEFAULT_HOME,
    output: Output = Format.TABLE,
) -> None:
    """A venue's key for an account that has none there; asks for the secret, checks that it cannot withdraw."""
    _insert("add", venue, account, stdin, allow_unknown, no_check, kek, sandbox, base_url, home, output)


@app.command()
def rotate(
    venue: VenueName,
    account: Account,
    stdin: Stdin = False,
    allow_unknown: AllowUnknown = False,
    no_check: NoCheck = False,
    kek: Kek = "",
    sandbox: Sandbox = False,
    base_url: BaseUrl = "",
    home: Home = DEFAULT_HOME,
    output: Output = Format.TABLE,
) -> None:
    """A newer key beside the one in use; it signs once it is checked and the signer has read the vault again."""
    _insert("rotate", venue, account, stdin, allow_unknown, no_check, kek, sandbox, base_url, home, output)


@app.command("list")
def list_keys(kek: Kek = "", home: Home = DEFAULT_HOME, output: Output = Format.TABLE) -> None:
    """Every venue key; never a secret."""
    rows = _refusing(lambda: _vault(home, kek).rows())
    show_rows(output, [_shown(row) for row in rows], ("account", "venue", "key", "version", "verdict", "ip_bound"))


@app.command()
def check(
    venue: VenueName,
    account: Account,
    allow_unknown: AllowUnknown = False,
    kek: Kek = "",
    sandbox: Sandbox = False,
    base_url: BaseUrl = "",
    home: Home = DEFAULT_HOME,
    output: Output = Format.TABLE,
) -> None:
    """Asks the venue again what each version of a key may do."""
    vault = _vault(home, kek)
    found = [row for row in _refusing(vault.rows) if (row.account, row.venue) == (account, venue)]
    if not found:
        raise CommandError(Exit.REJECTED, f"no key of {account} at {venue}")
    for row in found:
        _show(output, _checked(vault, row, home, kek, sandbox, base_url, allow_unknown))


@app.command()
def remove(
    venue: VenueName,
    account: Account,
    version: Annotated[int, typer.Option("--version", help="which one; see list")],
    kek: Kek = "",
    home: Home = DEFAULT_HOME,
    output: Output = Format.TABLE,
) -> None:
    """Forgets one version of a key. The venue still knows it: revoke it there as well."""
    _refusing(lambda: _vault(home, kek).remove(account, venue, version))
    answer = {"account": account, "venue": venue, "version": version, "removed": True}
    show_json(answer) if output is Format.JSON else print(f"removed version {version} of {account} at {venue}")


def _insert(
    verb: str,
    venue: str,
    account: str,
    is_stdin: bool,
    is_unknown_allowed: bool,
    is_unchecked: bool,
    kek: str,
    is_sandbox: bool,
    base_url: str,
    home: Path,
    output: Format,
) -> None:
    from app.venues.clock import SystemClock
    from app.venues.vault import KeyRow, Verdict

    require(CEX)  # before a secret is typed
    key_id, secrets = _asked_on_stdin() if is_stdin else _asked_at_prompt(venue)
    vault = _vault(home, kek, may_create=verb == "add")
    draft = KeyRow(account, venue, key_id, 0, Verdict.UNCHECKED, None, SystemClock().wall_ns())
    row = _refusing(lambda: vault.add(draft, secrets) if verb == "add" else vault.rotate(draft, secrets))
    if not is_unchecked:
        row = _checked(vault, row, home, kek, is_sandbox, base_url, is_unknown_allowed, is_new=True)
    _show(output, row)


@dataclass(frozen=True, slots=True)
class KeyPlace:
    """Where the keys are and where they are tried."""

    home: Path
    kek: str
    is_sandbox: bool
    base_url: str


def key_findings(profile: VenueProfile, place: KeyPlace) -> list[Finding]:
    """What each version of our keys at a venue may do, by the venue's own word; none where there is no key."""
    from app.domain.errors import Refused, Unavailable
    from app.venues.cex.ccxt_sign import VenueSetup
    from app.venues.cex.check import Finding, Verdict
    from app.venues.cex.permissions import refuse_dangerous
    from app.workers.key_check import rights_of
    from app.workers.signer_handle import SignerConfig

    if not _folder(place.home).exists():
        return []
    setup = VenueSetup(profile.ccxt_id, place.is_sandbox, place.base_url)
    config = SignerConfig(_folder(place.home), f"file:{_kek_path(place.home, place.kek)}", {profile.venue_id: setup})
    found = []
    for row in _refusing(_vault(place.home, place.kek).rows):
        if row.venue != profile.venue_id:
            continue
        verdict = Verdict.OK
        try:
            rights = rights_of(row, config)
            said = ", ".join(
                f"{word} {_YES[may]}"
                for word, may in (
                    ("withdraw", rights.can_withdraw),
                    ("transfer", rights.can_transfer),
                    ("bound to addresses", rights.is_ip_bound),
                )
            )
            refuse_dangerous(rights, row.venue, row.account)
            if not rights.is_known:
                verdict = Verdict.NOT_OFFERED
        except Refused as refusal:
            verdict, said = Verdict.FAILED, f"refused: {refusal.facts['reason']}"
        except Unavailable as error:
            verdict, said = Verdict.FAILED, error.detail
        stored = f"{row.key_id}, stored as {row.verdict.value}: "
        found.append(Finding(row.venue, f"key {row.account} v{row.version}", verdict, stored + said))
    return found


def _checked(
    vault: Vault,
    row: KeyRow,
    home: Path,
    kek: str,
    is_sandbox: bool,
    base_url: str,
    is_unknown_allowed: bool,
    *,
    is_new: bool = False,
) -> KeyRow:
    """The row with its verdict; a dangerous new key is forgotten before the command ends."""
    from app.domain.errors import Refused, Unavailable
    from app.venues.cex.ccxt_sign import VenueSetup
    from app.venues.cex.profile_table import profiles
    from app.workers.key_check import check_key
    from app.workers.signer_handle import SignerConfig

    profile = profiles().get(row.venue)
    setup = VenueSetup(profile.ccxt_id if profile else row.venue, is_sandbox, base_url)
    config = SignerConfig(_folder(home), f"file:{_kek_path(home, kek)}", {row.venue: setup})
    try:
        judged, rights = check_key(vault, row, config, is_unknown_allowed=is_unknown_allowed)
    except Refused as refusal:
        if is_new:
            vault.remove(row.account, row.venue, row.version)
        raise CommandError(Exit.REJECTED, f"refused: {refusal}", {"code": refusal.facts["reason"]}) from None
    except Unavailable as error:
        print(f"warning: not checked, so it places nothing yet: {error.detail}", file=sys.stderr)
        return row
    if not rights.is_ip_bound:
        words = "is not bound to addresses" if rights.is_ip_bound is False else "may not be bound to addresses"
        print(f"warning: this key {words}: set an allow-list at {row.venue}", file=sys.stderr)
    return judged


def _asked_on_stdin() -> tuple[str, VenueSecrets]:
    from app.venues.vault import Secret, VenueSecrets

    try:
        told = json.loads(sys.stdin.read(65_536))
        texts = {name: str(told.pop(name, "")) for name in ("key", "secret", "passphrase", "uid")}
        if told or not texts["key"] or not texts["secret"]:
            raise ValueError
    except (ValueError, AttributeError, TypeError):
        # The text is not repeated: it holds the secret.
        raise CommandError(Exit.USAGE, "stdin is not one JSON object with key and secret") from None
    return texts["key"], VenueSecrets(Secret(texts["secret"]), Secret(texts["passphrase"]), texts["uid"])


def _asked_at_prompt(venue: str) -> tuple[str, VenueSecrets]:
    from app.venues.cex.profile_table import profiles
    from app.venues.vault import Secret, VenueSecrets

    if not sys.stdin.isatty():
        raise CommandError(Exit.USAGE, "no terminal to ask at; use --stdin")
    profile = profiles().get(venue)
    wants = profile.credentials if profile else ("apiKey", "secret")
    key_id = typer.prompt("API key")
    secret = typer.prompt("Secret", hide_input=True)
    passphrase = typer.prompt("Passphrase", hide_input=True) if "password" in wants else ""
    uid = typer.prompt("User id") if "uid" in wants else ""
    return key_id, VenueSecrets(Secret(secret), Secret(passphrase), uid)


def _vault(home: Path, kek: str, *, may_create: bool = False) -> Vault:
    from app.venues.kek import FileKek
    from app.venues.vault import FILE_NAME, Vault

    path = _kek_path(home, kek)
    # A new key beside an old vault would open nothing in it.
    is_new = may_create and not path.exists() and not (_folder(home) / FILE_NAME).exists()
    return Vault(_folder(home), _refusing(lambda: FileKek.create(path) if is_new else FileKek(path)))


def _folder(home: Path) -> Path:
    return home.expanduser() / VAULT_FOLDER


def _kek_path(home: Path, kek: str) -> Path:
    return Path(kek).expanduser() if kek else home.expanduser() / KEK_FILE


def _refusing(act: Callable[[], T]) -> T:
    from app.domain.errors import Refused

    try:
        return act()
    except Refused as refusal:
        raise CommandError(Exit.REJECTED, f"refused: {refusal}", {"code": refusal.facts["reason"]}) from None
    except ModuleNotFoundError as error:
        raise CommandError(Exit.USAGE, f"{error.name} is not installed: {CEX.fix}") from None


def _show(output: Format, row: KeyRow) -> None:
    shown = _shown(row)
    line = "{venue} {account} version {version}: {key}, {verdict}".format(**shown)
    show_json(shown) if output is Format.JSON else print(line)


def _shown(row: KeyRow) -> dict[str, Any]:
    from app.venues.vault import masked

    return {
        "account": row.account,
        "venue": row.venue,
        "key": masked(row.key_id),
        "version": row.version,
        "verdict": row.verdict.value,
        "ip_bound": {True: "yes", False: "no", None: "not known"}[row.is_ip_bound],
    }
