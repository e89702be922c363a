"""``glisecrets keys jwt``: the private key goes where it belongs, and nowhere else."""

from __future__ import annotations

import io
import json
import os
import pty
import secrets
import stat
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from glisecrets import Address
from glisecrets.cli.main import main
from glisecrets.keys import JwtKeys, KeyPair, PublicKey, RsaKeyring, read_jwks
from glisecrets.stores.local import LocalStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    #: Exit code, standard output, standard error.
    Call = Callable[..., tuple[int, str, str]]

NAME = "gli/jwt/development"


@pytest.fixture
def call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Call:
    """Runs the command line in a project with a local store."""
    for name in ("CI", "COLUMNS", "GITHUB_ACTIONS", "GLISECRETS_STORE", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DJANGO_ENV", "development")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").write_text("[project]\n", "utf-8")

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        capfd.readouterr()
        code = main(["keys", "jwt", *map(str, arguments)])
        return (code, *capfd.readouterr())

    return run


def stored(folder: Path) -> RsaKeyring:
    value = LocalStore(folder / ".secrets").get(Address(NAME)).value
    return RsaKeyring.parse(value)


def test_both_halves_are_written_for_their_owner_alone(call: Call, tmp_path: Path) -> None:
    """The private half is 0600 from its first byte on, and appears nowhere else."""
    code, out, err = call("generate", "--out", "keys")
    private, public = tmp_path / "keys/jwt-private.pem", tmp_path / "keys/jwt-public.pem"
    pair = KeyPair.from_pem(private.read_text())
    pair.check_public(PublicKey.from_pem(public.read_text()))
    assert (code, pair.kid in out) == (0, True)
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert stat.S_IMODE(private.parent.stat().st_mode) == 0o700
    assert "PRIVATE KEY" not in out + err
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == [
        "jwt-private.pem",
        "jwt-public.pem",
        "pyproject.toml",
    ]


def test_no_key_is_overwritten_and_no_half_left_behind(call: Call, tmp_path: Path) -> None:
    """Of a key in use, nothing is lost; of a failure, nothing stays."""
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys/jwt-public.pem").write_text("mine")
    code, _, err = call("generate", "--out", "keys")
    assert (code, "jwt-public.pem cannot be written" in err) == (2, True)
    assert [path.name for path in (tmp_path / "keys").iterdir()] == ["jwt-public.pem"]
    assert (tmp_path / "keys/jwt-public.pem").read_text() == "mine"


@pytest.mark.parametrize("form", ["pem", "pkcs1", "base64", "escaped"])
def test_every_form_that_is_revealed_reads_back(call: Call, form: str) -> None:
    """What goes down the pipe to GitHub Secrets or a .env file is the key and nothing else."""
    code, out, err = call("generate", "--reveal", "--form", form)
    assert (code, KeyPair.from_pem(out).kid in err) == (0, True)
    assert (out.count("\n") == 1) == (form in {"base64", "escaped"})


def test_a_keyring_is_stored_that_rotation_takes_over(call: Call, tmp_path: Path) -> None:
    """Two keys from the first day on: the next is published before it signs."""
    code, out, _ = call("generate", "--store", "gli/jwt/{environment}")
    ring = stored(tmp_path)
    assert code == 0
    assert ring.signing.id in out
    token = JwtKeys.of(ring).sign(b"{}")
    code, out, err = call("rotate", NAME)
    assert (code, "rotated" in out) == (0, True), err
    after = stored(tmp_path)
    assert ring.next
    assert (after.signing.id, after.retired[0].id) == (ring.next.id, ring.signing.id)
    JwtKeys.of(after).verify(token)
    code, out, _ = call("verify", "--store", NAME, "--format", "json")
    assert [key["role"] for key in json.loads(out)["keys"]] == ["signing", "next", "retired"]
    assert list(read_jwks(call("jwks", "--store", NAME)[1])) == [key.id for key in after.accepted()]
    assert call("thumbprint", "--store", NAME)[1].split() == [key.id for key in after.accepted()]


def test_a_secret_that_is_there_stays_as_it_is(call: Call, tmp_path: Path) -> None:
    """Every token would be refused; rotating is what is meant."""
    call("generate", "--store", NAME)
    before = stored(tmp_path)
    assert call("generate", "--store", NAME)[0] != 0
    assert stored(tmp_path) == before


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--out", "keys", "--reveal"],
        ["--bits", "1024", "--reveal"],
        ["--store", f"{NAME}#key"],
        ["--store", "gli/jwt/production"],
        ["--store", NAME, "--form", "base64"],
    ],
)
def test_what_makes_no_sense_makes_no_key(call: Call, tmp_path: Path, arguments: list[str]) -> None:
    """Nothing is printed but what is wrong, and nothing is written."""
    code, out, err = call("generate", *arguments)
    assert (code, out) == (2, "")
    assert "PRIVATE" not in err
    assert not (tmp_path / "keys").exists()


def bad_keys() -> dict[str, Callable[[KeyPair], str]]:
    return {
        "lost its line breaks": lambda pair: pair.pem.replace("\n", ""),
        "damaged": lambda pair: pair.pem.replace(pair.pem[100:103], "AAA"),
        "not a whole PEM": lambda pair: pair.pem[:500],
        "neither a PEM block": lambda pair: secrets.token_hex(),
        "not the other half|the other half of": lambda pair: KeyPair.generate().pem,
    }


