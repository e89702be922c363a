"""API keys of SendGrid, against a stub of its API that keeps keys and their scopes."""

from __future__ import annotations

import json
import logging
import secrets
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from glisecrets.rotation.errors import NotRotatable, ProviderRefused, Unreachable
from glisecrets.rotation.rotator import Rotation, Verdict
from glisecrets.rotation.rotators.sendgrid import SendGridKey

from .loopback import Asked, Reply, closed_port, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from glisecrets.stores.base import SecretValue

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
ADMIN = ["api_keys.create", "api_keys.read", "api_keys.delete"]


@dataclass
class Key:
    name: str
    text: str
    scopes: list[str]

    @property
    def id(self) -> str:
        return self.text.split(".")[1]


@dataclass
class SendGrid:
    """The part of SendGrid's API that is used."""

    url: str = ""
    keys: dict[str, Key] = field(default_factory=dict)
    #: Answers that come before the real ones.
    first: list[Reply] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    #: Whether the next key is made, and its answer lost.
    loses_answer: bool = False

    def add(self, name: str, scopes: list[str]) -> Key:
        text = f"SG.{secrets.token_urlsafe(16)}.{secrets.token_urlsafe(32)}"
        # As SendGrid does: no scopes named means all of them.
        key = Key(name, text, [*(scopes or ["everything"]), "2fa_required"])
        self.keys[key.id] = key
        return key

    def answer(self, asked: Asked) -> Reply:
        self.asked.append(asked)
        if self.first:
            return self.first.pop(0)
        caller = next((key for key in self.keys.values() if key.text == asked.token), None)
        if caller is None:
            return Reply(401, {"errors": [{"message": "authorization required"}]})
        if asked.path == "/v3/scopes":
            return Reply(200, {"scopes": caller.scopes})
        doing = {"GET": "read", "POST": "create", "DELETE": "delete"}[asked.method]
        if f"api_keys.{doing}" not in caller.scopes:
            return Reply(403, {"errors": [{"message": "access forbidden"}]})
        return getattr(self, doing)(asked)

    def read(self, _: Asked) -> Reply:
        listed = [{"name": key.name, "api_key_id": key.id} for key in self.keys.values()]
        return Reply(200, {"result": listed})

    def create(self, asked: Asked) -> Reply:
        key = self.add(asked.document["name"], asked.document["scopes"])
        if self.loses_answer:
            return Reply(502)
        told = {"api_key": key.text, "api_key_id": key.id, "scopes": key.scopes}
        return Reply(201, {**told, "name": key.name})

    def delete(self, asked: Asked) -> Reply:
        gone = self.keys.pop(asked.path.rpartition("/")[2], None)
        return Reply(404 if gone is None else 204)


@pytest.fixture
def sendgrid() -> Iterator[SendGrid]:
    stub = SendGrid()
    with serving(stub.answer) as stub.url:
        yield stub


