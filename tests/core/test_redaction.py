"""Secret values are masked in text, whatever form they take; everything else stays readable."""

from __future__ import annotations

import base64
import html
import json
import os
import pprint
import re
import secrets
import shlex
import subprocess
import sys
import threading
from collections import namedtuple
from urllib.parse import quote, quote_plus

import markupsafe
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import SecretBytes, SecretStr

from glisecrets.redaction import Redactor, process_redactor
from glisecrets.redaction.matchers import AutomatonMatcher, WordMatcher, fastest_matcher

HARD = "p\"a's\\s<&>%+/ ~é한😀"


@pytest.fixture(params=[AutomatonMatcher, WordMatcher], ids=["ahocorasick", "python"])
def redactor(request: pytest.FixtureRequest) -> Redactor:
    return Redactor(matcher=request.param)


def pem() -> str:
    key = ec.generate_private_key(ec.SECP384R1())
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


ENCODERS = {
    "itself": str,
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 without padding": lambda text: base64.b64encode(text.encode()).decode().rstrip("="),
    "urlsafe base64": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "quoted path": quote,
    "quoted wholly": lambda text: quote(text, safe=""),
    "quoted form": quote_plus,
    "encodeURIComponent": lambda text: quote(text, safe="!'()*"),
    "quoted in lower case": lambda text: re.sub(
        "%..", lambda byte: byte[0].lower(), quote(text, safe="")
    ),
    "JSON": json.dumps,
    "JSON in UTF-8": lambda text: json.dumps(text, ensure_ascii=False),
    "repr": repr,
    "repr in a list": lambda text: repr([text]),
    "repr beside a double quote": lambda text: repr('say "' + text),
    "shell trace": lambda text: "'" + text.replace("'", "'\\''") + "'",
    "Jinja": lambda text: str(markupsafe.escape(text)),
    "ascii": ascii,
    "ascii beside a double quote": lambda text: ascii('say "' + text),
    "repr of bytes": lambda text: repr(text.encode()),
    "HTML": html.escape,
    "debug page": lambda text: html.escape(pprint.pformat(text)),
    "shell": shlex.quote,
}

#: A mask with what the encoders put around the value, and nothing of the value.
QUOTED_MASK = re.compile(r"""before ([b\[]?['"](say ")?)?\[redacted:api_key\](['"]\]?)? after""")


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("value", [HARD, "plain-and-simple", "it's", "tab\tand\\n", "x" * 200])
def test_a_value_is_masked_in_every_form(redactor: Redactor, encoder: str, value: str) -> None:
    """However software spells a secret on its way to a log, the log does not hold it."""
    value += "-é"
    redactor.add(value, name="api_key")
    body = ENCODERS[encoder](value)
    masked = redactor.redact(f"before {body} after")
    assert QUOTED_MASK.fullmatch(html.unescape(masked))


@pytest.mark.parametrize("before", ["", "u", "us", "user:"])
def test_a_value_inside_longer_base64_is_masked(redactor: Redactor, before: str) -> None:
    """An ``Authorization: Basic`` header gives no password away."""
    value = secrets.token_urlsafe(12)
    redactor.add(value, name="password")
    header = base64.b64encode(f"{before}{value}".encode()).decode()
    masked = redactor.redact(f"Authorization: Basic {header}")
    assert masked.endswith("[redacted:password]")
    assert redactor.redact(f"Authorization: Basic {header}".rstrip("=")) == masked
    left = masked.removeprefix("Authorization: Basic ").removesuffix("[redacted:password]")
    assert len(left) <= (len(before) * 8 + 5) // 6


@pytest.mark.parametrize("number", range(3))
def test_a_binary_value_is_masked_as_text_shows_it(redactor: Redactor, number: int) -> None:
    """A raw encryption key is masked as hex, as repr and as base64."""
    value = b"\xff" + secrets.token_bytes(31)
    redactor.add(SecretBytes(value), name="key")
    spelling = [value.hex(), repr(value)[2:-1], base64.b64encode(value).decode()][number]
    assert redactor.redact(f"<{spelling}>") == "<[redacted:key]>"


