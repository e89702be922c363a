"""What is shown in place of an encrypted value, and how dumps hold one.

``dumpdata`` writes ``gs1:`` and the encrypted message in base64. Only ``loaddata`` takes that
back: were it decrypted wherever a value is converted, a form would decrypt for whoever fills it
in what they found in a backup. Nor is it text like other text: whoever saved it would lose the
value, as a client does that sends back what it was shown.
"""

from __future__ import annotations

import base64
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, ClassVar

from glisecrets.keys.envelope.errors import InvalidMessage
from glisecrets.keys.envelope.gs1 import key_id_of

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["KEEP", "MASK", "Masked", "is_loading", "is_message", "loading", "message_of", "text_of"]

_PREFIX = "gs1:"
_LOADING: ContextVar[bool] = ContextVar("glisecrets_loading_fixtures", default=False)


class Masked:
    """Stands where a value is not shown, or stays as it is. There are two: MASK and KEEP."""

    __slots__ = ("_text",)
    #: Django asks this of form values, to tell which are empty.
    __hash__: ClassVar[Any] = object.__hash__

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text

    def __copy__(self) -> Masked:
        return self

    def __deepcopy__(self, memo: Any) -> Masked:
        return self


#: What forms and serialisers are given in place of a value.
MASK = Masked("••••••")
#: What a form's cleaned data hold of a field that was left empty: the value stays.
KEEP = Masked("(unchanged)")


def text_of(message: bytes) -> str:
    """Give an encrypted message as a dump holds it."""
    return _PREFIX + base64.b64encode(message).decode()


def message_of(value: Any) -> bytes | None:
    """Give the message of what begins as :func:`text_of` gives it; else None.

    An empty one is none, and refused where it is decrypted.
    """
    if not (isinstance(value, str) and value.startswith(_PREFIX)):
        return None
    try:
        return base64.b64decode(value.removeprefix(_PREFIX), validate=True)
    except ValueError:
        return b""


def is_message(value: Any) -> bool:
    """Tell whether it is what :func:`text_of` gave, as nobody writes by chance."""
    message = message_of(value)
    if message is None:
        return False
    try:
        return bool(key_id_of(message))
    except InvalidMessage:
        return False


@contextmanager
def loading() -> Iterator[None]:
    """Take encrypted messages for values within this block."""
    token = _LOADING.set(True)
    try:
        yield
    finally:
        _LOADING.reset(token)


def is_loading() -> bool:
    """Tell whether fixtures are loaded, by ``loaddata``."""
    return _LOADING.get()