@pytest.mark.parametrize("told", bad_keys())
def test_a_key_that_is_no_good_is_found(call: Call, tmp_path: Path, told: str) -> None:
    """Exit code 1, one sentence, and nothing of the key."""
    call("generate", "--out", "keys")
    private, public = tmp_path / "keys/jwt-private.pem", tmp_path / "keys/jwt-public.pem"
    assert call("verify", private, "--public", public)[0] == 0
    bad = bad_keys()[told](KeyPair.from_pem(private.read_text()))
    private.write_text(bad)
    code, out, err = call("verify", private, "--public", public)
    assert (code, out) == (1, "")
    assert any(part in err for part in told.split("|"))
    assert bad[200:220] not in err or len(bad) < 200


def test_the_public_half_of_a_key_is_printed_and_found_in_a_jwks(
    call: Call, tmp_path: Path
) -> None:
    """What is deployed is compared with what is published."""
    call("generate", "--out", "keys")
    private = tmp_path / "keys/jwt-private.pem"
    assert call("public", private)[1] == (tmp_path / "keys/jwt-public.pem").read_text()
    (tmp_path / "jwks.json").write_text(call("jwks", private)[1])
    assert call("verify", private, "--public", "jwks.json")[0] == 0
    (tmp_path / "jwks.json").write_text('{"keys": []}')
    assert call("verify", private, "--public", "jwks.json")[0] == 1
    assert call("verify", "nowhere.pem")[0] == 2


def test_a_key_that_is_named_twice_is_published_once(call: Call, tmp_path: Path) -> None:
    """Whoever reads a set with a kid twice refuses all of it."""
    call("generate", "--out", "keys")
    private, public = tmp_path / "keys/jwt-private.pem", tmp_path / "keys/jwt-public.pem"
    code, out, _ = call("jwks", private, public)
    assert (code, len(read_jwks(out))) == (0, 1)


def test_of_several_files_the_one_that_is_no_good_is_named(call: Call, tmp_path: Path) -> None:
    """Nobody has to try them one by one."""
    call("generate", "--out", "keys")
    good = tmp_path / "keys/jwt-private.pem"
    for name in ("cut.pem", "none.json"):
        bad = tmp_path / name
        bad.write_text(good.read_text()[:200] if name == "cut.pem" else "{}")
        assert f"{bad}: " in call("verify", good, bad)[2]
        assert f"{bad}: " in call("verify", good, "--public", bad)[2]


def test_a_passphrase_that_cannot_be_asked_for_is_told(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a pipe there is nobody to type it, and no other way to give it."""
    encrypted = KeyPair.generate().encrypted(secrets.token_urlsafe())
    (tmp_path / "key.pem").write_text(encrypted)
    monkeypatch.setattr("sys.stdin", io.StringIO(encrypted))
    for given, named in (("key.pem", "key.pem"), ("-", "standard input")):
        code, _, err = call("verify", given)
        assert (code, f"{named}: " in err, "at a terminal" in err) == (1, True, True)


def test_a_form_without_encryption_is_refused_before_a_passphrase_is_typed(
    call: Call, tmp_path: Path
) -> None:
    """And before a key is made."""
    options = ["generate", "--out", "keys", "--form", "pkcs1", "--passphrase-prompt"]
    code, _, err = call(*options)
    assert (code, "leave out --form pkcs1" in err) == (2, True)
    assert "Passphrase" not in err
    assert not (tmp_path / "keys").exists()


def test_a_passphrase_in_another_encoding_is_told_and_not_shown(tmp_path: Path) -> None:
    """A terminal of another encoding is a slip of the set-up, not an error of ours."""
    (tmp_path / "key.pem").write_text(KeyPair.generate().encrypted(secrets.token_urlsafe()))
    prompt = {b"Passphrase of key.pem: ": b"caf\xe9 noir"}
    seen = typed(tmp_path, ["verify", "key.pem"], prompt, code=2)
    assert b"no text in UTF-8" in seen
    assert b"noir" not in seen


def test_a_passphrase_is_asked_for_and_never_shown(call: Call, tmp_path: Path) -> None:
    """It is typed at the terminal, twice, unseen; what is written is behind it."""
    passphrase = secrets.token_urlsafe()
    seen = typed(
        tmp_path,
        ["generate", "--out", "keys", "--passphrase-prompt"],
        {b"Passphrase: ": passphrase, b"Repeat for confirmation: ": passphrase},
    )
    pem = (tmp_path / "keys/jwt-private.pem").read_text()
    pair = KeyPair.from_pem(pem, passphrase)
    assert "ENCRYPTED" in pem
    assert passphrase.encode() not in seen
    assert call("verify", "keys/jwt-private.pem")[0] == 1
    prompt = {b"Passphrase of jwt-private.pem: ": passphrase}
    assert pair.kid.encode() in typed(tmp_path, ["thumbprint", "keys/jwt-private.pem"], prompt)


def typed(
    folder: Path, arguments: list[str], answers: dict[bytes, str | bytes], *, code: int = 0
) -> bytes:
    """Run at a terminal of its own, and type; give what was shown."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-P", "-m", "glisecrets", "keys", "jwt", *arguments]
    ends: Any = {"stdin": theirs, "stdout": theirs, "stderr": theirs}
    with subprocess.Popen(command, cwd=folder, start_new_session=True, **ends) as process:
        os.close(theirs)
        seen = b""
        for prompt, answer in answers.items():
            while prompt not in seen:
                seen += os.read(ours, 1024)
            os.write(ours, (answer if isinstance(answer, bytes) else answer.encode()) + b"\n")
        seen += _rest(ours)
        assert process.wait(20) == code, seen
    os.close(ours)
    return seen


def _rest(terminal: int) -> bytes:
    """Read until the program is gone; Linux tells that as an error."""
    seen = b""
    try:
        while data := os.read(terminal, 1024):
            seen += data
    except OSError:
        pass
    return seen
