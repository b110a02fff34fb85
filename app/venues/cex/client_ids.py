"""Our child ids as each venue takes them: as they are, as a UUID of the same 128 bits, or as a hash in few bits."""

from __future__ import annotations

import hashlib
import re
import uuid
from typing import Final

from app.domain.errors import InvariantBroken
from app.domain.ids import ULID_LENGTH
from app.venues.cex.profile import ClientIdRule, IdForm

_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_VALUES: Final = {letter: value for value, letter in enumerate(_ALPHABET)}
_ULID: Final = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}", re.ASCII)


def wire_client_id(rule: ClientIdRule, client_id: str) -> str:
    """`client_id` (a ULID) as `rule`'s venue takes it; the same each time.

    Raises InvariantBroken where the result would break the venue's own rule: the table is wrong then.
    """
    if _ULID.fullmatch(client_id) is None:
        raise InvariantBroken(client_id=client_id, reason="no ULID")
    match rule.form:
        case IdForm.ULID:
            text = rule.prefix + client_id
        case IdForm.UUID:
            text = rule.prefix + str(uuid.UUID(int=_number(client_id)))
        case IdForm.UINT:
            digest = hashlib.sha256(client_id.encode()).digest()
            # Never 0: several venues take 0 for "none given".
            text = str(int.from_bytes(digest[:8], "big") % (2**rule.bits - 1) + 1)
    if len(text) > rule.max_length or re.fullmatch(rule.alphabet, text) is None:
        raise InvariantBroken(client_id=text, alphabet=rule.alphabet, max_length=rule.max_length)
    return text


def client_id_params(rule: ClientIdRule, client_id: str) -> dict[str, str | int]:
    """What create_order takes, beside the order, so that it carries `client_id`."""
    text = wire_client_id(rule, client_id)
    return {rule.param: int(text) if rule.form is IdForm.UINT else text}


def own_client_id(rule: ClientIdRule, text: str) -> str:
    """The ULID behind a venue's client id; empty where it is not one of ours, or where the form is one-way."""
    body = text.removeprefix(rule.prefix)
    if rule.prefix and body == text:
        return ""
    match rule.form:
        case IdForm.ULID:
            return body if _ULID.fullmatch(body) else ""
        case IdForm.UUID:
            try:
                return _ulid(uuid.UUID(body).int)
            except ValueError:
                return ""
        case IdForm.UINT:
            return ""


def _number(ulid: str) -> int:
    value = 0
    for letter in ulid:
        value = value << 5 | _VALUES[letter]
    return value


def _ulid(value: int) -> str:
    return "".join(_ALPHABET[value >> shift & 31] for shift in range(5 * (ULID_LENGTH - 1), -1, -5))