def test_each_line_of_a_pem_is_masked(redactor: Redactor) -> None:
    """A log that writes a private key line by line, or only a part of it, gives nothing away."""
    value = pem()
    redactor.add(value, name="jwt_private_key")
    assert redactor.redact(f"a{value}b") == "a[redacted:jwt_private_key]b"
    armour, *lines, end = value.splitlines()
    for line in lines:
        assert redactor.redact(f"> {line}") == "> [redacted:jwt_private_key]"
    assert redactor.redact(armour + end) == armour + end


@pytest.mark.parametrize("escape", ["\\n", "base64"])
def test_a_pem_on_one_line_is_known_line_by_line_too(redactor: Redactor, escape: str) -> None:
    """The form in which a PEM is stored does not matter: its own lines are masked."""
    value = pem()
    one_line = (
        base64.b64encode(value.encode()).decode()
        if escape == "base64"
        else value.replace("\n", escape)
    )
    redactor.add(one_line, name="key")
    for line in value.splitlines()[1:-1]:
        assert redactor.redact(line) == "[redacted:key]"


def test_a_file_value_is_masked_without_its_newline(redactor: Redactor) -> None:
    """A mounted file's trailing newline does not hide the secret in it."""
    value = secrets.token_urlsafe()
    redactor.add(value + "\n", name="token")
    assert redactor.redact(f"token={value};") == "token=[redacted:token];"


@pytest.mark.parametrize("parsed", [False, True])
def test_json_secrets_are_masked_leaf_by_leaf(redactor: Redactor, parsed: bool) -> None:
    """A database secret hides its password, and leaves host and user name readable."""
    document = {
        "engine": "postgresql",
        "host": "gli.cluster.example",
        "username": "gli_application",
        "dbname": "glidatabase",
        "dbInstanceIdentifier": "gli-production-1",
        "port": 5432,
        "password": secrets.token_urlsafe(),
        "replicas": [{"pass-phrase": SecretStr(secrets.token_urlsafe())}],
        "ssl": True,
        "pin": 73310042,
        "none": None,
    }
    text = json.dumps(document, default=lambda hidden: hidden.get_secret_value())
    redactor.add(document if parsed else text, name="database")
    line = "postgresql gli.cluster.example gli_application glidatabase gli-production-1 5432 true"
    assert redactor.redact(line) == line
    assert redactor.redact(f"p={document['password']}!") == "p=[redacted:database.password]!"
    inner = document["replicas"][0]["pass-phrase"].get_secret_value()
    assert redactor.redact(inner) == "[redacted:database.replicas.pass-phrase]"
    assert redactor.redact("pin 73310042") == "pin [redacted:database.pin]"
    if not parsed:
        assert redactor.redact(text) == "[redacted:database]"


@pytest.mark.parametrize(
    ("url", "password"),
    [
        ("postgres://app:{}@db:5432/gli", "hunter2-hunter2"),
        ("postgres://app:{}@db:5432/gli", "p%40ss%2Fword"),
        ("postgres://app:{}@db:5432/gli", "p@ss-word"),
        ("postgres://app:{}@db:5432/gli", "p/ss-w#rd"),
        ("redis://:{}@cache/0", "correct.horse"),
    ],
)
def test_the_password_of_a_url_is_masked_alone(redactor: Redactor, url: str, password: str) -> None:
    """A driver that logs the password it was given, quoted or not, does not leak it."""
    redactor.add(url.format(password), name="database_url")
    assert redactor.redact(f"({password})") == "([redacted:database_url])"
    unquoted = password.replace("%40", "@").replace("%2F", "/")
    assert redactor.redact(f"({unquoted})") == "([redacted:database_url])"
    assert redactor.redact("app db:5432 gli cache") == "app db:5432 gli cache"


