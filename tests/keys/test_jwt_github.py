"""``glisecrets keys jwt generate --github``: both halves into GitHub's secrets, nowhere else."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING

import pytest

from glisecrets.cli.main import main
from glisecrets.keys import KeyPair, PublicKey

from ..rotation.github_stub import GitHub
from ..rotation.loopback import Reply, closed_port, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    #: Exit code, standard output, standard error.
    Call = Callable[..., tuple[int, str, str]]

VARIABLES = "/repos/gli/api/actions/variables"
PRODUCTION = "/repos/gli/api/environments/production/secrets"


@pytest.fixture
def github() -> Iterator[GitHub]:
    stub = GitHub()
    with serving(stub.answer) as stub.url:
        yield stub


@pytest.fixture
def call(
    github: GitHub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Call:
    """Runs the command in an empty folder; sees that nothing of the key or the token is shown."""
    for name in ("CI", "COLUMNS", "FORCE_COLOR", "GITHUB_ACTIONS", "GLISECRETS_STORE", "GH_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DJANGO_ENV", "development")
    monkeypatch.setenv("GITHUB_API_URL", github.url)
    monkeypatch.setenv("GITHUB_TOKEN", github.token)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        capfd.readouterr()
        code = main(["keys", "jwt", "generate", *arguments])
        out, err = capfd.readouterr()
        assert github.token not in out + err
        assert "PRIVATE KEY-----" not in out + err
        for kept in filter(None, github.kept.values()):
            assert kept[100:140] not in out + err
        assert list(tmp_path.iterdir()) == []
        return code, out, err

    return run


def pair_in(github: GitHub, name: str = "JWT", place: str = "/repos/gli/api/actions") -> KeyPair:
    """Give the pair that GitHub has, whose halves must fit."""
    private = github.named(f"{name}_PRIVATE_KEY", f"{place}/secrets")
    public = github.named(f"{name}_PUBLIC_KEY", f"{place}/secrets")
    public = public or github.named(f"{name}_PUBLIC_KEY", f"{place}/variables")
    assert private
    assert public
    pair = KeyPair.from_pem(private)
    pair.check_public(PublicKey.from_pem(public))
    return pair


def test_both_halves_are_at_github_and_nowhere_else(call: Call, github: GitHub) -> None:
    """One command in place of four of the guide: no file, no scrollback, nothing to remove."""
    code, out, err = call("--github", "gli/api")
    pair = pair_in(github)
    assert (code, pair.kid in out) == (0, True), err
    assert all(text.count("\n") == 0 for text in github.kept.values())


def test_the_public_half_can_be_a_variable(call: Call, github: GitHub) -> None:
    """Whoever verifies may read it; the private half is a secret all the same."""
    arguments = ("--github", "gli/api", "--public-variable", "--name", "AUTH")
    code, out, _ = call(*arguments, "--format", "json")
    assert code == 0
    assert github.named("AUTH_PUBLIC_KEY", VARIABLES)
    facts = {"github": "gli/api", "private_key": "AUTH_PRIVATE_KEY", "bits": 2048}
    document = json.loads(out)
    assert document["kid"] == pair_in(github, "AUTH").kid
    assert {name: document[name] for name in facts} == facts
    assert call(*arguments, "--force")[0] == 0
    assert pair_in(github, "AUTH").kid != document["kid"]


def test_an_environment_gets_its_own_pair_behind_the_guard(call: Call, github: GitHub) -> None:
    """Production's key is not written from development by a slip, only when that is said."""
    github.places = (PRODUCTION,)
    code, _, err = call("--github", "gli/api:production")
    assert (code, github.asked, "--environment production" in err) == (2, [], True)
    assert call("--github", "gli/api:production", "--environment", "production")[0] == 0
    pair_in(github, place=PRODUCTION.removesuffix("/secrets"))


def test_keys_that_are_there_are_not_written_over(call: Call, github: GitHub) -> None:
    """Every token that they have signed would be refused; ``--force`` says that this is meant."""
    call("--github", "gli/api")
    before = dict(github.kept)
    code, _, err = call("--github", "gli/api")
    assert (code, "--force" in err, github.kept) == (2, True, before)
    assert call("--github", "gli/api", "--force")[0] == 0
    assert github.kept != before


