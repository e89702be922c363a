"""Which hosts a credential leads to: read from URLs, DSNs and JSON documents. Pure."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

from .fields import HOST_NAMES

if TYPE_CHECKING:
    from collections.abc import Iterator

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_USER = re.compile(r"://[^/?#\s@]*@")
_END = re.compile(r"[/?#;\s]")
_KEYWORD = re.compile(r"(?:^|[\s;?&])(?:host|server|data source)\s*=\s*([^\s;&]+)", re.IGNORECASE)
_PORT = re.compile(r":\d+$")


def hosts_in(value: object, name: str = "") -> Iterator[str]:
    """Give the hosts that a resolved value leads to.

    They stand in URLs (also several in one, or one after the other), in DSNs of keywords
    (``host=… port=…``), and at the JSON keys
    whose names end as ``fields.HOST_NAMES`` do.

    Args:
        value: text, bytes, or what a JSON document holds.
        name: what the value is called: a field's name or a JSON key.
    """
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    if isinstance(value, str):
        value = _parsed(value)
    if isinstance(value, dict):
        for key, item in value.items():
            yield from hosts_in(item, str(key))
    elif isinstance(value, list | tuple | set):
        for item in value:
            yield from hosts_in(item, name)
    elif isinstance(value, str):
        yield from _hosts_in_text(value, name)


def leads_somewhere(value: object) -> bool:
    """Tell whether a value is a credential by itself: a URL with a user or password in it."""
    return isinstance(value, str) and "://" in value and _USER.search(value) is not None


def _parsed(text: str) -> object:
    """Give what a JSON object holds; a text that is none stays as it is."""
    if not text.lstrip().startswith("{"):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _hosts_in_text(text: str, name: str) -> Iterator[str]:
    urls = _SCHEME.split(text)[1:] if "://" in text else []
    for url in urls:
        # A password may hold an unquoted "/": then the host stands after the last "@".
        for rest in {url, url.rpartition("@")[2]}:
            yield from _each(_END.split(rest, maxsplit=1)[0])
    for match in _KEYWORD.finditer(text) if "=" in text else ():
        yield from _each(match[1])
    if not urls and name.lower().endswith(HOST_NAMES):
        yield from _each(text)


def _each(hosts: str) -> Iterator[str]:
    """Split ``user:password@host:5432,host`` into its hosts."""
    for host in hosts.rpartition("@")[2].split(","):
        yield unquote(_PORT.sub("", host.strip()))