@pytest.mark.parametrize("value", ["", "a", "12345", b"\xff\xfe", "비밀번호"])
def test_short_values_are_not_masked_but_named(redactor: Redactor, value: str | bytes) -> None:
    """A PIN of five digits does not blank out every number; ``check`` can tell about it."""
    redactor.add(value, name="pin")
    text = f"12345 aaa 비밀번호 {value!r}"
    assert redactor.redact(text) == text
    assert redactor.unmasked == (("pin",) if value else ())


def test_common_words_are_not_masked_but_named(redactor: Redactor) -> None:
    """A developer's password ``postgres`` leaves the word readable in every log."""
    redactor.add("postgres", name="password")
    redactor.add({"password": "Production", "host": "db"}, name="database")
    redactor.add("LOCALHOST")
    assert redactor.redact("postgres Production LOCALHOST") == "postgres Production LOCALHOST"
    assert redactor.unmasked == ("(unnamed)", "database.password", "password")


def test_six_characters_are_masked(redactor: Redactor) -> None:
    """The documented limit is the real one."""
    redactor.add("qzxwvk", name="pin")
    for before in range(9):
        assert redactor.redact("." * before + "qzxwvk") == "." * before + "[redacted:pin]"


def test_the_longest_value_wins(redactor: Redactor) -> None:
    """A value that begins another, or stands in it, never leaves the rest of it readable."""
    redactor.add("abcdefgh", name="short")
    redactor.add("abcdefghijklmnop", name="long")
    redactor.add("zzabcdefghijklmnopzz", name="longest")
    assert redactor.redact("-abcdefghi-") == "-[redacted:short]i-"
    assert redactor.redact("-abcdefghijklmnop-") == "-[redacted:long]-"
    assert redactor.redact("-zzabcdefghijklmnopzz-") == "-[redacted:longest]-"


def test_overlapping_values_are_masked_wholly(redactor: Redactor) -> None:
    """Where one value runs into the next, neither leaves a part."""
    redactor.add("aaaabbbb", name="one")
    redactor.add("bbbbccccdddd", name="two")
    assert redactor.redact("<aaaabbbbccccdddd>") == "<[redacted:two]>"
    redactor.add("xyxyxy", name="three")
    assert redactor.redact("<xyxyxyxyx>") == "<[redacted:three]x>"


def test_values_may_hold_what_regular_expressions_mean(redactor: Redactor) -> None:
    """``.*`` in a password is two characters."""
    redactor.add("^.*[a-z]+(?:$)", name="pattern")
    assert redactor.redact("plain ^.*[a-z]+(?:$)") == "plain [redacted:pattern]"


def test_values_and_texts_may_hold_the_mask(redactor: Redactor) -> None:
    """Masked text can be masked again and stays the same."""
    redactor.add("[redacted:token]tail", name="token")
    once = redactor.redact("a [redacted:token]tail b [redacted:token] c")
    assert once == "a [redacted:token] b [redacted:token] c"
    assert redactor.redact(once) == once


def test_a_value_without_a_name_is_masked_without_one(redactor: Redactor) -> None:
    """The mask does not invent a name."""
    redactor.add("nameless-value")
    assert redactor.redact("=nameless-value") == "=[redacted]"
    assert redactor.finds("=nameless-value") == ("(unnamed)",)


def test_a_value_keeps_its_first_name(redactor: Redactor) -> None:
    """The field that declared a secret names it, not a later copy of it."""
    redactor.add("one-and-the-same", name="first")
    redactor.add({"copy": "one-and-the-same", "new": "another-one"}, name="second")
    assert redactor.redact("one-and-the-same") == "[redacted:first]"
    assert redactor.redact("another-one") == "[redacted:second.new]"


def test_scanning_gives_names_and_never_values(redactor: Redactor) -> None:
    """A check of tracked files can say which secrets it found."""
    redactor.add("value-of-alpha", name="alpha")
    redactor.add("value-of-beta", name="beta")
    redactor.add("value-of-gamma", name="gamma")
    text = "value-of-beta and " + quote("value-of-alpha") + " value-of-beta"
    assert redactor.finds(text) == ("alpha", "beta")
    assert redactor.finds(text.encode()) == ("alpha", "beta")
    assert redactor.finds("clean") == ()


