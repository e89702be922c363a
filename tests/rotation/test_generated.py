"""Values of our own making: what they look like, and who is asked whether they are good."""

from __future__ import annotations

import base64
import json
import secrets
import shlex
import string
import sys
from typing import TYPE_CHECKING

import pytest
from cryptography.fernet import Fernet

from glisecrets.rotation.errors import NotRotatable, Unreachable
from glisecrets.rotation.rotator import Rotation, Verdict
from glisecrets.rotation.rotators import generated
from glisecrets.rotation.rotators.generated import COMMANDS_VARIABLE, Generated

from .loopback import Asked, Reply, closed_port, serving

if TYPE_CHECKING:
    from pathlib import Path

    from glisecrets.stores.base import SecretValue


def rotation(current: SecretValue = "before", /, **options: str) -> Rotation:
    named = {name.replace("_", "-"): text for name, text in options.items()}
    return Rotation(
        secret="gli/hook", token="t" * 32, current=current, options=named, pause=lambda _: None
    )


def proposed(current: SecretValue = "before", /, **options: str) -> str:
    return str(Generated().propose(rotation(current, **options)))


URL_SAFE = string.ascii_letters + string.digits + "-_"


@pytest.mark.parametrize(
    ("options", "alphabet", "length"),
    [
        ({}, URL_SAFE, 43),
        ({"alphabet": "letters-digits"}, string.ascii_letters + string.digits, 43),
        ({"alphabet": "hex"}, string.hexdigits.lower(), 64),
        ({"length": "22"}, URL_SAFE, 22),
        ({"alphabet": "hex", "length": "32"}, string.hexdigits.lower(), 32),
    ],
)
def test_a_value_has_256_bits_or_the_length_that_is_asked_for(
    options: dict[str, str], alphabet: str, length: int
) -> None:
    """It fits where it goes, and each is another."""
    values = {proposed(**options) for _ in range(50)}
    assert len(values) == 50
    assert {len(value) for value in values} == {length}
    assert set("".join(values)) == set(alphabet)


def test_a_key_of_so_many_bytes_can_be_had() -> None:
    """Libraries that want 16 or 32 bytes in Base64 get them."""
    assert len(base64.b64decode(proposed(alphabet="base64", length="16"), validate=True)) == 16
    assert Fernet(proposed(alphabet="base64-url")).encrypt(b"text")


@pytest.mark.parametrize(
    "options",
    [
        {"alphabet": "emoji"},
        {"length": "21"},
        {"alphabet": "hex", "length": "31"},
        {"alphabet": "base64", "length": "15"},
        {"length": "-5"},
        {"length": "many"},
        {"length": "99999"},
    ],
)
def test_a_weak_or_senseless_wish_is_refused(options: dict[str, str]) -> None:
    """No rotation makes a value of less than 128 bits."""
    with pytest.raises(NotRotatable) as caught:
        proposed(**options)
    assert caught.value.next_step


def test_one_key_of_a_json_secret_is_renewed_and_the_rest_stays() -> None:
    """What stands beside it in the secret is not this rotation's."""
    before = {"hook": {"token": "old", "url": "https://example.com/é"}, "n": 1}
    after = json.loads(proposed(json.dumps(before), key="hook.token"))
    assert len(after["hook"].pop("token")) == 43
    assert after == {"hook": {"url": "https://example.com/é"}, "n": 1}


@pytest.mark.parametrize(
    ("current", "options"),
    [
        ('{"host": "db", "password": "p"}', {}),
        (b"\x00\x01", {}),
        ("text", {"key": "token"}),
        ('{"hook": "text"}', {"key": "hook.token"}),
    ],
)
def test_a_value_of_another_form_is_never_overwritten(
    current: SecretValue, options: dict[str, str]
) -> None:
    """A slip in the tags must not replace a whole JSON object, or binary, by one string."""
    with pytest.raises(NotRotatable):
        proposed(current, **options)


def test_with_nobody_to_ask_every_value_counts_as_accepted() -> None:
    """No option names a consumer, so the rotation takes its own word for it."""
    assert Generated().probe(rotation(), secrets.token_hex()) is Verdict.ACCEPTED


@pytest.mark.parametrize(
    ("status", "verdict"),
    [(200, "accepted"), (204, "accepted"), (401, "rejected"), (403, "rejected")],
)
def test_a_url_is_asked_with_the_value_as_bearer_token(status: int, verdict: str) -> None:
    """2xx says yes, 401 and 403 say no."""
    asked: list[Asked] = []
    value = secrets.token_urlsafe()

    def answer(got: Asked) -> Reply:
        asked.append(got)
        return Reply(status)

    with serving(answer) as url:
        found = Generated().probe(rotation(probe_url=f"{url}/me?x=1"), value)
    assert found == verdict
    assert [(got.method, got.path, got.token) for got in asked] == [("GET", "/me?x=1", value)]


