"""Hostile input: what an attacker, a tired operator or a broken platform might put before it."""

from __future__ import annotations

import base64
import json
import os
import secrets
import socket
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self
from urllib.parse import quote

import pytest
import sentry_sdk.serializer
import sentry_sdk.utils
import structlog
from pydantic import (
    AliasChoices,
    BaseModel,
    Field,
    Json,
    PostgresDsn,
    RootModel,
    Secret,
    SecretStr,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError
from typing_extensions import TypeAliasType, TypedDict

from glisecrets import LoadOptions, Redactor, Settings, SettingsError, process_redactor, secret
from glisecrets.placeholders import BUILD_MARK
from glisecrets.stores.local import LocalStore
from glisecrets.stores.vault import VaultStore

from .plain_user import reachable_folder, run_as_plain_user
from .test_faults import everything_told, forms

if TYPE_CHECKING:
    from collections.abc import Callable


def settings_class(annotation: Any, default: Any = ..., *, name: str = "field") -> type[Settings]:
    """Declare one field."""
    given = {} if default is ... else {name: default}
    members = {"__annotations__": {name: annotation}, "__module__": __name__, **given}
    return type("One", (Settings,), members)


def faults_of(cls: type[Settings], *, environment: str = "staging", **load: Any) -> SettingsError:
    """Load what must not load."""
    with pytest.raises(SettingsError) as caught:
        cls.load(environment=environment, **{"environ": {}, "store": "off", **load})
    return caught.value


# The environment guard.

FOREIGN_TEXTS = [
    "postgres://u:{}@db.production:5432/gli",
    "postgres://u:{}@db.staging:5432,db.production:5432/gli",
    "postgres://u:a/{}@db.production/gli",
    "postgres://u:a@{}@db.production/gli",
    "postgres:///gli?user=u&password={}&host=db.production",
    "postgres://u:{}@%2Fcloudsql%2Fgli-production%3Aseoul%3Adb/gli",
    "host=db.production port=5432 user=u password={}",
    "jdbc:postgresql://db.production/gli?password={}",
    "Server=tcp:gli.production.example,1433;Password={}",
    "redis://:{}@redis.PROD/0",
    "rediss://a.staging:6379,rediss://:{}@b.production:6379",
    "redis+sentinel://:{}@s1.staging:26379,s2.production:26379/main/0",
    "amqp://u:{0}@a.staging//;amqp://u:{0}@b.production//",
    "mongodb+srv://u:{}@prod2.mongodb.example/gli",
]


@pytest.mark.parametrize("text", FOREIGN_TEXTS)
def test_a_credential_is_refused_wherever_in_it_the_foreign_host_stands(text, value) -> None:
    """Several hosts, lists of URLs, keyword DSNs, JDBC: each leads somewhere."""
    password = value()
    error = faults_of(settings_class(SecretStr), environ={"FIELD": text.format(password)})
    assert [fault.kind for fault in error.faults] == ["wrong-environment"]
    assert password not in str(error)
    assert "db.production" not in str(error)


@pytest.mark.parametrize("annotation", [str, PostgresDsn])
def test_a_url_with_a_password_is_a_credential_whatever_its_field(annotation, value) -> None:
    """A field that nobody declared secret leads to the database all the same."""
    url = f"postgres://u:{value()}@db.production/gli"
    error = faults_of(settings_class(annotation), environ={"FIELD": url})
    assert error.faults[0].kind == "wrong-environment"
    public = settings_class(str).load(
        environment="staging", environ={"FIELD": "https://api.production.example/"}, store="off"
    )
    assert public.field == "https://api.production.example/"  # type: ignore[attr-defined]


FOREIGN_DOCUMENTS: list[dict[str, Any]] = [
    {"HOST": "db.production"},
    {"hostname": "db.production"},
    {"readerEndpoint": "db.production:5432"},
    {"address": "db.production"},
    {"url": "postgres://u:p@db.production/gli"},
    {"replica": {"host": "db.production"}},
    {"hosts": ["a.staging", "b.production"]},
    {"brokers": [{"host": "db.production"}]},
]


@pytest.mark.parametrize("document", FOREIGN_DOCUMENTS)
@pytest.mark.parametrize("annotation", [SecretStr, dict[str, Any]])
def test_a_json_secret_is_refused_by_whatever_name_it_calls_its_host(
    store, document: dict[str, Any], annotation: Any
) -> None:
    """The RDS console writes `host`; people write `endpoint`, `HOST`, or a list."""
    store.create("gli/db/staging", json.dumps(document))
    cls = settings_class(annotation, secret("gli/db/{environment}"))
    error = faults_of(cls, store=store)
    assert [fault.kind for fault in error.faults] == ["wrong-environment"]


@pytest.mark.parametrize("name", ["host", "db_host"])
def test_a_host_of_its_own_is_refused_declared_secret_or_not(store, name: str) -> None:
    """One key of the JSON secret is one field; and a plain variable may hold the host."""
    store.create("gli/db/staging", '{"host": "db.production"}')
    declared = settings_class(str, secret("gli/db/{environment}#host"), name=name)
    assert faults_of(declared, store=store).faults[0].kind == "wrong-environment"
    plain = settings_class(str, name=name)
    error = faults_of(plain, environ={name.upper(): "db.production"})
    assert error.faults[0].kind == "wrong-environment"


def test_a_host_may_be_allowed_by_name_within_a_list(value: Callable[[], str]) -> None:
    """The rare exception is one host, without its port."""

    class Allowing(Settings):
        load_options = LoadOptions(allow=("licence.production",))
        brokers: SecretStr

    text = f"amqp://u:{value()}@a.staging:5672,licence.production:5672/"
    settings = Allowing.load(environment="staging", environ={"BROKERS": text}, store="off")
    assert settings.brokers.get_secret_value() == text


@pytest.mark.parametrize(
    "environ",
    [
        {"GLISECRETS_STORE": "aws:?profile=gli-pr%6Fduction"},
        {"GLISECRETS_STORE": "aws", "AWS_DEFAULT_PROFILE": "gli-production"},
        {"GLISECRETS_STORE": "aws", "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/gli-prod-api"},
        {"GLISECRETS_STORE": "aws:?endpoint_url=https://prod1.example"},
    ],
)
def test_a_place_of_another_environment_is_refused_however_it_is_written(
    environ: dict[str, str],
) -> None:
    """Escapes, the older variable, a web identity's role, a number after the word."""
    cls = settings_class(SecretStr, secret("gli/x/{environment}"))
    with pytest.raises(SettingsError) as caught:
        cls.load(environment="staging", environ=environ)
    assert [fault.kind for fault in caught.value.faults] == ["wrong-environment"]


def test_a_store_object_of_another_environment_is_refused_too() -> None:
    """A program that opens the store itself may have opened production's."""
    token = {"VAULT_TOKEN": secrets.token_hex(8)}
    store = VaultStore.from_options("http://vault.production.example:8200", {}, environ=token)
    cls = settings_class(SecretStr, secret("vault:secret/gli/{environment}#x"))
    error = faults_of(cls, store=store)
    assert [fault.kind for fault in error.faults] == ["wrong-environment"]


# What leaks: values must not, by whatever way a program tells of a failed load.


class Given:
    """What a load is given. An object, since reporters open mappings in a frame's locals."""

    def __init__(self, environ: dict[str, str], arguments: dict[str, Any]) -> None:
        self.environ = environ
        self.arguments = arguments


def told_by_every_reporter(error: BaseException) -> str:
    """Write an error as tracebacks with locals, Sentry and structlog do."""
    exc_info = (type(error), error, error.__traceback__)
    frames = structlog.tracebacks.ExceptionDictTransformer(locals_max_string=10**6)(exc_info)
    event, _ = sentry_sdk.utils.event_from_exception(exc_info)
    sent = sentry_sdk.serializer.serialize(event)
    return "\n".join([everything_told(error), repr(frames), json.dumps(sent)])


def told_of_failing(cls: type[Settings], given: Given) -> str:
    """Load what must not load; give everything that is told of it."""
    try:
        cls.load(environment="staging", environ=given.environ, store="off", **given.arguments)
    except (SettingsError, SystemExit) as error:
        return told_by_every_reporter(error)
    pytest.fail("nothing was wrong")


class AfterValidator(Settings):
    token: SecretStr
    plain: str

    @model_validator(mode="after")
    def _refuse(self) -> Self:
        raise ValueError("refused")


class PostInit(Settings):
    token: SecretStr
    plain: str

    def model_post_init(self, context: object) -> None:
        raise KeyError(self.plain)


class Exiting(Settings):
    plain: str
    token: SecretStr

    @field_validator("token", mode="after")
    @classmethod
    def _exit(cls, token: SecretStr) -> SecretStr:
        raise SystemExit(2)


class Encoding(Settings):
    token: SecretStr
    plain: str

    @field_validator("plain")
    @classmethod
    def _tell(cls, plain: str) -> str:
        data = plain[2:-2].encode()
        raise ValueError(f"{base64.b64encode(data)!r} {quote(plain)} {plain[:4]} {plain!a}")


class Disguised(Settings):
    token: SecretStr
    plain: str

    @field_validator("token", "plain")
    @classmethod
    def _tell(cls, value: Any) -> Any:
        shown = value if isinstance(value, str) else value.get_secret_value()
        raise PydanticCustomError("string_type", "not {shown}", {"shown": shown})


class Aliased(Settings):
    token: SecretStr = Field(validation_alias="TOKEN")
    plain: int = Field(validation_alias=AliasChoices("OTHER", "PLAIN"))

    @field_validator("token")
    @classmethod
    def _tell(cls, token: SecretStr) -> SecretStr:
        raise ValueError(token.get_secret_value()[::-1])


class WholeModel(Settings):
    token: SecretStr
    plain: str

    @model_validator(mode="before")
    @classmethod
    def _tell(cls, values: Any) -> Any:
        raise ValueError(f"refused: {values}")


@pytest.mark.parametrize(
    "cls", [AfterValidator, PostInit, Exiting, Encoding, Disguised, Aliased, WholeModel]
)
def test_no_validator_can_make_an_error_show_a_value(cls: type[Settings], value) -> None:
    """Not the author's message, not a bug in a hook, not the locals of our own frames."""
    variables = {"TOKEN": value(), "PLAIN": f"한글 '{value()}%\n"}
    arguments = {name.lower(): text for name, text in variables.items()}
    told = told_of_failing(cls, Given(variables, {})) + told_of_failing(cls, Given({}, arguments))
    for text in variables.values():
        for form in {*forms(text), text[::-1], quote(text), ascii(text)[1:-1]}:
            assert form not in told


class Inner(BaseModel):
    host: str
    password: SecretStr


class A(BaseModel):
    kind: Literal["a"]


class B(BaseModel):
    kind: Literal["b"]


class Colour(Enum):
    RED = "red"


class Nesting(Settings):
    by_name: dict[str, Inner] | None = None
    replicas: list[Inner] | None = None
    both: Json[list[int]] | None = None
    tagged: Annotated[A | B, Field(discriminator="kind")] | None = None


def test_a_part_that_is_missing_deep_in_a_json_is_named_without_the_way_to_it(value) -> None:
    """The keys of a mapping are a part of the value; the model's own are not."""
    variables = {
        "BY_NAME": json.dumps({(name := value()): {"host": "x"}}),
        "REPLICAS": '[{"password": "x"}]',
    }
    error = faults_of(Nesting, environ=variables)
    assert [(fault.field, fault.kind) for fault in error.faults] == [
        ("by_name", "missing"),
        ("replicas", "missing"),
    ]
    assert "no key 'password' (keys: host)" in error.faults[0].message
    assert "no key 'host' (keys: password)" in error.faults[1].message
    assert name not in str(error)


def test_a_wrong_tag_is_not_repeated(value) -> None:
    """Pydantic quotes the tag that fits no member of a union."""
    error = faults_of(Nesting, environ={"TAGGED": json.dumps({"kind": (tag := value())})})
    assert tag not in str(error)
    assert error.faults[0].field == "tagged"


@pytest.mark.parametrize("depth", [100, 600, 950, 5000])
def test_a_json_that_is_nested_deeply_is_a_fault_at_most(depth: int, value) -> None:
    """No stack overflows with the document in its frames."""
    text = '{"a":' * depth + json.dumps(value()) + "}" * depth
    for annotation in (dict[str, Any], SecretStr):
        cls = settings_class(annotation, secret("gli/x/{environment}"))
        try:
            cls.load(environment="staging", environ={"FIELD": text}, store="off")
        except SettingsError as error:
            assert error.faults[0].kind == "unreadable"  # noqa: PT017 - either end is right


def test_pydantics_own_messages_stay_readable() -> None:
    """What tells nothing of the value is not hidden with the rest."""

    class Plain(Settings):
        number: int
        small: Annotated[int, Field(lt=5)]
        word: Literal["one", "two"]
        short: Annotated[list[int], Field(max_length=1)]
        when: datetime
        colour: Colour

    variables = {name.upper(): "99" for name in Plain.model_fields} | {
        "NUMBER": "x",
        "SHORT": "1,2",
        "WHEN": "tomorrow",
    }
    error = faults_of(Plain, environ=variables)
    assert len(error.faults) == 6
    assert "refused" not in str(error)


# Files: what stands where a file is looked for.


class Mounted(Settings):
    api_key: SecretStr | None = None
    name: str = "default"


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


def a_link_to_itself(path: Path) -> None:
    path.symlink_to(path.name)


def a_dangling_link(path: Path) -> None:
    path.symlink_to("nowhere")


def fifty_megabytes(path: Path) -> None:
    path.touch()
    os.truncate(path, 50_000_000)


def a_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


OBSTACLES: list[tuple[Callable[[Path], None], str]] = [
    (Path.mkdir, "not a regular file"),
    (a_pipe, "not a regular file"),
    (a_socket, "not a regular file"),
    (a_link_to_itself, "Too many levels of symbolic links"),
    (a_dangling_link, "No such file"),
    (fifty_megabytes, "larger than 1048576 bytes"),
]


@pytest.mark.parametrize(("put", "complaint"), OBSTACLES)
def test_what_is_no_file_is_told_and_not_waited_for(
    project: Path, monkeypatch: pytest.MonkeyPatch, put: Callable[[Path], None], complaint: str
) -> None:
    """A pipe would hang the start, a gigabyte kill it; Docker makes a folder of a missing file."""
    (project / "run").mkdir()
    monkeypatch.chdir(project)  # a socket's path is short
    put(Path(".env.staging"))
    put(Path("run/api_key"))
    environ = {"GLISECRETS_SECRETS_DIR": str(project / "run")}
    error = faults_of(Mounted, environ=environ, directory=project)
    assert [fault.field for fault in error.faults] == ["(settings)", "api_key"]
    assert all(complaint in fault.message for fault in error.faults)


def test_a_file_is_blotted_out_by_dev_null(project: Path) -> None:
    """`/dev/null:/app/.env.staging` is how a container is kept from a file."""
    (project / ".env.staging").symlink_to("/dev/null")
    assert Mounted.load(environment="staging", directory=project, environ={}, store="off")


def test_an_empty_variable_does_not_hide_a_mounted_file(project: Path) -> None:
    """A compose file that passes `API_KEY` on sets it to nothing."""
    (project / "api_key").write_text("mounted\n")
    environ = {"GLISECRETS_SECRETS_DIR": str(project), "API_KEY": ""}
    settings = Mounted.load(environment="staging", environ=environ, store="off")
    assert settings.origin("api_key").file == str(project / "api_key")


def test_the_last_line_counts_in_whatever_case_and_its_number_is_told(project: Path) -> None:
    """The value and the line must be those of one and the same assignment."""
    (project / ".env.staging").write_bytes(b"NAME=1\r\nname='2\r\n'\r\nNAME=3\r\n")
    settings = Mounted.load(environment="staging", directory=project, environ={}, store="off")
    assert (settings.name, settings.origin("name").line) == ("3", 4)


def test_expansion_reads_the_variables_that_the_load_was_given(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A load from other surroundings takes nothing from this process; cycles come to an end."""

    class Expanding(Mounted):
        load_options = LoadOptions(expand=True)

    monkeypatch.setenv("HERE", "this process")
    text = "A=${B}\nB=${A}\nNAME=${HERE:-}${THERE}${A}${B}${NAME}\n"
    (project / ".env.staging").write_text(text)
    settings = Expanding.load(
        environment="staging", directory=project, environ={"THERE": "given"}, store="off"
    )
    assert settings.name == "given"


AS_PLAIN_USER = """
import os, sys
from pathlib import Path
from pydantic import SecretStr
from glisecrets import Settings, SettingsError, secret

class Service(Settings):
    api_key: SecretStr
    name: str
    database: SecretStr = secret("gli/db/{environment}#password")

def refuse_writing(event, arguments):
    if event == "open" and arguments[2] and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        raise AssertionError(f"{arguments[0]} is opened for writing")
    if event in {"os.mkdir", "os.rename", "os.remove", "os.chmod", "os.truncate"}:
        raise AssertionError(f"{event} {arguments}")

def main():
    if os.geteuid() != 0:
        sys.addaudithook(refuse_writing)
    try:
        settings = Service.load(environment="staging", directory=Path(sys.argv[1]))
    except SettingsError as error:
        print(*(f"{fault.field}: {fault.message} {fault.looked_at}" for fault in error.faults))
    else:
        print(settings.name, *(settings.origin(name).layer for name in Service.model_fields))
"""


def test_a_plain_user_on_a_read_only_file_system_loads_every_layer(value) -> None:
    """As ECS and Kubernetes run it: no root, no home, nothing that may be written."""
    with reachable_folder() as folder:
        (folder / ".git").mkdir()
        (folder / ".env.staging").write_text("NAME=dotenv\n")
        (folder / "run").mkdir()
        (folder / "run" / "api_key").write_text(value())
        key = base64.b64encode(secrets.token_bytes(32)).decode()
        store = LocalStore(folder / "store", key=base64.b64decode(key))
        store.create("gli/db/staging", json.dumps({"password": value()}))
        for path in folder.rglob("*"):
            path.chmod(0o555 if path.is_dir() else 0o444)
        told = run_as_plain_user(
            AS_PLAIN_USER,
            folder,
            GLISECRETS_STORE=f"local:{folder}/store",
            GLISECRETS_LOCAL_KEY=key,
            GLISECRETS_SECRETS_DIR=f"{folder}/run",
        )
    assert told == "dotenv process dotenv store"


def test_a_folder_that_a_plain_user_may_not_list_is_told(value) -> None:
    """Podman's /run/secrets is root's: the missing secret must not look like an unset variable."""
    with reachable_folder() as folder:
        (folder / "run").mkdir(mode=0o700)
        (folder / "run" / "api_key").write_text(value())
        (folder / "run").chmod(0)
        environ = {"GLISECRETS_SECRETS_DIR": f"{folder}/run/deeper", "GLISECRETS_STORE": "off"}
        deeper = run_as_plain_user(AS_PLAIN_USER, folder, **environ)
        environ["GLISECRETS_SECRETS_DIR"] = f"{folder}/run"
        told = run_as_plain_user(AS_PLAIN_USER, folder, **environ)
    assert "or file in" in told
    assert told.count("Permission denied") == deeper.count("Permission denied") == 3


# Types: secrets wherever in them they stand, and what pydantic reads of itself.


@dataclass
class Login:
    user: str
    password: SecretStr


class Token(TypedDict):
    token: SecretStr


class Tree(BaseModel):
    name: str = ""
    children: list[Tree] = []
    tokens: list[Token] = []


Alias = TypeAliasType("Alias", list[SecretStr])


@pytest.mark.parametrize(
    ("annotation", "text"),
    [
        (list[SecretStr], '["{}"]'),
        (tuple[SecretStr, ...], "{},other-token"),
        (Alias, "{}"),
        (Secret[str], "{}"),
        (dict[str, SecretStr], '{{"key": "{}"}}'),
        (Login, '{{"user": "gli", "password": "{}"}}'),
        (Login | str, '{{"user": "gli", "password": "{}"}}'),
        (list[Token], '[{{"token": "{}"}}]'),
        (Tree, '{{"children": [{{"tokens": [{{"token": "{}"}}]}}]}}'),
        (RootModel[list[SecretStr]], '["{}"]'),
    ],
)
def test_a_secret_is_masked_however_deep_its_type_hides_it(
    project: Path, annotation: Any, text: str, value
) -> None:
    """The redactor knows it, repr masks it, and the template in git never gives it."""
    cls = settings_class(annotation | None, None)
    written = text.format(hidden := value())
    settings = cls.load(environment="staging", environ={"FIELD": written}, store="off")
    assert hidden in str(reveal(settings.field))  # type: ignore[attr-defined]
    assert hidden not in repr(settings)
    assert hidden not in process_redactor().redact(f"x {hidden} y")
    (project / ".env.example").write_text(f"FIELD='{written}'\n")
    settings = cls.load(environment="staging", environ={}, directory=project, store="off")
    assert settings.field is None  # type: ignore[attr-defined]


def reveal(value: Any) -> Any:
    """Open what pydantic hides, at any depth."""
    if isinstance(value, Secret | SecretStr):
        return value.get_secret_value()
    if isinstance(value, RootModel):
        return reveal(value.root)
    if isinstance(value, BaseModel | Login):
        value = vars(value)
    if isinstance(value, dict):
        return {name: reveal(item) for name, item in value.items()}
    return [reveal(item) for item in value] if isinstance(value, list | tuple) else value


@pytest.mark.parametrize(
    ("annotation", "text", "expected"),
    [
        (Json[list[int]], "[1, 2]", [1, 2]),
        (Json[dict[str, int]] | None, '{"a": 1}', {"a": 1}),
        (RootModel[list[int]], "1,2", RootModel[list[int]]([1, 2])),
        (str | dict[str, int], "plain", "plain"),
        (str | dict[str, int], '{"a": 1}', {"a": 1}),
        (str | dict[str, int], "{no json", "{no json"),
        (int | dict[str, int], "5", 5),
        (dict[str, int] | list[int], "[1]", [1]),
        (Annotated[A | B, Field(discriminator="kind")], '{"kind": "b"}', B(kind="b")),
        (list[A], '[{"kind": "a"}]', [A(kind="a")]),
        (set[Colour], "red", {Colour.RED}),
    ],
)
def test_unions_and_json_are_read_as_pydantic_reads_them(annotation, text, expected) -> None:
    """A union takes what fits any of its members; `Json` parses its own text."""
    cls = settings_class(annotation)
    settings = cls.load(environment="staging", environ={"FIELD": text}, store="off")
    assert settings.field == expected  # type: ignore[attr-defined]


def test_the_redactor_learns_from_a_document_of_any_depth(value) -> None:
    """Parsers go deeper than Python's stack; what overflowed once would overflow in every log."""
    document: Any = (hidden := value())
    for _ in range(5000):
        document = [document]
    redactor = Redactor()
    redactor.add({"token": document}, name="api")
    assert redactor.redact(f"x {hidden} y") == "x [redacted:api.token] y"


# The build phase: rules that no placeholder can know.


class Demanding(Settings):
    plain: str = "default"
    pattern: str = Field(pattern=r"^sk_[a-z0-9]{32}$")
    exact: SecretStr = Field(min_length=32, max_length=32)
    hexadecimal: str
    large: int = Field(gt=1000)
    pair: tuple[int, int]
    some: list[str] = Field(min_length=2)
    parsed: Json[list[int]]
    database: PostgresDsn
    given: int

    @field_validator("hexadecimal")
    @classmethod
    def _check(cls, text: str) -> str:
        return {"00": text}[text]  # a bug rather than a refusal, for all but one text

    @model_validator(mode="after")
    def _together(self) -> Self:
        raise ValueError("the two do not go together")


def test_a_build_needs_no_value_whatever_its_rules(project: Path) -> None:
    """`collectstatic` runs in a Dockerfile; every field is of its type, and known again later."""
    environ = {"GLISECRETS_BUILD": "1", "GIVEN": "7"}
    built = Demanding.load(environment="production", environ=environ, directory=project)
    assert (built.plain, built.given, built.large) == ("default", 7, 0)
    assert BUILD_MARK in built.exact.get_secret_value()
    assert BUILD_MARK in built.hexadecimal
    assert BUILD_MARK in built.pattern
    assert (built.pair, built.some, built.parsed) == ((), [], [])
    assert built.database.scheme == "postgresql"
    assert (built.origin("given").layer, built.origin("large").layer) == ("process", "build")
    environ["GIVEN"] = "seven"  # what the build was given is never forgiven
    assert faults_of(Demanding, environment="production", environ=environ, directory=project)
    error = faults_of(settings_class(int), environ=environ | {"FIELD": "seven"})
    assert [fault.field for fault in error.faults] == ["field"]
    run = {"HEXADECIMAL": built.hexadecimal, "DATABASE": str(built.database)}
    error = faults_of(Demanding, environment="production", environ=run, directory=project)
    kinds = {fault.field: fault.kind for fault in error.faults}
    assert kinds["hexadecimal"] == kinds["database"] == "placeholder"


def test_a_blank_value_does_not_blank_out_the_log() -> None:
    """An indentation is in every traceback: such a value is named instead of masked."""
    redactor = Redactor()
    redactor.add({"padding": " " * 8, "lines": "\r\n" * 4}, name="api")
    text = f"def f():{' ' * 16}return 1{chr(13)}\n" * 3
    assert redactor.redact(text) == text
    assert redactor.unmasked == ("api.lines", "api.padding")