@dataclass
class Clock:
    """A clock that a pause moves on."""

    time: datetime = NOW

    def pause(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


def rotation(sendgrid: SendGrid, current: SecretValue, /, **options: str) -> Rotation:
    clock = Clock()
    return Rotation(
        secret="gli/sendgrid",
        token=secrets.token_hex(16),
        current=current,
        options={"base-url": sendgrid.url, **options},
        held=lambda: [current],
        now=lambda: clock.time,
        pause=clock.pause,
    )


def later(of: Rotation, **time: float) -> Rotation:
    return replace(of, now=lambda: NOW + timedelta(**time))


def test_a_new_key_has_the_scopes_of_the_current_one(sendgrid: SendGrid) -> None:
    """What the service may do stays the same; SendGrid's own additions are left to SendGrid."""
    current = sendgrid.add("by hand", ["mail.send", *ADMIN])
    value = SendGridKey().propose(rotation(sendgrid, current.text))
    (new,) = (key for key in sendgrid.keys.values() if key.text == value)
    assert sorted(new.scopes) == sorted(current.scopes)


def test_a_key_that_may_only_send_mail_is_renewed_by_an_administrators(sendgrid: SendGrid) -> None:
    """The service's own key needs no right over keys."""
    admin = sendgrid.add("admin", ADMIN)
    current = json.dumps({"sendgrid": {"key": sendgrid.add("mail", ["mail.send"]).text}, "n": 1})
    options = {"admin": "gli/sendgrid/admin", "key": "sendgrid.key"}
    mail = replace(rotation(sendgrid, current, **options), read=lambda _: admin.text)
    value = SendGridKey().propose(mail)
    document = json.loads(value)
    assert document["n"] == 1
    (new,) = (key for key in sendgrid.keys.values() if key.text == document["sendgrid"]["key"])
    assert new.scopes == ["mail.send", "2fa_required"]
    assert SendGridKey().probe(mail, value) is Verdict.ACCEPTED


def test_a_key_without_a_right_over_keys_is_told_what_to_do(sendgrid: SendGrid) -> None:
    """The person on call reads which right is missing and where to name a key that has it."""
    mail = rotation(sendgrid, sendgrid.add("mail", ["mail.send"]).text)
    with pytest.raises(ProviderRefused, match="glisecrets:admin"):
        SendGridKey().propose(mail)


def test_a_key_with_unknown_scopes_never_becomes_one_with_all_of_them(sendgrid: SendGrid) -> None:
    """SendGrid gives every scope to a key that is made with none named."""
    admin, current = sendgrid.add("admin", ADMIN), sendgrid.add("by hand", ["mail.send"])
    current.scopes = ["2fa_required"]
    mail = rotation(sendgrid, current.text, admin="gli/sendgrid/admin")
    with pytest.raises(ProviderRefused, match="names no scopes"):
        SendGridKey().propose(replace(mail, read=lambda _: admin.text))
    assert len(sendgrid.keys) == 2


def test_the_new_key_says_whose_it_is(sendgrid: SendGrid) -> None:
    """Who looks at SendGrid's list sees the rotation that made a key; names stay short."""
    long = replace(rotation(sendgrid, sendgrid.add("by hand", ADMIN).text), secret="g" * 512)
    SendGridKey().propose(long)
    name = [key.name for key in sendgrid.keys.values()][-1]
    assert long.token in name
    assert name.endswith("ggg")
    assert len(name) == 100


def test_a_key_is_probed_by_its_own_scopes(sendgrid: SendGrid) -> None:
    """A deleted key is rejected at once."""
    key = sendgrid.add("by hand", ["mail.send"])
    probing = rotation(sendgrid, "SG.else.where")
    assert SendGridKey().probe(probing, key.text) is Verdict.ACCEPTED
    sendgrid.keys.clear()
    sendgrid.asked.clear()
    assert SendGridKey().probe(probing, key.text) is Verdict.REJECTED
    assert len(sendgrid.asked) == 1


def test_a_new_key_that_is_not_known_everywhere_yet_is_waited_for(sendgrid: SendGrid) -> None:
    """A rotation does not fail because the provider takes some seconds to spread a key."""
    key = sendgrid.add("new", ["mail.send"])
    sendgrid.first = [Reply(401)] * 3
    pending = replace(rotation(sendgrid, "SG.else.where"), pending=key.text)
    assert SendGridKey().probe(pending, key.text) is Verdict.ACCEPTED
    sendgrid.keys.clear()
    assert SendGridKey().probe(pending, key.text) is Verdict.REJECTED
    assert (pending.now() - NOW) <= timedelta(seconds=75)


@pytest.mark.parametrize("busy", [Reply(429, headers={"Retry-After": "7"}), Reply(503)])
def test_a_busy_sendgrid_is_waited_for(sendgrid: SendGrid, busy: Reply) -> None:
    """429 and 5xx say nothing of the key: it is asked again."""
    key = sendgrid.add("by hand", ["mail.send"])
    sendgrid.first = [busy, busy]
    probing = rotation(sendgrid, key.text)
    assert SendGridKey().probe(probing, key.text) is Verdict.ACCEPTED
    assert probing.now() - NOW == timedelta(seconds=14 if busy.status == 429 else 6)


def test_the_reset_time_of_a_rate_limit_is_waited_for(sendgrid: SendGrid) -> None:
    """SendGrid says with 429 at which second the next request may come; HTTP allows a date."""
    key = sendgrid.add("by hand", ["mail.send"])
    reset = str(int(NOW.timestamp()) + 20)
    sendgrid.first = [
        Reply(429, headers={"X-RateLimit-Reset": reset}),
        Reply(429, headers={"Retry-After": "Sat, 21 Nov 2026 09:00:25 GMT"}),
    ]
    probing = rotation(sendgrid, key.text)
    assert SendGridKey().probe(probing, key.text) is Verdict.ACCEPTED
    assert probing.now() - NOW == timedelta(seconds=25)


@pytest.mark.parametrize(
    "busy",
    [[Reply(429, headers={"Retry-After": "31"})], [Reply(429)] * 9, [Reply(500)] * 9],
)
def test_a_sendgrid_that_stays_busy_is_unreachable_not_wrong(
    sendgrid: SendGrid, busy: list[Reply]
) -> None:
    """The rotation waits half a minute at most; then it is tried again, with the same key."""
    key = sendgrid.add("by hand", ["mail.send"])
    sendgrid.first = busy
    probing = rotation(sendgrid, key.text)
    with pytest.raises(Unreachable) as caught:
        SendGridKey().probe(probing, key.text)
    assert caught.value.passing
    assert probing.now() - NOW <= timedelta(seconds=30)
    assert key.text not in f"{caught.value!r}"


def test_no_network_is_unreachable(sendgrid: SendGrid) -> None:
    """A wrong route never looks like a wrong key."""
    key = sendgrid.add("by hand", ["mail.send"])
    with closed_port() as url, pytest.raises(Unreachable, match=r"127\.0\.0\.1"):
        SendGridKey().probe(rotation(sendgrid, key.text, **{"base-url": url}), key.text)


def test_a_refusal_that_says_nothing_of_the_key_is_no_verdict(sendgrid: SendGrid) -> None:
    """Where an allow-list of addresses keeps the rotation out, the key may be good."""
    key = sendgrid.add("by hand", ["mail.send"])
    sendgrid.first = [Reply(403)]
    with pytest.raises(ProviderRefused):
        SendGridKey().probe(rotation(sendgrid, key.text), key.text)


def test_a_key_whose_answer_was_lost_is_not_asked_for_twice_and_deleted_later(
    sendgrid: SendGrid,
) -> None:
    """A crash or a lost answer leaves no key behind that nobody knows of."""
    current = sendgrid.add("by hand", ["mail.send", *ADMIN])
    lost = rotation(sendgrid, current.text)
    sendgrid.loses_answer = True
    with pytest.raises(Unreachable):
        SendGridKey().propose(lost)
    assert len(sendgrid.keys) == 2
    again = replace(lost, token=secrets.token_hex(16))  # an in-process run begins anew
    SendGridKey().reap(later(again, minutes=4))
    assert len(sendgrid.keys) == 2
    SendGridKey().reap(later(again, minutes=6))
    assert list(sendgrid.keys) == [current.id]


def test_reaping_spares_every_key_that_a_version_holds(sendgrid: SendGrid) -> None:
    """The keys of pending, previous and unlabelled versions are in use, or may be again."""
    current = sendgrid.add("by hand", ["mail.send", *ADMIN])
    first = rotation(sendgrid, current.text)
    values = [SendGridKey().propose(first) for _ in range(3)]
    late = replace(
        later(first, days=1),
        pending=values[0],
        previous=values[1],
        held=lambda: [values[2], b"\xff", "by hand", '{"a": 1}'],
    )
    SendGridKey().reap(late)
    assert len(sendgrid.keys) == 4


def test_reaping_spares_keys_of_other_people_and_other_environments(sendgrid: SendGrid) -> None:
    """Two environments may share an account and even the secret's name."""
    ours = sendgrid.add("by hand", ["mail.send", *ADMIN])
    theirs = sendgrid.add("theirs", ["mail.send", *ADMIN])
    sendgrid.add("glisecrets: a note of somebody's", ["mail.send"])
    SendGridKey().propose(rotation(sendgrid, theirs.text))
    SendGridKey().reap(later(rotation(sendgrid, ours.text), days=9))
    assert len(sendgrid.keys) == 4


def test_the_old_key_is_deleted_and_again_does_no_harm(sendgrid: SendGrid) -> None:
    """After the overlap the old key is worth nothing."""
    old, new = sendgrid.add("old", ["mail.send"]), sendgrid.add("new", ADMIN)
    retiring = rotation(sendgrid, new.text)
    for _ in range(2):
        SendGridKey().retire(retiring, old.text)
    assert list(sendgrid.keys) == [new.id]
    for unlike in (new.text, "by hand", b"\xff"):
        SendGridKey().retire(retiring, unlike)
    assert list(sendgrid.keys) == [new.id]


@pytest.mark.parametrize("value", ["SG.half", "", b"SG.a.b", '{"key": "SG.a.b"}'])
def test_a_value_that_is_no_key_is_told_and_not_shown(
    sendgrid: SendGrid, value: SecretValue
) -> None:
    """A wrong value, or one in JSON whose key is not named, is said so."""
    with pytest.raises(NotRotatable) as caught:
        SendGridKey().propose(rotation(sendgrid, value))
    assert "SG.half" not in f"{caught.value!r}"
    assert sendgrid.keys == {}


def test_no_log_has_a_key_in_it(sendgrid: SendGrid, caplog: pytest.LogCaptureFixture) -> None:
    """Neither ours nor httpx's, whatever the level."""
    caplog.set_level(logging.DEBUG)
    current = sendgrid.add("by hand", ["mail.send", *ADMIN])
    value = SendGridKey().propose(rotation(sendgrid, current.text))
    assert caplog.records
    assert str(value) not in caplog.text
    assert current.text not in caplog.text