@pytest.mark.parametrize(
    "reply", [Reply(302, headers={"Location": "/"}), Reply(404), Reply(500), Reply(429)]
)
def test_any_other_answer_is_no_verdict(reply: Reply) -> None:
    """A consumer that is broken or moved says nothing of the value."""
    value = secrets.token_urlsafe()
    with serving(lambda _: reply) as url, pytest.raises(Unreachable) as caught:
        Generated().probe(rotation(probe_url=url), value)
    assert value not in f"{caught.value!r}"


def test_no_answer_is_no_verdict() -> None:
    """A consumer that is away says nothing of the value."""
    with closed_port() as url, pytest.raises(Unreachable):
        Generated().probe(rotation(probe_url=url), "value")


@pytest.mark.parametrize(
    "url", ["http://example.com", "ftp://127.0.0.1", "example.com", "https://"]
)
def test_a_value_goes_nowhere_in_clear_text(url: str) -> None:
    """Only https, or this machine, gets to see it."""
    with pytest.raises(NotRotatable, match="probe-url"):
        Generated().probe(rotation(probe_url=url), "value")


def test_a_value_that_no_header_may_have_is_told_and_not_shown() -> None:
    """One that was written by hand, with a line end, is no crash in a library."""
    value = f"{secrets.token_hex()}\n"
    with pytest.raises(NotRotatable) as caught:
        Generated().probe(rotation(probe_url="https://example.com"), value)
    assert value.strip() not in f"{caught.value!r}"


def command(path: Path, code: str) -> str:
    """Give a command line that runs some Python, with its seen arguments and variables kept."""
    program = path / "probe.py"
    program.write_text(f"import os, sys\n{code}\n")
    return shlex.join([sys.executable, "-I", str(program)])


@pytest.fixture
def _commands_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(COMMANDS_VARIABLE, "on")


@pytest.mark.usefixtures("_commands_allowed")
def test_a_command_gets_the_value_where_no_other_process_can_see_it(tmp_path: Path) -> None:
    """Arguments and variables are seen by ps; standard input is not."""
    value = secrets.token_urlsafe()
    code = (
        f"open({str(tmp_path / 'seen')!r}, 'w').write(f'{{sys.argv}}{{os.environ}}')\n"
        f"sys.exit(sys.stdin.read() != {value!r})"
    )
    asking = rotation(probe_command=command(tmp_path, code))
    assert Generated().probe(asking, value) is Verdict.ACCEPTED
    assert Generated().probe(asking, "another") is Verdict.REJECTED
    assert value not in (tmp_path / "seen").read_text()


@pytest.mark.usefixtures("_commands_allowed")
def test_what_a_command_prints_is_not_passed_on(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """It may print what it was given."""
    value = secrets.token_urlsafe()
    code = "text = sys.stdin.read(); print(text); print(text, file=sys.stderr); sys.exit(3)"
    with pytest.raises(Unreachable, match="exits with 3") as caught:
        Generated().probe(rotation(probe_command=command(tmp_path, code)), value)
    assert value not in f"{caught.value!r}{capfd.readouterr()}"


@pytest.mark.usefixtures("_commands_allowed")
@pytest.mark.parametrize("line", ["/nowhere/probe", "'unbalanced", "/etc"])
def test_a_command_that_cannot_be_run_is_no_verdict(line: str) -> None:
    """A slip in the command says nothing of the value."""
    with pytest.raises(Unreachable, match="cannot be run"):
        Generated().probe(rotation(probe_command=line), "value")


@pytest.mark.usefixtures("_commands_allowed")
def test_a_command_that_hangs_is_no_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rotation goes on without it."""
    monkeypatch.setattr(generated, "_COMMAND_TIMEOUT", 0.2)
    value = secrets.token_urlsafe()
    hangs = command(tmp_path, "import time; time.sleep(60)")
    with pytest.raises(Unreachable, match="takes longer") as caught:
        Generated().probe(rotation(probe_command=hangs), value)
    assert caught.value.__context__ is None


def test_a_tag_alone_cannot_run_a_program(tmp_path: Path) -> None:
    """Whoever may tag a secret could else run anything where the rotation runs."""
    mark = tmp_path / "ran"
    runs = command(tmp_path, f"open({str(mark)!r}, 'w')")
    with pytest.raises(NotRotatable, match=COMMANDS_VARIABLE):
        Generated().probe(rotation(probe_command=runs), "value")
    assert not mark.exists()
