"""Copies in GitHub's secrets, against a stub that keeps them and opens the sealed boxes."""

from __future__ import annotations

import json
import logging
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from glisecrets.rotation.errors import (
    NotRotatable,
    ProviderRefused,
    RotationError,
    StaleRotation,
    Unreachable,
)
from glisecrets.rotation.rotator import Rotation, Rotator, Verdict
from glisecrets.rotation.subject import check_options

from .github_stub import GitHub
from .loopback import Reply, closed_port, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from glisecrets.stores.base import SecretValue


class Plain(Rotator):
    """A kind that does nothing of its own about publishing."""

    def propose(self, rotation: Rotation) -> SecretValue:
        return secrets.token_urlsafe()

    def probe(self, rotation: Rotation, value: SecretValue) -> Verdict:
        return Verdict.ACCEPTED


@pytest.fixture
def github() -> Iterator[GitHub]:
    stub = GitHub()
    with serving(stub.answer) as stub.url:
        yield stub


def pair() -> str:
    halves = {"AWS_ACCESS_KEY_ID": "AKIAFIRST", "AWS_SECRET_ACCESS_KEY": secrets.token_urlsafe()}
    return json.dumps(halves)


def rotation(github: GitHub, pending: str | bytes, /, **options: str) -> Rotation:
    waits: list[float] = []
    return Rotation(
        secret="gli/ci",
        token=secrets.token_hex(16),
        current="",
        pending=pending,
        options={
            "github": "gli/api",
            "github-token": "gli/github",
            "github-url": github.url,
            **{name.replace("_", "-"): text for name, text in options.items()},
        },
        read=lambda reference: {"gli/github": github.token}[reference],
        pause=waits.append,
    )


def refused(error: type[RotationError], of: Rotation) -> RotationError:
    with pytest.raises(error) as caught:
        Plain().publish(of)
    text = f"{caught.value} {caught.value!r}"
    assert isinstance(of.pending, bytes) or of.pending not in text
    return caught.value


def test_a_pair_can_be_one_secret_which_changes_at_once(github: GitHub) -> None:
    """A job never reads half of an old and half of a new key if both are one JSON secret."""
    value = pair()
    Plain().publish(rotation(github, value, github_secret="AWS_CREDENTIALS"))
    assert github.kept == {"/repos/gli/api/actions/secrets/AWS_CREDENTIALS": value}


def test_keys_of_the_value_become_secrets_of_their_own_under_other_names_too(
    github: GitHub,
) -> None:
    """Workflows that exist already read the names that they always read."""
    value = json.dumps({"db": {"password": "p4ss"}, "port": 5432})
    names = "db.password=DB_PASSWORD port=PORT"
    Plain().publish(rotation(github, value, github_keys=names))
    assert (github.named("DB_PASSWORD"), github.named("PORT")) == ("p4ss", "5432")


def test_secrets_go_to_several_repositories_and_environments(github: GitHub) -> None:
    """Each place gets the copy, sealed for its own key."""
    environment = "/repos/gli/web/environments/prod%2Feu/secrets"
    github.places += (environment,)
    value = secrets.token_urlsafe()
    places = "gli/api gli/web:prod/eu"
    Plain().publish(rotation(github, value, github=places, github_secret="HOOK"))
    assert github.named("HOOK") == github.named("HOOK", environment) == value


def test_publishing_again_brings_the_same(github: GitHub) -> None:
    """A step that arrives twice does no harm."""
    again = rotation(github, pair(), github_secret="AWS_CREDENTIALS")
    Plain().publish(again)
    before = dict(github.kept)
    Plain().publish(again)
    assert github.kept == before


def test_no_option_means_no_copy(github: GitHub) -> None:
    """A secret that names no repository leaves GitHub alone."""
    silent = replace(rotation(github, pair()), options={})
    Plain().publish(silent)
    assert github.asked == []


def test_a_token_that_expires_in_the_middle_is_told_with_what_was_written(github: GitHub) -> None:
    """The person on call learns which half is new, and the next try writes both."""
    value = pair()
    names = "AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY"
    unlucky = rotation(github, value, github_keys=names)
    github.writes_left = 1
    error = refused(ProviderRefused, unlucky)
    assert "expired" in error.message
    assert "written: AWS_ACCESS_KEY_ID in gli/api; not written: AWS_SECRET" in error.message
    assert "gli/github" in error.next_step
    assert not error.passing
    github.token, github.writes_left = secrets.token_hex(), 99
    Plain().publish(unlucky)
    assert {github.named(name) for name in names.split()} == set(json.loads(value).values())


def test_a_token_that_has_expired_before_is_found_before_anything_is_written(
    github: GitHub,
) -> None:
    """Nothing is half-written if it could be known that it would be."""
    expired = rotation(github, pair(), github_secret="AWS_CREDENTIALS")
    expired = replace(expired, read=lambda _: "of last year")
    assert "expired or revoked" in refused(ProviderRefused, expired).message
    assert {asked.method for asked in github.asked} == {"GET"}