def test_forgetting_forgets(redactor: Redactor) -> None:
    """After ``clear`` nothing is masked, and values can be added again."""
    redactor.add("value-of-alpha", name="alpha")
    redactor.add("short", name="beta")
    redactor.clear()
    assert redactor.redact("value-of-alpha") == "value-of-alpha"
    assert redactor.unmasked == ()
    redactor.add("value-of-alpha", name="gamma")
    assert redactor.redact("value-of-alpha") == "[redacted:gamma]"


def test_additions_count_after_the_first_use(redactor: Redactor) -> None:
    """A value that a rotation brings is masked at once, and the old one still is."""
    redactor.add("old-password", name="db")
    assert redactor.redact("new-password") == "new-password"
    redactor.add("new-password", name="db")
    assert redactor.redact("old-password new-password") == "[redacted:db] [redacted:db]"


def test_a_known_value_costs_no_new_preparation(redactor: Redactor) -> None:
    """A live value that is read again every five minutes does not rebuild the matcher."""
    redactor.add("old-password", name="db")
    before = redactor.snapshot()
    redactor.add("old-password", name="db")
    assert redactor.snapshot() is before


def test_a_clean_text_is_returned_itself(redactor: Redactor) -> None:
    """The usual line is not copied."""
    text = "GET /api/v1/ 200 한글 \ud800"
    assert redactor.redact(text) is text
    redactor.add("something-secret")
    assert redactor.redact(text) is text
    assert redactor.redact("") == ""


def test_lone_surrogates_do_not_hide_a_value(redactor: Redactor) -> None:
    """A file name that is not UTF-8 in the same line neither breaks nor stops the masking."""
    redactor.add("something-secret")
    redactor.add("odd\udcffvalue", name="odd")
    masked = redactor.redact("\udcff something-secret \ud800 odd\udcffvalue")
    assert masked == "\udcff [redacted] \ud800 [redacted:odd]"


def test_a_binary_value_may_cut_characters(redactor: Redactor) -> None:
    """A key whose bytes happen to be the middle of Korean text masks it and raises nothing."""
    redactor.add("한글한글".encode()[1:-1], name="key")
    assert "글한" not in redactor.redact("<한글한글>")


def test_repr_shows_no_value(redactor: Redactor) -> None:
    """A debugger's or a crash report's look at the redactor shows numbers only."""
    redactor.add("something-secret", name="a")
    assert repr(redactor) == "<Redactor: 1 values>"
    assert "something" not in repr(vars(redactor))


def test_a_thousand_values_in_a_large_page(redactor: Redactor) -> None:
    """Every one of 1,000 secrets is masked in half a megabyte of HTML."""
    values = {f"s{number}": secrets.token_urlsafe(24) for number in range(1_000)}
    for name, value in values.items():
        redactor.add(value, name=name)
    rows = (f"<tr><td>{name}</td><td>{html.escape(repr(v))}</td>" for name, v in values.items())
    page = ("<p>nothing</p>" * 30).join(rows)
    masked = redactor.redact(page)
    assert all(value not in masked for value in values.values())
    assert masked.count("[redacted:s") == 1_000
    assert redactor.finds(page) == tuple(sorted(values))


def test_a_value_of_64_kib_is_masked(redactor: Redactor) -> None:
    """The largest value that Secrets Manager takes is masked as a whole."""
    value = secrets.token_hex(32_768)
    redactor.add(value, name="blob")
    assert redactor.redact(f"a {value} b") == "a [redacted:blob] b"


def test_structures_are_masked_deeply(redactor: Redactor) -> None:
    """Whatever a log event or an error report nests, texts, bytes and keys in it are masked."""
    redactor.add("something-secret", name="s")
    Pair = namedtuple("Pair", "left right")  # noqa: PYI024
    thing = object()
    masked = redactor.redact_object(
        {
            "something-secret": [b"something-secret", ("x", {"something-secret"})],
            "pair": Pair("something-secret", 1),
            "frozen": frozenset({"something-secret"}),
            "array": bytearray(b"something-secret"),
            "rest": [1, None, 2.5, True, thing],
        }
    )
    assert masked == {
        "[redacted:s]": [b"[redacted:s]", ("x", {"[redacted:s]"})],
        "pair": Pair("[redacted:s]", 1),
        "frozen": frozenset({"[redacted:s]"}),
        "array": b"[redacted:s]",
        "rest": [1, None, 2.5, True, thing],
    }
    assert type(masked["pair"]) is Pair


