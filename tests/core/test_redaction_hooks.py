"""Reports that leave the process through logging, structlog and Sentry hold no value."""

from __future__ import annotations

import io
import json
import logging
import logging.config
import secrets
import subprocess
import sys
from typing import Any

import pytest
import sentry_sdk
import structlog
from sentry_sdk.transport import Transport

from glisecrets.redaction import (
    RedactingFilter,
    Redactor,
    before_send,
    process_redactor,
    redacting_processor,
)


@pytest.fixture
def value() -> str:
    """Give a value that the process-wide redactor knows."""
    value = secrets.token_urlsafe()
    process_redactor().add(value, name="api_key")
    return value


class Log:
    """A logger of its own, with one masked handler that writes to memory."""

    def __init__(self, redactor: Redactor | None = None) -> None:
        self.stream = io.StringIO()
        self.records: list[logging.LogRecord] = []
        self.handler = logging.StreamHandler(self.stream)
        self.handler.addFilter(RedactingFilter(redactor=redactor))
        self.handler.addFilter(lambda record: self.records.append(record) or True)
        self.logger = logging.Logger("test")  # noqa: LOG001 - registered nowhere
        self.logger.addHandler(self.handler)

    @property
    def text(self) -> str:
        return self.stream.getvalue()


class Client:
    """A thing whose text form gives its key away."""

    def __init__(self, key: str) -> None:
        self.key = key

    def __str__(self) -> str:
        return f"Client({self.key})"


def test_messages_and_arguments_are_masked(value: str) -> None:
    """However a value gets into a message, the line does not show it."""
    log = Log()
    log.logger.error("plain %s", value)
    log.logger.error(f"ready {value}")  # noqa: G004
    log.logger.error("split %s%s", value[:9], value[9:])
    log.logger.error("thing %s", Client(value))
    log.logger.error("named %(key)s", {"key": value})
    log.logger.error(Client(value))
    log.logger.error({"key": value})
    mask = "[redacted:api_key]"
    assert log.text.splitlines() == [
        f"plain {mask}",
        f"ready {mask}",
        f"split {mask}",
        f"thing Client({mask})",
        f"named {mask}",
        f"Client({mask})",
        f"{{'key': '{mask}'}}",
    ]
    assert all(value not in repr(vars(record)) for record in log.records)
    assert log.records[-1].msg == {"key": mask}


def test_masked_arguments_stay_arguments(value: str) -> None:
    """An error tracker still groups by template, where arguments can be masked one by one."""
    log = Log()
    log.logger.error("login %s took %d ms", value, 12)
    assert log.records[0].msg == "login %s took %d ms"
    assert log.records[0].args == ("[redacted:api_key]", 12)


def test_clean_records_stay_lazy(value: str) -> None:
    """A record without a secret reaches formatters with its template, arguments and exception."""
    log = Log()
    thing = Client("clean")
    try:
        raise ValueError("clean")  # noqa: TRY301
    except ValueError:
        log.logger.exception("thing %s %d %s", thing, 5, "x", extra={"thing": thing})
    record = log.records[0]
    assert (record.msg, record.args) == ("thing %s %d %s", (thing, 5, "x"))
    assert record.exc_info is not None
    assert vars(record)["thing"] is thing
    assert log.text.startswith("thing Client(clean) 5 x\nTraceback")


def test_arguments_that_are_not_written_are_masked_too(value: str) -> None:
    """A report that lists the arguments apart does not show what the message cut off."""
    log = Log()
    log.logger.error("%.3s", value)
    log.logger.error("%(shown)s", {"shown": 1, "hidden": value})
    assert log.records[0].args == ("[redacted:api_key]",)
    assert log.records[1].args == {"shown": 1, "hidden": "[redacted:api_key]"}


