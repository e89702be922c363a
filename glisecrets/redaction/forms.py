"""The forms that a secret takes in logs, error text and output.

Two pure steps. :func:`parts` finds what is secret inside a value: the value, the leaves of a JSON
document, the lines of a PEM, the password of a URL. :func:`encodings` spells one part in every
way that common software writes it: base64, URL-quoted, JSON-, Python-, HTML- and shell-escaped.

Over-masking makes logs useless (actions/runner#326), so these are not masked: anything shorter
than :data:`MIN_LENGTH` characters, blanks, :data:`COMMON_WORDS`, and the JSON leaves that
:data:`PLAIN_KEYS` names.
"""

from __future__ import annotations

import json
import re
from binascii import Error as NotBase64
from binascii import a2b_base64, b2a_base64
from collections.abc import Iterator, Mapping
from typing import NamedTuple, Protocol, runtime_checkable
from urllib.parse import quote, quote_plus, unquote

#: Shorter values, in characters, are not masked: they stand by chance in any text.
MIN_LENGTH = 6

#: Values that are never masked, in lower case: a weak password must not blank out every log.
COMMON_WORDS = frozenset(
    """
    administrator changeme cluster database default development disable disabled django enabled
    example github glisecrets internal localhost master password placeholder postgres
    postgresql prefer primary private production public readonly redacted replica require required
    secret secrets service staging username valkey verify-ca verify-full
    """.split()  # noqa: SIM905 - a paragraph reads better than forty quoted lines
)

#: Keys of JSON secrets whose values are addresses and names, without case, ``-`` and ``_``. Those
#: of the RDS secret structure, of Google's service accounts and of JSON Web Keys.
PLAIN_KEYS = frozenset(
    """
    accesskeyid alg algorithm authprovider authproviderx509certurl authuri awsaccesskeyid
    clientemail clientid clientx509certurl database databasename db dbclusteridentifier
    dbinstanceidentifier dbname email endpoint engine environment host hostname issuer keyid kid
    kty mail masterarn name port privatekeyid projectid protocol publickey region schema sslmode
    tokenuri type universedomain use user username
    """.split()  # noqa: SIM905 - as above
)

_ARMOUR = "-----BEGIN"
_ARMOUR_BASE64 = "LS0tLS1CRUdJTi"
#: A password may hold an unquoted ``@`` (the last one ends it) or, at worst, an unquoted ``/``.
_URL_PASSWORD = re.compile(r"://[^/?#\s:@]*:(?:([^/?#\s]+)|(\S+))@")
_QUOTED_BYTE = re.compile(r"%[0-9A-F]{2}")
_TO_URLSAFE = bytes.maketrans(b"+/", b"-_")
_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;"}
#: Django and the standard library write the first, Jinja (MarkupSafe) the second.
_HTML_ESCAPES = (
    str.maketrans(_HTML),
    str.maketrans(_HTML | {'"': "&#34;", "'": "&#39;"}),
)


@runtime_checkable
class HidesSecret(Protocol):
    """pydantic's ``SecretStr``, ``SecretBytes`` and whatever is opened as they are."""

    def get_secret_value(self) -> object:
        """Give the value."""
        ...


#: What can be made known: text, bytes, a hidden value, or a parsed JSON document of them.
Value = str | bytes | HidesSecret | Mapping[str, object] | list[object] | int | float | None


class Part(NamedTuple):
    """Something secret inside a value."""

    #: The value's name; for a JSON leaf, with its key: ``database.password``.
    name: str
    content: bytes
    #: Whether it is masked: long enough, and no common word.
    masked: bool


def parts(value: object, name: str = "") -> Iterator[Part]:
    """Give the secret parts of a value, the whole first, each with its name.

    Parts that are not masked are given only where a person would expect masking: the whole and
    JSON leaves, not short lines of a PEM.
    """
    # Text first: each load asks this of every secret, and a protocol is slow to ask for.
    if isinstance(value, str):
        return _text(value, name)
    if isinstance(value, bytes):
        return _binary(value, name)
    if isinstance(value, Mapping | list | tuple):
        return _leaves(value, name)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return (part for part in _text(str(value), name) if part.masked)
    if isinstance(value, HidesSecret):
        return parts(value.get_secret_value(), name)
    return iter(())


def _binary(value: bytes, name: str) -> Iterator[Part]:
    try:
        text = value.decode()
    except UnicodeDecodeError:
        yield Part(name, value, len(value) >= MIN_LENGTH)
    else:
        yield from _text(text, name)