def test_structures_are_not_changed_in_place(redactor: Redactor) -> None:
    """The program's own dict keeps its values."""
    redactor.add("something-secret")
    event = {"inner": ["something-secret"]}
    assert redactor.redact_object(event) == {"inner": ["[redacted]"]}
    assert event == {"inner": ["something-secret"]}


def test_cycles_and_depth_are_survived(redactor: Redactor) -> None:
    """A structure that holds itself, or never ends, gives a finite masked copy quickly."""
    redactor.add("something-secret")
    cycle: dict[str, object] = {"secret": "something-secret"}
    cycle["self"] = [cycle]
    assert redactor.redact_object(cycle) == {
        "secret": "[redacted]",
        "self": ["[redacted: refers to itself]"],
    }
    deep: list[object] = ["something-secret"]
    wide: list[object] = ["something-secret"]
    for _ in range(2_000):
        deep = [deep]
    for _ in range(45):
        wide = [wide, wide]
    assert "[redacted: nested too deep]" in repr(redactor.redact_object(deep))
    masked = redactor.redact_object(wide)
    while isinstance(masked[0], list):
        masked = masked[0]
    assert masked == ["[redacted]"]


def test_threads_add_and_redact_at_once(redactor: Redactor) -> None:
    """A value is masked from the moment its ``add`` returns, in every thread; none is lost."""
    values = [[secrets.token_urlsafe(12) for _ in range(20)] for _ in range(4)]
    leaks: list[str] = []

    def work(mine: list[str]) -> None:
        for value in mine:
            redactor.add(value)
            leaks.extend([value] if value in redactor.redact(f"- {value} -") else [])

    threads = [threading.Thread(target=work, args=(mine,)) for mine in values]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    everything = " ".join(value for mine in values for value in mine)
    assert not leaks
    assert redactor.redact(everything) == " ".join(["[redacted]"] * 80)


FORKING = """
import os, threading
from glisecrets.redaction import process_redactor
redactor = process_redactor()
redactor.add("known-before-fork", name="before")
redactor._lock.acquire()  # as if another thread were adding a value at the fork
child = os.fork()
if child == 0:
    redactor.add("known-after-fork", name="after")
    text = redactor.redact("known-before-fork known-after-fork")
    os._exit(0 if text == "[redacted:before] [redacted:after]" else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_worker_masks_and_learns() -> None:
    """A gunicorn worker knows its parent's secrets and can add its own, never blocked."""
    done = subprocess.run(
        [sys.executable, "-c", FORKING], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout.strip() == "0"


def test_one_redactor_serves_the_process() -> None:
    """What the loader makes known, the log filter masks."""
    assert process_redactor() is process_redactor()


def test_without_the_extra_it_is_pure_python(monkeypatch: pytest.MonkeyPatch) -> None:
    """Masking needs no extra; with ``fast`` installed it uses it."""
    assert isinstance(fastest_matcher([b"something-secret"]), AutomatonMatcher)
    monkeypatch.setitem(sys.modules, "ahocorasick_rs", None)
    assert isinstance(fastest_matcher([b"something-secret"]), WordMatcher)


def test_nothing_is_prepared_before_it_is_used() -> None:
    """Importing and adding 25 secrets loads no automaton: start-up does not pay for it."""
    code = (
        "import sys; from glisecrets.redaction import process_redactor as p\n"
        "for n in range(25): p().add(f'some-value-{n}')\n"
        "before = 'ahocorasick_rs' in sys.modules; p().redact('x')\n"
        "print(before, 'ahocorasick_rs' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]