def test_tracebacks_are_masked_for_every_formatter(value: str) -> None:
    """A chained exception with a value in it is masked, also for a formatter of its own mind."""

    class OwnMind(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            told = self.formatException(record.exc_info) if record.exc_info else ""
            return f"{told}|{record.exc_text}"

    for formatter in (logging.Formatter("%(message)s"), OwnMind()):
        log = Log()
        log.handler.setFormatter(formatter)
        try:
            try:
                raise KeyError(value)  # noqa: TRY301
            except KeyError as error:
                raise RuntimeError(f"cannot use {value}") from error
        except RuntimeError:
            log.logger.exception("failed")
        assert value not in log.text
        assert "RuntimeError: cannot use [redacted:api_key]" in log.text
        assert "KeyError: '[redacted:api_key]'" in log.text


def test_a_traceback_that_another_handler_cached_is_masked(value: str) -> None:
    """An unmasked handler that ran first leaves nothing for a masked one to repeat."""
    log = Log()
    first = logging.StreamHandler(io.StringIO())
    log.logger.handlers.insert(0, first)
    try:
        raise RuntimeError(value)  # noqa: TRY301
    except RuntimeError:
        log.logger.exception("failed")
    assert value not in log.text
    assert "[redacted:api_key]" in log.text


def test_a_terse_handler_does_not_hide_a_traceback_from_masking(value: str) -> None:
    """A clean summary that another handler cached does not let the exception itself through."""
    record = logging.makeLogRecord({"msg": "x", "exc_text": "terse"})
    record.exc_info = (RuntimeError, RuntimeError(value), None)
    RedactingFilter().filter(record)
    assert (record.exc_text, record.exc_info) == ("terse", None)


def test_stack_and_extras_are_masked(value: str) -> None:
    """What a JSON formatter adds to the line is masked as well."""
    log = Log()
    log.handler.setFormatter(logging.Formatter("%(message)s %(request)s"))
    log.logger.error("x", extra={"request": {"headers": [("authorization", value)]}})
    assert log.text == "x {'headers': [('authorization', '[redacted:api_key]')]}\n"
    record = logging.makeLogRecord({"msg": "x", "stack_info": f"Stack {value}"})
    assert RedactingFilter().filter(record)
    assert record.stack_info == "Stack [redacted:api_key]"


def test_a_broken_call_is_reported_without_its_values(
    value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A wrong ``%d`` stays logging's own error, and its report shows no secret."""
    log = Log()
    log.logger.error("number %d", value)
    log.logger.error("too few %s %s", value)  # noqa: PLE1206 - the mistake in question
    log.logger.error(f"{value} %d", "x")  # noqa: G004
    report = capsys.readouterr().err
    assert report.count("--- Logging error ---") == 3
    assert "[redacted:api_key]" in report
    assert value not in report


def test_a_thing_that_cannot_be_written_does_not_stop_the_program(
    value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A ``__str__`` that raises is the handler's to report, as without the filter."""

    class Broken:
        def __str__(self) -> str:
            raise RuntimeError("broken")

    Log().logger.error("%s", Broken())
    assert "RuntimeError: broken" in capsys.readouterr().err


def test_it_works_from_django_logging_settings(value: str) -> None:
    """The configuration in the documentation is one that ``dictConfig`` takes."""
    stream = io.StringIO()
    name = f"test.{secrets.token_hex(4)}"
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "filters": {"redact": {"()": "glisecrets.redaction.RedactingFilter"}},
            "handlers": {
                "h": {"class": "logging.StreamHandler", "stream": stream, "filters": ["redact"]}
            },
            "loggers": {name: {"handlers": ["h"], "propagate": False}},
        }
    )
    logging.getLogger(name).warning("key %s", value)
    assert stream.getvalue() == "key [redacted:api_key]\n"


def test_a_filter_can_have_a_redactor_of_its_own() -> None:
    """A test or a tool can mask without the process-wide state."""
    redactor = Redactor()
    redactor.add("something-secret", name="own")
    log = Log(redactor)
    log.logger.error("something-secret")
    assert log.text == "[redacted:own]\n"


@pytest.mark.parametrize("last", [True, False], ids=["after renderer", "before renderer"])
def test_structlog_events_are_masked(value: str, last: bool) -> None:
    """Bound values, nested values and rendered exceptions are masked."""
    stream = io.StringIO()
    ends = [structlog.processors.JSONRenderer(), redacting_processor]
    logger = structlog.wrap_logger(
        structlog.PrintLogger(stream),
        processors=[structlog.processors.format_exc_info, *(ends if last else ends[::-1])],
    )
    try:
        raise RuntimeError(value)  # noqa: TRY301
    except RuntimeError:
        logger.bind(token=value).exception("failed", deep=[{"a": value}])
    written = json.loads(stream.getvalue())
    assert written["token"] == "[redacted:api_key]"
    assert written["deep"] == [{"a": "[redacted:api_key]"}]
    assert value not in stream.getvalue()


def test_structlog_after_the_renderer_masks_what_things_write(value: str) -> None:
    """After the renderer, a value in an object's ``repr`` is masked too."""
    stream = io.StringIO()
    logger = structlog.wrap_logger(
        structlog.PrintLogger(stream),
        processors=[
            structlog.processors.KeyValueRenderer(repr_native_str=False),
            redacting_processor,
        ],
    )
    logger.info("x", error=RuntimeError(value))
    assert stream.getvalue() == "error=RuntimeError('[redacted:api_key]') event=x\n"


class Outbox(Transport):
    """Keeps what the real Sentry client would send."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[bytes] = []

    def capture_envelope(self, envelope: Any) -> None:
        self.sent.append(envelope.serialize())


def test_sentry_events_are_masked(value: str) -> None:
    """An event with the value in message, locals, breadcrumbs and extras is sent without it."""
    outbox = Outbox()
    client = sentry_sdk.Client(
        dsn="http://key@127.0.0.1:9/1",
        transport=outbox,
        default_integrations=False,
        before_send=before_send,
        before_send_transaction=before_send,
        traces_sample_rate=1.0,
    )
    with sentry_sdk.isolation_scope() as scope:
        scope.set_client(client)
        scope.add_breadcrumb(message=f"used {value}", data={"deep": [value]})
        scope.set_extra("key", {"nested": [value]})
        with sentry_sdk.start_transaction(name=f"job {value}"):
            try:
                local = {"password": value, "url": f"https://u:{value}@host/"}
                raise RuntimeError(f"cannot use {local}")  # noqa: TRY301
            except RuntimeError:
                sentry_sdk.capture_exception()
    client.close()
    assert len(outbox.sent) == 2
    for envelope in outbox.sent:
        assert value.encode() not in envelope
        assert b"[redacted:api_key]" in envelope


def test_the_hooks_import_no_framework() -> None:
    """A Lambda without Sentry and structlog masks its logs without them."""
    code = (
        "import sys, glisecrets.redaction as r; r.before_send({}, {}); "
        "print({'sentry_sdk', 'structlog', 'django'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
