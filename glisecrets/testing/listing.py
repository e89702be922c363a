"""Filters and pages of Secrets Manager's lists."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, TypeVar

from .wire import Request, WireError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from ..stores.local.record import SecretRecord

Item = TypeVar("Item")

#: What each filter key compares with (API reference, Filter). Values are prefixes.
_FILTERS: dict[str, Callable[[SecretRecord], Iterable[str]]] = {
    "name": lambda record: [record.name],
    "description": lambda record: [record.description],
    "tag-key": lambda record: record.tags,
    "tag-value": lambda record: record.tags.values(),
    "all": lambda record: [record.name, record.description, *record.tags, *record.tags.values()],
}


def matching(
    records: Iterable[SecretRecord], filters: Sequence[Mapping[str, Any]]
) -> list[SecretRecord]:
    """Give the records that fit every filter; within one, any of its values will do.

    Raises:
        WireError: there are more than ten filters, or one has an unknown key.
    """
    if len(filters) > 10 or any(each["Key"] not in _FILTERS for each in filters):  # noqa: PLR2004 - the API reference's own
        raise WireError("InvalidParameterException", "A filter is not valid.")
    return [record for record in records if all(_fits(record, each) for each in filters)]


def page(
    items: Sequence[Item], request: Request, *, size: int
) -> tuple[Sequence[Item], dict[str, str]]:
    """Give one page and, where more follows, the answer's ``NextToken`` field.

    Raises:
        WireError: the request's token was not given by this function.
    """
    start = _position(request.get("NextToken"))
    end = start + request.get("MaxResults", size)
    more = {"NextToken": base64.b64encode(b"%d" % end).decode()} if end < len(items) else {}
    return items[start:end], more


def _fits(record: SecretRecord, condition: Mapping[str, Any]) -> bool:
    texts = list(_FILTERS[condition["Key"]](record))
    return any(_value_fits(texts, value) for value in condition["Values"])


def _value_fits(texts: list[str], value: str) -> bool:
    wanted = value.removeprefix("!")
    return any(text.startswith(wanted) for text in texts) is not value.startswith("!")


def _position(token: str | None) -> int:
    if token is None:
        return 0
    try:
        return int(base64.b64decode(token, validate=True))
    except ValueError as error:
        raise WireError("InvalidNextTokenException", "The NextToken value is invalid.") from error