def _text(text: str, name: str) -> Iterator[Part]:
    if not text:
        return
    yield Part(name, _utf8(text), _maskable(text))
    document = _json_document(text)
    if document is not None:
        yield from _leaves(document, name)
        return
    pieces = {*_lines(text), *_url_passwords(text)} - {text}
    yield from (Part(name, _utf8(piece), True) for piece in pieces if _maskable(piece))
    if text.lstrip().startswith(_ARMOUR_BASE64):
        yield from _armoured_in_base64(text, name)


def _utf8(text: str) -> bytes:
    """Encode text that may hold lone surrogates, as names of files and variables do."""
    return text.encode("utf-8", "surrogatepass")


def _maskable(text: str) -> bool:
    # A blank stands in any text too: as an indentation.
    return len(text) >= MIN_LENGTH and not text.isspace() and text.lower() not in COMMON_WORDS


def _json_document(text: str) -> object | None:
    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        return json.loads(text)  # type: ignore[no-any-return]
    except (ValueError, RecursionError):
        return None


def _leaves(document: object, name: str) -> Iterator[Part]:
    # Without recursion: a document may be nested more deeply than Python's stack.
    waiting = [(document, name)]
    while waiting:
        node, name = waiting.pop()
        if isinstance(node, Mapping):
            within = [
                (leaf, f"{name}.{key}" if name else str(key))
                for key, leaf in node.items()
                if re.sub("[-_]", "", str(key).lower()) not in PLAIN_KEYS
            ]
            waiting += reversed(within)
        elif isinstance(node, list | tuple):
            waiting += ((leaf, name) for leaf in reversed(node))
        else:
            yield from parts(node, name)


def _lines(text: str) -> list[str]:
    """Split text at its newlines; a PEM also where they are written as an escape."""
    if _ARMOUR in text:
        text = text.replace("\\r", "\n").replace("\\n", "\n")
    lines = [line.strip() for line in text.replace("\r", "\n").split("\n")]
    return [line for line in lines if not line.startswith("-----")]


def _url_passwords(text: str) -> Iterator[str]:
    if "://" not in text:
        return  # told sooner than by the search
    for match in _URL_PASSWORD.finditer(text):
        password = match[1] or match[2]
        yield from (password, unquote(password))


def _armoured_in_base64(text: str, name: str) -> Iterator[Part]:
    try:
        pem = a2b_base64(text).decode()
    except (NotBase64, ValueError):
        return
    yield from _text(pem, name)


def encodings(part: bytes) -> set[bytes]:
    """Give every form of one part, itself included.

    Base64 is found at any of the three alignments inside a longer base64 text. Where more text
    follows or precedes there, the border character that both share stays; it tells at most four
    bits.
    """
    found = {part, *_base64(part), *_url_quoted(part)}
    try:
        found.update(map(_utf8, _escaped(part.decode("utf-8", "surrogatepass"))))
        found.add(repr(part)[2:-1].encode())
    except UnicodeDecodeError:
        found.update(_binary_spellings(part))
    return found


def _binary_spellings(part: bytes) -> Iterator[bytes]:
    yield from (part.hex().encode(), part.hex().upper().encode(), repr(part)[2:-1].encode())
    yield _utf8(part.decode("utf-8", "surrogateescape"))


def _base64(part: bytes) -> Iterator[bytes]:
    for before in range(3):
        # The first characters belong to the bytes before the part, wholly or in their low bits.
        lead = (0, 2, 3)[before]
        padded = b2a_base64(bytes(before) + part, newline=False)[lead:]
        unshared = padded[: (before + len(part)) * 8 // 6 - lead]
        for form in (padded, padded.rstrip(b"="), unshared):
            yield form
            yield form.translate(_TO_URLSAFE)


def _url_quoted(part: bytes) -> Iterator[bytes]:
    # Nothing safe, Python's own choice, and JavaScript's encodeURIComponent.
    quoted = {quote(part, safe) for safe in ("", "/", "!'()*")} | {quote_plus(part)}
    for form in quoted:
        yield form.encode()
        yield _QUOTED_BYTE.sub(lambda byte: byte[0].lower(), form).encode()


def _escaped(text: str) -> set[str]:
    spellings = {
        text,
        json.dumps(text)[1:-1],
        json.dumps(text, ensure_ascii=False)[1:-1],
        repr(text)[1:-1],
        ascii(text)[1:-1],
        # Inside a longer text with a double quote, repr escapes the single ones too.
        repr('"' + text)[2:-1],
        ascii('"' + text)[2:-1],
        text.replace("'", "'\"'\"'"),  # shlex.quote
        text.replace("'", "'\\''"),  # sh -x
    }
    # Debug pages escape the repr, so HTML goes over all of them.
    return spellings | {form.translate(table) for form in spellings for table in _HTML_ESCAPES}
