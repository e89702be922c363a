"""Carries out a plan: calls overlapped, answers and errors mapped to their addresses."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import UTC
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from ...errors import InvalidRequest, StoreError, StoreUnavailable
from ...references import Address
from ..base import SecretVersion
from .calling import attempt
from .client import CONNECTIONS
from .failures import Asked, answered, is_denied, translate
from .planner import Batch, Call, Single, entry_ids, plan

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from botocore.client import BaseClient

Answers = dict[Address, SecretVersion | StoreError]

#: Most pages of one batch that are followed; a batch is 20 secrets, and pages may be empty.
_MAX_PAGES = 50


class Reader:
    """Reads many versions once. A class for what its calls, in several threads, share.

    Args:
        client: a client of ``secretsmanager``.
        where: its region, for messages.
        batch: whether BatchGetSecretValue may be used; it turns false when the right is missing.
    """

    def __init__(self, client: BaseClient, where: str, *, batch: bool) -> None:
        self.batch = batch
        self._client = client
        self._where = where
        #: Set by the first call that got no answer at all; calls not yet begun are then spared.
        self._lost: Exception | None = None

    def read(self, addresses: Iterable[Address]) -> Answers:
        """Read every address, given in normal form; the keys are the addresses.

        What a batch left without an answer, or answered with a passing fault, is asked again by
        itself.
        """
        calls = plan(addresses, batch=self.batch)
        found = self._run(calls)
        left = [Single(a) for call in calls for a in call.addresses if a not in found]
        return found | self._run(left)

    def single(self, address: Address) -> SecretVersion | StoreError:
        """Read one version by GetSecretValue."""
        answer = attempt(self._client, "GetSecretValue", _params(address))
        failed = isinstance(answer, Exception)
        return self._failed(answer, address) if failed else self._version(answer, address)

    def _run(self, calls: Sequence[Call]) -> Answers:
        if len(calls) <= 1:
            return self._answer(calls[0]) if calls else {}
        with ThreadPoolExecutor(min(CONNECTIONS, len(calls))) as pool:
            # The context goes along, so that a tracer sees these calls under its span.
            futures = [pool.submit(copy_context().run, self._answer, call) for call in calls]
        found: Answers = {}
        for future in futures:
            found |= future.result()
        return found

    def _answer(self, call: Call) -> Answers:
        if self._lost is not None:
            return {address: self._failed(self._lost, address) for address in call.addresses}
        if isinstance(call, Single):
            return {call.address: self.single(call.address)}
        return self._batch(call)

    def _batch(self, batch: Batch) -> Answers:
        found: Answers = {}
        params: dict[str, Any] = {"SecretIdList": list(batch.secrets)}
        for _page in range(_MAX_PAGES):
            answer = attempt(self._client, "BatchGetSecretValue", params)
            if isinstance(answer, Exception):
                return found | self._batch_failed(answer, batch)
            found |= self._entries(answer, batch)
            if not answer.get("NextToken"):
                break
            params["NextToken"] = answer["NextToken"]
        return found

    def _entries(self, answer: Mapping[str, Any], batch: Batch) -> Answers:
        values, errors = answer.get("SecretValues", ()), answer.get("Errors", ())
        read = {a: self._version(entry, a) for entry, a in _matched(values, batch)}
        failed = {a: self._entry_error(entry, a) for entry, a in _matched(errors, batch)}
        lasting = {a: e for a, e in failed.items() if not isinstance(e, StoreUnavailable)}
        return read | lasting

    def _batch_failed(self, error: Exception, batch: Batch) -> Answers:
        """Tell what a batch's failure means for its secrets; those left out are asked singly.

        That is all of them without the right to batch, and where the request is refused, which
        one secret's bad name is enough for.
        """
        if is_denied(error):
            self.batch = False
            return {}
        failed = {a: self._failed(error, a, "BatchGetSecretValue") for a in batch.addresses}
        return {a: e for a, e in failed.items() if not isinstance(e, InvalidRequest)}

    def _failed(
        self, error: Exception, address: Address, action: str = "GetSecretValue"
    ) -> StoreError:
        failure = translate(error, self._asked(address)._replace(action=action))
        if isinstance(failure, StoreUnavailable) and not isinstance(error, ClientError):
            self._lost = error
        return failure

    def _entry_error(self, entry: Mapping[str, Any], address: Address) -> StoreError:
        code, said = entry.get("ErrorCode", "Unknown"), entry.get("Message", "")
        return answered(code, said, self._asked(address))

    def _version(self, entry: Mapping[str, Any], address: Address) -> SecretVersion | StoreError:
        value = entry.get("SecretString", entry.get("SecretBinary"))
        if value is None:
            return answered("ResourceNotFound", "it has no value yet", self._asked(address))
        created = entry.get("CreatedDate")
        return SecretVersion(
            secret=address.secret,
            version_id=entry["VersionId"],
            value=value,
            labels=frozenset(entry.get("VersionStages", ())),
            created=created.astimezone(UTC) if created else None,
        )

    def _asked(self, address: Address) -> Asked:
        version = address.version_id or address.label
        return Asked("GetSecretValue", self._where, address.secret, version)


def _params(address: Address) -> dict[str, str]:
    named = {"VersionId": address.version_id, "VersionStage": address.label}
    return {"SecretId": address.secret} | {key: value for key, value in named.items() if value}


def _matched(
    entries: Iterable[Mapping[str, Any]], batch: Batch
) -> Iterator[tuple[Mapping[str, Any], Address]]:
    for entry in entries:
        ids = entry_ids(entry)
        yield from ((entry, address) for address in batch.addresses if address.secret in ids)
