"""The Lambda's entry point, ``glisecrets.rotation.handler.handle``: one step, or the daily sweep.

Secrets Manager sends a step; an EventBridge schedule, or ``{"Action": "retire"}``, asks to revoke
what is past its overlap. Imported at the top is what every step needs: it is a cold start's time.
"""

from __future__ import annotations

import logging
import os
from contextlib import contextmanager
from functools import cache, partial
from pathlib import PurePath
from traceback import walk_tb
from typing import TYPE_CHECKING, Any

from glisecrets.errors import GlisecretsError
from glisecrets.redaction.hooks import RedactingFilter
from glisecrets.stores.aws import AwsStore

from .engine import Engine, Step
from .errors import NotRotatable, RotationError
from .lambda_log import StepLine
from .subject import ROTATOR, TAG_PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

#: Names a prefix that the sweep keeps to; unset, it goes through every secret with a rotator.
PREFIX_VARIABLE = "GLISECRETS_RETIRE_PREFIX"

_OF_STEPS = {"Step", "SecretId", "ClientRequestToken"}
_RETIRE = "retire"
#: What EventBridge's rules and EventBridge Scheduler say of an event that a schedule sends.
_SCHEDULED = "Scheduled Event"
_EVENTS = 'Secrets Manager sends the steps; for the sweep, send {"Action": "retire"}'
_BEFORE_PUT = "provide-client-params.secrets-manager.PutSecretValue"


def handle(event: Mapping[str, Any], context: Any = None) -> dict[str, str]:
    """Do what an event asks for, and tell how it went.

    Raises:
        NotRotatable: the event is neither Secrets Manager's nor a schedule's.
        RotationError: as :meth:`.engine.Engine.step`; Secrets Manager then tries again.
        StoreError: the store did not take part.
    """
    request_id = getattr(context, "aws_request_id", "")
    if not isinstance(event, dict):
        raise NotRotatable("the event is no JSON object", next_step=_EVENTS)
    if event.keys() >= _OF_STEPS:
        return {"result": _step(event, request_id)}
    if event.get("detail-type") == _SCHEDULED or event.get("Action") == _RETIRE:
        return {"result": _sweep(os.environ.get(PREFIX_VARIABLE, ""), request_id)}
    raise NotRotatable(
        f"the event has neither {', '.join(sorted(_OF_STEPS))} nor Action",
        next_step=_EVENTS,
    )


def _step(event: Mapping[str, Any], request_id: str) -> str:
    step, secret, token = event["Step"], event["SecretId"], event["ClientRequestToken"]
    if not all(isinstance(text, str) for text in (step, secret, token)):
        raise NotRotatable(
            f"the event's {', '.join(sorted(_OF_STEPS))} are no texts", next_step=_EVENTS
        )

    def work() -> str:
        with _rotation_token(event.get("RotationToken")):
            return Engine(_store()).step(Step.named(step), secret, token).result

    return _reported(StepLine(step, secret, token, request_id=request_id), work)


def _sweep(prefix: str, request_id: str) -> str:
    """Revoke every old value that is due; a secret that fails keeps no other one waiting."""
    engine, failed = Engine(_store()), []
    secrets = _rotated_secrets(prefix)
    for secret in secrets:
        line = StepLine(_RETIRE, secret, request_id=request_id)
        try:
            _reported(line, partial(_retire, engine, secret))
        except GlisecretsError:
            failed.append(secret)
    if failed:
        raise RotationError(
            f"{len(failed)} of {len(secrets)} secrets could not be swept: {', '.join(failed)}",
            next_step="see this invocation's lines: one for each secret",
        )
    return f"swept {len(secrets)}"


def _retire(engine: Engine, secret: str) -> str:
    from .retiring import retire

    return "retired" if retire(engine.subject(secret)) else "kept"


def _rotated_secrets(prefix: str) -> list[str]:
    """Give the names of the secrets that have a rotator's tag."""
    filters = [{"Key": "tag-key", "Values": [TAG_PREFIX + ROTATOR]}]
    if prefix:
        filters.append({"Key": "name", "Values": [prefix]})
    params = {"MaxResults": 100, "Filters": filters}
    listed = _store().connection.pages("ListSecrets", "SecretList", None, params)
    return sorted(entry["Name"] for entry in listed)


def _reported(line: StepLine, work: Callable[[], str]) -> str:
    """Do some work and write its line.

    Raises:
        GlisecretsError: what the work raised; anything else as one that repeats none of its text.
    """
    failure: GlisecretsError
    try:
        result = work()
    except GlisecretsError as error:
        failure = error
    except Exception as error:  # noqa: BLE001 - whose text may hold a value
        failure = _fault(error)
    else:
        line.done(result)
        return result
    line.failed(failure)
    raise failure.with_traceback(None)


def _fault(error: Exception) -> RotationError:
    *_, (frame, number) = walk_tb(error.__traceback__)
    place = f"{PurePath(frame.f_code.co_filename).name}:{number}"
    return RotationError(
        f"a fault of the program: {type(error).__name__} at {place}", next_step="report this line"
    )


@cache
def _store() -> AwsStore:
    """Give the sandbox's store, which every event uses, and make its log safe."""
    for handler in logging.getLogger().handlers:
        handler.addFilter(RedactingFilter())
    return AwsStore()


@contextmanager
def _rotation_token(token: str | None) -> Iterator[None]:
    """Send a rotation's token along with the version that is written.

    Secrets Manager asks for it when the Lambda assumes a role of another account. It is no
    option of the store, which knows nothing of Lambda: botocore is told.
    """
    if token is None:
        yield
        return
    events = _store().connection.client().meta.events

    def add(params: dict[str, Any], **_: Any) -> None:
        params["RotationToken"] = token

    events.register(_BEFORE_PUT, add)
    try:
        yield
    finally:
        events.unregister(_BEFORE_PUT, add)
