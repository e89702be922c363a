"""How a secret's rotation stands, without reading any of its values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from glisecrets.errors import GlisecretsError, SecretNotFound, StoreUnavailable
from glisecrets.references import AWSCURRENT

from ..errors import NoRotator
from ..retiring import overlap_end
from ..standing import begun, check_turned_on, unfinished
from ..subject import LAST_RESULT
from .schedule import grace

if TYPE_CHECKING:
    from datetime import datetime

    from ..engine import Engine
    from ..subject import Subject

#: A rotation takes minutes, but begins before anything is applied, and Secrets Manager and daily
#: runs try again by themselves: only one that is under way for longer needs someone. A client that
#: meets one logs a warning earlier, after five minutes (``glisecrets.ladder_climb``).
STUCK_AFTER = timedelta(hours=1)


class State(StrEnum):
    """What a person has to know first."""

    FINE = "fine"
    #: Its period is over, but not yet :func:`~.schedule.grace`.
    DUE = "due"
    OVERDUE = "overdue"
    UNDER_WAY = "under way"
    STUCK = "stuck"
    #: Nothing says how it is rotated.
    NO_ROTATOR = "no rotator"
    #: Tags or declaration are wrong, rotation is turned off, or the store denies.
    BROKEN = "broken"
    ABSENT = "not in the store"


#: States that make ``rotate status`` fail.
BAD = {State.OVERDUE, State.STUCK, State.BROKEN, State.ABSENT}
#: States that ``rotate run --due`` does something about.
RUNNABLE = {State.DUE, State.OVERDUE, State.STUCK}


@dataclass(frozen=True, slots=True)
class Condition:
    """How one secret's rotation stands."""

    secret: str
    state: State
    kind: str | None = None
    #: When the current version was written.
    since: datetime | None = None
    due: datetime | None = None
    #: When the rotation began that is under way or stuck.
    begun: datetime | None = None
    #: From when the version before the current one may be revoked.
    retirable: datetime | None = None
    #: What became of the last rotation, and when: ``finished``, or a step and its error's class.
    last_result: str | None = None
    #: What is broken.
    error: GlisecretsError | None = None


def inspect(engine: Engine, secret: str) -> Condition:
    """Tell how a secret's rotation stands.

    Raises:
        StoreUnavailable: the store cannot be asked.
    """
    try:
        subject = engine.subject(secret)
        check_turned_on(subject.description)
        return _condition(subject)
    except SecretNotFound:
        return Condition(secret, State.ABSENT)
    except NoRotator:
        return Condition(secret, State.NO_ROTATOR)
    except StoreUnavailable:
        raise  # of all the others, it would say the same
    except GlisecretsError as error:
        return Condition(secret, State.BROKEN, error=error)


def _condition(subject: Subject) -> Condition:
    description = subject.description
    created = {info.version_id: info.created for info in subject.store.versions(subject.name)}
    since = created.get(description.labelled(AWSCURRENT) or "")
    due = since + subject.period if since else None
    pending = unfinished(description)
    began = (begun(description, pending, created) or subject.clock.now()) if pending else None
    return Condition(
        secret=subject.name,
        state=_state(subject, due, began),
        kind=subject.kind,
        since=since,
        due=due,
        begun=began,
        last_result=subject.options.get(LAST_RESULT),
        retirable=overlap_end(subject, since),
    )


def _state(subject: Subject, due: datetime | None, began: datetime | None) -> State:
    now = subject.clock.now()
    if began is not None:
        return State.STUCK if now - began > STUCK_AFTER else State.UNDER_WAY
    if due is None or now < due:
        return State.FINE
    return State.OVERDUE if now > due + grace(subject.period) else State.DUE
