"""The ladder against a real PostgreSQL: which credentials it finds, and when it does not look."""

from __future__ import annotations

import copy
import json
import logging
import os
import pickle
import secrets
import socket
import threading
import traceback
import warnings
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from glisecrets import (
    AccessDenied,
    ConfigurationError,
    GlisecretsError,
    SecretNotFound,
    StoreUnavailable,
    ladder_climb,
)
from glisecrets.ladder import CredentialLadder
from glisecrets.ladder_refusals import is_refusal
from glisecrets.redaction import process_redactor
from glisecrets.references import AWSCURRENT, AWSPENDING, AWSPREVIOUS, Reference

if TYPE_CHECKING:
    from .conftest import RotatedSecret, WatchedStore


def ask(ladder: CredentialLadder, **more: Any) -> str:
    """Connect anew, as a request does, and give who is asked as."""
    with ladder.connect(lambda it: psycopg.connect(**it.parameters() | more)) as connection:
        return str(connection.execute("SELECT current_user").fetchall()[0][0])


def switches(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """Give the level and the rung of each switch that was logged."""
    lines = [it for it in caplog.records if "credentials.switched" in it.getMessage()]
    return [(line.levelname, vars(line)["rung"]) for line in lines]


def unused_port() -> int:
    """Give a port where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# Which version wins -------------------------------------------------------------------------


def test_a_client_knows_the_new_password_before_anybody_is_told(rotated: RotatedSecret) -> None:
    """Between the database's change and the label's move, AWSCURRENT is refused; AWSPENDING not."""
    ladder = rotated.ladder()
    assert ask(ladder) == rotated.users[0]
    token = rotated.propose()
    rotated.apply(token)
    assert ask(ladder) == rotated.users[0]
    assert ladder.held is not None
    assert ladder.held.version_id == token


def test_the_pending_version_that_won_costs_no_second_look(rotated: RotatedSecret) -> None:
    """It is kept by its id: that it becomes the current one changes nothing for who has it."""
    ladder = rotated.ladder()
    token = rotated.propose()
    rotated.apply(token)
    ask(ladder)
    rotated.finish(token)
    rotated.store.asked.clear()
    ask(ladder)
    assert rotated.store.asked == []


def test_nothing_is_asked_of_the_store_while_the_password_is_good(rotated: RotatedSecret) -> None:
    """A store that is down harms nobody whose credentials are accepted."""
    ladder = rotated.ladder()
    for _ in range(3):
        ask(ladder)
    assert rotated.store.asked == [AWSCURRENT]


def test_a_stuck_rotation_harms_nobody(
    rotated: RotatedSecret, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Old processes and new ones connect for hours; the log warns until somebody looks."""
    old = rotated.ladder()
    ask(old)
    token = rotated.propose()
    rotated.apply(token)
    caplog.set_level(logging.INFO, "glisecrets")
    ask(old)
    assert switches(caplog) == [("INFO", AWSPENDING)]

    monkeypatch.setattr(ladder_climb, "STUCK", 0.0)
    ask(rotated.ladder())
    assert switches(caplog)[1:] == [("WARNING", AWSPENDING)]


def test_who_holds_a_pending_version_for_long_says_so_until_it_is_current(
    rotated: RotatedSecret, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing fails while a rotation is stuck, so only a warning can tell of it."""
    monkeypatch.setattr(ladder_climb, "STUCK", 0.0)
    ladder = rotated.ladder()
    ask(ladder)
    token = rotated.propose()
    rotated.apply(token)
    ask(ladder)
    caplog.clear()
    ask(ladder)
    assert "its rotation is stuck" in caplog.text
    rotated.finish(token)
    caplog.clear()
    ask(ladder)
    rotated.store.asked.clear()
    ask(ladder)
    assert caplog.text == ""
    assert rotated.store.asked == []


def test_the_previous_version_saves_who_was_rolled_back(
    rotated: RotatedSecret, caplog: pytest.LogCaptureFixture
) -> None:
    """A database restored from yesterday knows yesterday's password: loud, but it serves."""
    first = rotated.token
    rotated.rotate()
    rotated.apply(first)
    assert ask(rotated.ladder()) == rotated.users[0]
    assert switches(caplog) == [("ERROR", AWSPREVIOUS)]


def test_a_label_that_moves_between_two_reads_is_found_in_the_next_round(
    rotated: RotatedSecret,
) -> None:
    """Labels are eventually consistent: nothing fits at first, and then something does."""
    ladder = rotated.ladder()
    ask(ladder)
    hidden, read = rotated.propose(), rotated.store.read
    rotated.apply(hidden)

    def late(reference: Reference) -> Any:
        if reference.label == AWSPENDING and rotated.store.asked.count(AWSPREVIOUS) < 2:
            raise SecretNotFound("not yet", store="local")
        return read(reference)

    ladder._source = late
    rotated.store.asked.clear()
    assert ask(ladder) == rotated.users[0]
    assert rotated.store.asked.count(AWSPREVIOUS) == 2


# When it does not climb ---------------------------------------------------------------------


def test_a_wrong_database_is_told_at_once(rotated: RotatedSecret) -> None:
    """No other credential would help; the caller must not wait for the deadline to read it."""
    ladder = rotated.ladder()
    ask(ladder)
    rotated.store.asked.clear()
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        ask(ladder, dbname="nowhere")
    assert rotated.store.asked == []


def test_a_database_that_is_down_is_told_at_once(rotated: RotatedSecret) -> None:
    """The same error as without the ladder, as soon as without it."""
    ladder = rotated.ladder()
    ask(ladder)
    rotated.store.asked.clear()
    with pytest.raises(psycopg.OperationalError, match="refused"):
        ask(ladder, port=unused_port())
    assert rotated.store.asked == []


def test_a_store_that_is_down_leaves_the_databases_own_error(
    rotated: RotatedSecret, caplog: pytest.LogCaptureFixture
) -> None:
    """The program handles the driver's error; why nothing better was found is in the log."""
    ladder = rotated.ladder(deadline=0.3)
    ask(ladder)
    rotated.apply(rotated.propose())
    rotated.store.asked.clear()
    rotated.store.failure = StoreUnavailable("cannot be reached", store="local")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed") as caught:
        ask(ladder)
    assert set(rotated.store.asked) == {AWSCURRENT}
    assert "cannot be reached" in caplog.text
    assert caught.value.__context__ is None


def test_a_store_that_is_away_for_a_moment_fails_no_request(rotated: RotatedSecret) -> None:
    """The climb goes on until its deadline: a network that blinks is bridged."""
    ladder = rotated.ladder()
    ask(ladder)
    rotated.apply(rotated.propose())
    rotated.store.failure = StoreUnavailable("cannot be reached", store="local")
    read = rotated.store.read

    def comes_back(reference: Reference) -> Any:
        if len(rotated.store.asked) > 2:
            rotated.store.failure = None
        return read(reference)

    ladder._source = comes_back
    rotated.store.asked.clear()
    assert ask(ladder) == rotated.users[0]


def test_a_store_that_gives_nothing_to_begin_with_is_told(rotated: RotatedSecret) -> None:
    """Without any credential there is no error of the database: the store's own says what to do."""
    rotated.store.failure = StoreUnavailable("cannot be reached", store="local")
    with pytest.raises(StoreUnavailable):
        ask(rotated.ladder())
    rotated.store.failure = AccessDenied("may not", store="local")
    with pytest.raises(AccessDenied):
        ask(rotated.ladder())


def test_a_label_that_may_not_be_read_does_not_end_the_climb(rotated: RotatedSecret) -> None:
    """A policy that names AWSCURRENT alone slows a client down; the label's move still saves it."""
    ladder = rotated.ladder()
    ask(ladder)
    token, read = rotated.propose(), rotated.store.read
    rotated.apply(token)

    def strict(reference: Reference) -> Any:
        if reference.label == AWSCURRENT:
            return read(reference)
        if rotated.token != token:
            rotated.finish(token)
        raise AccessDenied("may read AWSCURRENT alone", store="local")

    ladder._source = strict
    assert ask(ladder) == rotated.users[0]


def test_when_nothing_is_accepted_the_deadline_ends_it(rotated: RotatedSecret) -> None:
    """A request is answered before its own time-out, by the error that the database gave."""
    rotated.execute(f"ALTER ROLE {rotated.users[0]} NOLOGIN")
    ladder = rotated.ladder(deadline=0.2)
    with pytest.raises(psycopg.OperationalError, match="not permitted to log in"):
        ask(ladder)
    assert rotated.store.asked.count(AWSCURRENT) >= 2


def test_a_reference_to_one_version_is_refused(store: WatchedStore) -> None:
    """It could never follow a rotation, and would seem to."""
    with pytest.raises(ConfigurationError, match="names one version"):
        CredentialLadder(store.read, Reference.parse("gli/db@AWSPREVIOUS"))


# Many at once -------------------------------------------------------------------------------


def test_one_thread_climbs_and_all_have_the_winner(rotated: RotatedSecret) -> None:
    """A rotation costs the store two reads per process, and not two per request."""
    ladder = rotated.ladder()
    ask(ladder)
    rotated.apply(rotated.propose())
    rotated.store.asked.clear()
    threads = [threading.Thread(target=ask, args=[ladder]) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert rotated.store.asked == [AWSCURRENT, AWSPENDING]


def test_the_first_requests_share_the_first_read(rotated: RotatedSecret) -> None:
    """A new worker does not ask the store once for each of its threads."""
    ladder = rotated.ladder()
    together = threading.Barrier(8)
    threads = [threading.Thread(target=lambda: (together.wait(), ask(ladder))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert rotated.store.asked == [AWSCURRENT]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_worker_forked_in_the_midst_of_a_climb_climbs_itself(rotated: RotatedSecret) -> None:
    """A preloading gunicorn forks while any thread may be anywhere: no child waits for ever."""
    ladder = rotated.ladder()
    ask(ladder)
    rotated.apply(rotated.propose())
    reached, go_on, read = threading.Event(), threading.Event(), rotated.store.read

    def slow(reference: Reference) -> Any:
        reached.set()
        go_on.wait(30)
        return read(reference)

    ladder._source = slow
    climber = threading.Thread(target=ask, args=[ladder])
    climber.start()
    reached.wait(30)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that is what this is about
        child = os.fork()
    if child == 0:
        status = 1
        try:
            ladder._source = read
            status = int(ask(ladder) != rotated.users[0])
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    go_on.set()
    climber.join()
    assert status == 0


# What is told -------------------------------------------------------------------------------


def test_no_password_is_shown_by_what_goes_wrong(
    rotated: RotatedSecret, caplog: pytest.LogCaptureFixture
) -> None:
    """Error trackers keep every frame's locals: none of the ladder's or the driver's has it."""
    caplog.set_level(logging.DEBUG)
    ladder = rotated.ladder(deadline=0.1)
    ask(ladder)
    rotated.apply(rotated.propose())
    ask(ladder)
    rotated.execute(f"ALTER ROLE {rotated.users[0]} NOLOGIN")
    with pytest.raises(psycopg.OperationalError) as caught:
        ask(ladder)
    frames = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    shown = "".join(frames.format()) + caplog.text + repr(ladder.held)
    assert [password for password in rotated.passwords if password in shown] == []


def test_what_the_store_gives_is_masked_from_then_on(rotated: RotatedSecret) -> None:
    """A password that came by a rotation is as secret as the one that was loaded."""
    ladder = rotated.ladder()
    rotated.apply(rotated.propose())
    ask(ladder)
    assert rotated.passwords[-1] not in process_redactor().redact(f"x {rotated.passwords[-1]} x")


def test_a_switch_is_one_line_with_the_facts(
    rotated: RotatedSecret, caplog: pytest.LogCaptureFixture
) -> None:
    """Which secret, from which version to which, how, and how long it took; and never a value."""
    caplog.set_level(logging.INFO, "glisecrets")
    ladder, first = rotated.ladder(), rotated.token
    ask(ladder)
    token = rotated.rotate()
    ask(ladder)
    (line,) = caplog.records
    facts = vars(line)
    assert line.getMessage().startswith("db.credentials.switched secret=gli/db/development from=")
    assert (facts["from"], facts["to"]) == (first[:8], token[:8])
    assert (facts["rung"], facts["attempts"]) == (AWSCURRENT, 2)


def test_a_hook_that_fails_breaks_no_connection(
    rotated: RotatedSecret, caplog: pytest.LogCaptureFixture
) -> None:
    """It is told in the log, masked."""
    ladder = rotated.ladder()
    ladder.on_switch(lambda switch: 1 / len(rotated.users[2:]))
    ask(ladder)
    rotated.rotate()
    assert ask(ladder) == rotated.users[0]
    assert "ZeroDivisionError" in caplog.text


def test_copies_share_and_pickles_open_their_own(
    rotated: RotatedSecret, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Django copies DATABASES, and test runners send it to new processes: no password with it."""
    ladder = rotated.ladder(deadline=3)
    ask(ladder)
    assert copy.deepcopy({"credentials": ladder})["credentials"] is ladder
    pickled = pickle.dumps(ladder)
    assert [it for it in rotated.passwords if it.encode() in pickled] == []
    monkeypatch.setenv("DJANGO_ENV", "development")
    again = pickle.loads(pickled)
    assert (again.reference, again.held) == (ladder.reference, None)


# Values and refusals ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reference", "wrap"),
    [
        ("gli/x", lambda it: json.dumps({"username": "api", "password": it, "port": 5432})),
        ("gli/x#db", lambda it: json.dumps({"db": {"user": "api", "password": it}})),
        ("gli/x#url", lambda it: json.dumps({"url": f"postgres://api:{it}@db:5432/gli"})),
        ("gli/x", lambda it: json.dumps({"url": f"redis://api:{it}@db:5432/0"})),
        ("gli/x", lambda it: f"postgres://api:{it}@db:5432/gli"),
    ],
)
def test_credentials_are_read_from_the_usual_forms(
    store: WatchedStore, reference: str, wrap: Any
) -> None:
    """JSON as RDS writes it, a part of a larger document, a URL."""
    password = secrets.token_urlsafe()
    store.create("gli/x", wrap(password))
    ladder = CredentialLadder(store.read, Reference.parse(reference))
    login = ladder.connect(lambda it: it.login())
    assert login == {"user": "api", "password": password}
    assert password not in repr(login)


def test_a_password_alone_leaves_the_user_to_the_caller(store: WatchedStore) -> None:
    """A reference may name one key."""
    password = secrets.token_urlsafe()
    store.create("gli/x", json.dumps({"password": password}))
    ladder = CredentialLadder(store.read, Reference.parse("gli/x#password"))
    assert ladder.connect(lambda it: it.parameters()) == {"password": password}


@pytest.mark.parametrize(
    "value", ['{"username": "{}"}', '{"password": null, "x": "{}"}', "redis://u:1{}@[x/0"]
)
def test_what_holds_no_credentials_is_told_without_it(store: WatchedStore, value: str) -> None:
    """The error names the secret and the version; what stands in it is nobody's to read."""
    secret = secrets.token_hex()
    store.create("gli/x", value.replace("{}", secret))
    ladder = CredentialLadder(store.read, Reference.parse("gli/x"))
    with pytest.raises(GlisecretsError) as caught:
        ladder.connect(lambda it: it.login())
    assert secret not in "".join(traceback.format_exception(caught.value))


def test_an_unreadable_pending_version_is_passed_over(rotated: RotatedSecret) -> None:
    """A version that somebody wrote by hand and wrong must not keep the right one from winning."""
    ladder = rotated.ladder()
    ask(ladder)
    first = rotated.token
    rotated.rotate()
    rotated.apply(first)
    rotated.store.put(rotated.name, json.dumps({"username": "api"}), labels=[AWSPENDING])
    other = rotated.ladder()
    assert ask(other) == rotated.users[0]
    assert other.held is not None
    assert other.held.version_id == first


class _Error(Exception):
    def __init__(self, text: str = "", sqlstate: str | None = None, used: bool | None = None):
        super().__init__(text)
        self.sqlstate = sqlstate
        if used is not None:
            self.pgconn = type("Connection", (), {"used_password": used})()


@pytest.mark.parametrize(
    ("error", "refused"),
    [
        (_Error(sqlstate="28P01"), True),
        (_Error(sqlstate="28000"), True),
        (_Error("password authentication failed", sqlstate="53300"), False),
        (_Error('FATAL:  PAM authentication failed for user "api"', used=True), True),
        (_Error("FATAL:  This RDS proxy has no credentials for the role api.", used=True), True),
        (_Error("The password that was provided for the role api is wrong.", used=True), True),
        (_Error("FATAL:  SASL authentication failed", used=True), True),
        (_Error('치명적오류:  사용자 "api"의 password 인증을 실패했습니다', used=True), True),
        (_Error('role "api" is not permitted to log in', used=False), False),
        (_Error("FATAL:  sorry, too many clients already", used=True), False),
        (_Error('no pg_hba.conf entry for host "10.0.0.1"', used=True), False),
        (TimeoutError("connection timeout expired"), False),
    ],
)
def test_what_counts_as_a_refused_credential(error: Exception, refused: bool) -> None:
    """Sources: PostgreSQL, PgBouncer and RDS Proxy, as their logs and documentation have it."""
    assert is_refusal(error) is refused