def test_one_place_that_is_missing_keeps_all_places_as_they_are(github: GitHub) -> None:
    """A repository that was renamed is found before the others get the new value."""
    missing = rotation(github, pair(), github="gli/api gli/gone", github_secret="AWS")
    assert "gli/gone" in refused(ProviderRefused, missing).message
    assert github.kept == {}


def test_a_rotation_that_another_has_overtaken_writes_nothing(github: GitHub) -> None:
    """A late step never puts an old value over a newer one."""

    def overtaken() -> None:
        raise StaleRotation("overtaken")

    late = replace(rotation(github, pair(), github_secret="AWS"), confirm=overtaken)
    refused(StaleRotation, late)
    assert github.kept == {}


@pytest.mark.parametrize(
    "busy",
    [
        Reply(429, headers={"Retry-After": "2"}),
        Reply(403, headers={"Retry-After": "2"}),
        Reply(403, headers={"X-RateLimit-Remaining": "0"}),
        Reply(502),
    ],
)
def test_a_busy_github_is_waited_for(github: GitHub, busy: Reply) -> None:
    """A rate limit, which GitHub tells with 403 too, is no refusal."""
    github.first = [busy, busy]
    Plain().publish(rotation(github, "value", github_secret="HOOK"))
    assert github.named("HOOK") == "value"


def test_a_github_that_stays_busy_or_away_is_tried_again_later(github: GitHub) -> None:
    """The rotation goes on by itself once GitHub is back."""
    waiting = rotation(github, "value", github_secret="HOOK")
    github.first = [Reply(429, headers={"Retry-After": "600"})]
    assert "asks to wait 600 s" in refused(Unreachable, waiting).message
    with closed_port() as nowhere:
        away = replace(waiting, options={**waiting.options, "github-url": nowhere})
        assert "127.0.0.1" in refused(Unreachable, away).message


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, "nothing to publish"),
        ({"github_secret": "MY-HOOK"}, "MY-HOOK"),
        ({"github_secret": "GITHUB_HOOK"}, "GITHUB_HOOK"),
        ({"github_keys": "nope"}, "nope"),
        ({"github": "gli", "github_secret": "HOOK"}, "no repository"),
        ({"github_token": "", "github_secret": "HOOK"}, "which token"),
        ({"github_url": "http://github.example.com", "github_secret": "HOOK"}, "github-url"),
        ({"github_url": "https://[", "github_secret": "HOOK"}, "github-url"),
    ],
)
def test_options_that_make_no_sense_are_told(
    github: GitHub, options: dict[str, str], told: str
) -> None:
    """A slip in a tag is named, and nothing is sent anywhere."""
    assert told in str(refused(NotRotatable, rotation(github, pair(), **options)))
    assert github.asked == []


def test_a_token_that_no_header_may_have_is_told_and_not_shown(github: GitHub) -> None:
    """A token pasted with a line end in it is no mystery, and no leak."""
    token = f"{secrets.token_hex()}\n{secrets.token_hex()}"
    pasted = rotation(github, "value", github_secret="HOOK")
    error = refused(NotRotatable, replace(pasted, read=lambda _: token))
    assert token.partition("\n")[0] not in f"{error!r}"


def test_binary_is_refused(github: GitHub) -> None:
    """GitHub's secrets are text."""
    refused(NotRotatable, rotation(github, secrets.token_bytes(8), github_secret="HOOK"))


def test_a_token_may_stand_in_a_json_secret(github: GitHub) -> None:
    """A tag cannot name a key of it: AWS allows no ``#`` there."""
    value = json.dumps({"token": github.token, "owner": "gli"})
    publish = rotation(github, "value", github_secret="HOOK")
    Plain().publish(replace(publish, read=lambda _: value))
    assert github.named("HOOK") == "value"


def test_no_log_has_a_value_in_it(github: GitHub, caplog: pytest.LogCaptureFixture) -> None:
    """Neither ours nor httpx's, whatever the level."""
    caplog.set_level(logging.DEBUG)
    value = secrets.token_urlsafe()
    Plain().publish(rotation(github, value, github_secret="HOOK"))
    assert caplog.records
    assert value not in caplog.text
    assert github.token not in caplog.text


def test_every_kind_has_the_options_of_publishing() -> None:
    """Another package's kind can be published without knowing of GitHub."""
    names = ("github", "github-keys", "github-secret", "github-token", "github-url", "rotator")
    check_options("gli/hook", dict.fromkeys(names, "x"), Plain())
    with pytest.raises(NotRotatable, match="githup"):
        check_options("gli/hook", {"rotator": "plain", "githup": "x"}, Plain())