@pytest.mark.parametrize("variable", ["GH_TOKEN", "GITHUB_TOKEN"])
def test_a_token_that_is_no_good_makes_no_key(
    call: Call, github: GitHub, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """It is told where the token is from and how to get one; nothing is written."""
    monkeypatch.delenv("GITHUB_TOKEN")
    code, _, err = call("--github", "gli/api")
    assert (code, "GH_TOKEN nor GITHUB_TOKEN" in err, github.asked) == (2, True, [])
    monkeypatch.setenv(variable, "of last year")
    code, _, err = call("--github", "gli/api")
    assert (code, "expired or revoked" in err) == (3, True)
    assert f"put it into {variable}" in err
    assert github.kept == {}


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (Reply(403, {"message": "Resource not accessible by integration"}), "read and write"),
        (Reply(404, {"message": "Not Found"}), "check the owner"),
        (Reply(429, headers={"Retry-After": "600"}), "asks to wait 600 s"),
        (Reply(403, headers={"Retry-After": "600"}), "asks to wait 600 s"),
        (Reply(200, {"key": "AAAA", "key_id": "1"}), "no public key"),
        (Reply(200, "<html>"), "no public key"),
        (Reply(418, {}), "418"),
    ],
)
def test_what_github_refuses_is_told_with_what_to_do(
    call: Call, github: GitHub, reply: Reply, told: str
) -> None:
    """No right, no such place, too many requests: one sentence each, before there is a key."""
    github.first = [reply]
    code, out, err = call("--github", "gli/api")
    assert (code, out, github.kept) == (3, "", {})
    assert told in " ".join(err.split())
    assert "next" in err


def test_a_github_that_cannot_be_reached_is_told(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its address, and by no more of it."""
    with closed_port() as nowhere:
        monkeypatch.setenv("GITHUB_API_URL", nowhere)
        code, _, err = call("--github", "gli/api")
    assert (code, "cannot be reached" in err) == (3, True)


def test_a_half_that_was_written_alone_is_told(call: Call, github: GitHub) -> None:
    """The token expires between the two: both names are told, and how to go on."""
    github.writes_left = 1
    code, _, err = call("--github", "gli/api")
    words = " ".join(err.split())
    assert code == 3
    assert "written: JWT_PRIVATE_KEY in gli/api; not written: JWT_PUBLIC_KEY in gli/api" in words


@pytest.mark.parametrize(
    "arguments",
    [
        ["--github", "gli"],
        ["--github", "gli/api", "--reveal"],
        ["--github", "gli/api", "--store", "gli/jwt/development"],
        ["--github", "gli/api", "--name", "MY-JWT"],
        ["--github", "gli/api", "--name", "GITHUB"],
    ],
)
def test_what_makes_no_sense_asks_nobody(call: Call, github: GitHub, arguments: list[str]) -> None:
    """A slip is named before anything is sent anywhere."""
    code, out, err = call(*arguments)
    assert (code, out, github.asked) == (2, "", [])
    assert "next" in err


def test_a_key_goes_to_github_by_https_alone(
    call: Call, github: GitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token, and a key, are not sent in clear; nor is a token that no header may have."""
    monkeypatch.setenv("GITHUB_API_URL", "http://github.example.com")
    assert call("--github", "gli/api")[0] == 2
    monkeypatch.setenv("GITHUB_API_URL", github.url)
    monkeypatch.setenv("GITHUB_TOKEN", f"{secrets.token_hex()}\n{secrets.token_hex()}")
    assert call("--github", "gli/api")[0] == 2
    assert github.asked == []


def test_a_private_half_at_github_can_be_behind_a_passphrase_that_is_asked_for_first(
    call: Call, github: GitHub
) -> None:
    """Without a terminal there is nobody to ask: no key is written."""
    assert call("--github", "gli/api", "--passphrase-prompt")[0] != 0
    assert github.kept == {}
