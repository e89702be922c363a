"""Layers: each gives a value, a later one overrides, and the origin always tells which."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest
from pydantic import BaseModel, SecretBytes, SecretStr

from glisecrets import (
    LAYERS_INJECTED,
    ConfigurationError,
    LoadOptions,
    Settings,
    SettingsError,
    secret,
)

from .plain_user import reachable_folder, run_as_plain_user

if TYPE_CHECKING:
    from pathlib import Path

LAYER_VALUES = ["default", "template", "dotenv", "process", "store"]


class Layered(Settings):
    """One field that every layer may give."""

    name: str = secret("gli/name/{environment}", "default")


class Plain(Settings):
    """One field that is not secret."""

    name: str = "default"
    other: str = "default"


@pytest.mark.parametrize("strongest", range(1, 5))
def test_a_later_layer_overrides_an_earlier_one(project: Path, store, strongest: int) -> None:
    """Defaults < .env.example < .env.<environment> < process < store, and the origin says which."""
    write = [
        lambda: None,
        lambda: (project / ".env.example").write_text("NAME=template\n"),
        lambda: (project / ".env.staging").write_text("# comment\n\nNAME=dotenv\n"),
        lambda: None,
        lambda: store.create("gli/name/staging", "store"),
    ]
    for layer in range(strongest + 1):
        write[layer]()
    environ = {"NAME": "process"} if strongest >= 3 else {}
    cls = Layered if strongest != 1 else Plain  # the template never gives a declared secret
    settings = cls.load(environment="staging", directory=project, environ=environ, store=store)
    assert settings.name == LAYER_VALUES[strongest]
    assert settings.origin("name").layer == LAYER_VALUES[strongest].replace("default", "defaults")
    shadowed = [view.layer for view in settings.explain("name").shadowed]
    assert shadowed[-1] == "defaults"
    assert len(shadowed) == strongest - (cls is Layered and strongest > 1)


def test_an_origin_names_file_line_variable_and_version(project: Path, store) -> None:
    """An on-call engineer can go to the place without a search."""
    (project / ".env.staging").write_text('A="x\ny"\n\n# note\nexport NAME = dotenv\n')
    loaded = Layered.load(environment="staging", directory=project, environ={}, store=store)
    origin = loaded.origin("name")
    assert (origin.line, origin.variable) == (5, "NAME")
    assert origin.place.endswith(".env.staging:5")
    version = store.create("gli/name/staging", "store").version_id
    loaded = Layered.load(environment="staging", directory=project, environ={}, store=store)
    origin = loaded.origin("name")
    assert (origin.secret, origin.version_id) == ("gli/name/staging", version)
    assert origin.labels == ("AWSCURRENT",)
    assert version in str(loaded.explain("name"))


def test_arguments_override_all(store) -> None:
    """A test of a service names the values it cares for."""
    store.create("gli/name/staging", "store")
    settings = Layered.load(environment="staging", environ={}, store=store, name="argument")
    assert settings.name == "argument"
    assert settings.origin("name").layer == "arguments"
    assert store.asked == []


def test_the_order_is_data(project: Path, store) -> None:
    """A platform that injects its secrets puts the process last, in one place."""

    class Injected(Layered):
        load_options = LoadOptions(layers=LAYERS_INJECTED)

    store.create("gli/name/staging", "store")
    settings = Injected.load(
        environment="staging", directory=project, environ={"NAME": "process"}, store=store
    )
    assert settings.name == "process"
    assert store.asked in ([], [()])
    assert [view.state for view in settings.explain("name").layers][:2] == ["wins", "not asked"]
    with pytest.raises(ConfigurationError, match="layers must be different ones of"):
        LoadOptions(layers=("defaults", "github"))


@pytest.mark.parametrize(
    ("written", "state", "place"),
    [
        (None, "no value", "no secret 'gli/name/staging'"),
        ('{"key": "given"}', "wins", "gli/name/staging#key version "),
        ('{"kye": "mistyped"}', "no key", "has no key 'key' (keys: kye)"),
        ('{"key": ""}', "no value", "gli/name/staging#key: empty"),
        ('{"key": null}', "no value", "gli/name/staging#key: empty"),
    ],
)
def test_why_the_store_gave_nothing_is_told(
    store, written: str | None, state: str, place: str
) -> None:
    """A secret that is not there, one without the key, and an empty one are mended differently."""

    class Keyed(Settings):
        name: SecretStr = secret("gli/name/{environment}#key", "none")

    if written:
        store.create("gli/name/staging", written)
    explanation = Keyed.load(environment="staging", environ={}, store=store).explain("name")
    assert explanation.layers[0].state == state
    assert place in explanation.layers[0].place
    assert [view.state for view in explanation.layers].count("wins") == 1


def test_the_store_is_asked_once_for_what_no_stronger_layer_gave(project: Path, store) -> None:
    """Fields of one secret cost one read; a field that the process gives costs none."""

    class Many(Settings):
        load_options = LoadOptions(layers=LAYERS_INJECTED)
        user: str = secret("gli/db/{environment}#username")
        password: SecretStr = secret("gli/db/{environment}#password")
        given: SecretStr = secret("gli/other/{environment}")

    store.create("gli/db/staging", '{"username": "gli", "password": "correct-horse"}')
    settings = Many.load(
        environment="staging", directory=project, environ={"GIVEN": "by process"}, store=store
    )
    assert settings.user == "gli"
    assert [[address.secret for address in call] for call in store.asked] == [["gli/db/staging"]]


def test_inside_github_actions_the_process_layer_is_github(project: Path) -> None:
    """That is how GitHub Secrets arrive; and no store is asked there."""
    environ = {"GITHUB_ACTIONS": "true", "NAME": "x"}
    settings = Layered.load(environment="staging", directory=project, environ=environ)
    assert str(settings.origin("name")) == "github: variable NAME"


@pytest.mark.parametrize(
    ("environment", "suffix"),
    [
        ("production", "_PROD"),
        ("production", "_PRODUCTION"),
        ("staging", "_STG"),
        ("staging", "_STAGING"),
        ("development", "_DEV"),
        ("development", "_DEVELOPMENT"),
    ],
)
def test_in_ci_a_name_may_carry_the_environments_suffix(
    project: Path, environment: str, suffix: str
) -> None:
    """GitHub's repository secrets are named JWT_PRIVATE_KEY_PROD and so on (guide, 6.3)."""
    variables = {f"NAME{other}": "foreign" for other in ("_PROD", "_STG", "_DEV")}
    environ = {**variables, "NAME": "plain", f"NAME{suffix}": "mine"}
    in_ci = Layered.load(
        environment=environment, directory=project, environ={"GITHUB_ACTIONS": "true", **environ}
    )
    assert in_ci.name == "mine"
    elsewhere = Plain.load(environment=environment, directory=project, environ=environ)
    assert elsewhere.name == "plain"


def test_an_unset_github_secret_is_no_value(project: Path) -> None:
    """GitHub hands an unset secret over as an empty variable; the next name is tried."""
    environ = {"GITHUB_ACTIONS": "true", "NAME_PROD": "", "NAME": "plain"}
    settings = Layered.load(environment="production", directory=project, environ=environ)
    assert settings.name == "plain"


def test_the_template_gives_no_secret_and_no_placeholder(project: Path, store) -> None:
    """.env.example is in git."""

    class Fields(Settings):
        token: SecretStr | None = None
        region: str = "default"
        host: str = "default"

    text = "TOKEN=in-git\nREGION=ap-northeast-2\nHOST=<your-host>\n"
    (project / ".env.example").write_text(text)
    settings = Fields.load(environment="staging", directory=project, environ={}, store=store)
    assert (settings.token, settings.region, settings.host) == (None, "ap-northeast-2", "default")
    assert settings.explain("token").layers[-2].place == "never gives a secret"


def test_the_template_gives_no_model_that_holds_a_secret(project: Path, store) -> None:
    """Credentials are secret also when they are declared as a model."""

    class Credentials(BaseModel):
        password: SecretStr | None = None

    class Fields(Settings):
        database: Credentials | None = None

    (project / ".env.example").write_text('DATABASE={"password": "in-git"}\n')
    settings = Fields.load(environment="staging", directory=project, environ={}, store=store)
    assert settings.database is None


def test_files_are_searched_up_to_the_repository_root_and_no_further(project: Path) -> None:
    """A stray file above the repository never gives a value."""
    deep = project / "services" / "api"
    deep.mkdir(parents=True)
    (project.parent / ".env.staging").write_text("NAME=outside\nOTHER=outside\n")
    (project / ".env.staging").write_text("NAME=root\n")
    settings = Plain.load(environment="staging", directory=deep, environ={})
    assert (settings.name, settings.other) == ("root", "default")
    (deep / ".env.staging").write_text("NAME=near\n")
    assert Plain.load(environment="staging", directory=deep, environ={}).name == "near"


def test_only_the_own_environments_file_is_read(project: Path) -> None:
    """.env and .env.production stay unread in staging."""
    (project / ".env").write_text("NAME=plain\n")
    (project / ".env.production").write_text("NAME=production\n")
    assert Plain.load(environment="staging", directory=project, environ={}).name == "default"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("NAME='pa$$w0rd${X}'", "pa$$w0rd${X}"),
        ('NAME="a$b${HOME}"', "a$b${HOME}"),
        ("NAME=a$HOME", "a$HOME"),
        ("export NAME=v", "v"),
        ("NAME = v", "v"),
        ("NAME=abc#def # comment", "abc#def"),
        ('NAME="line\\nbreak"', "line\nbreak"),
        (
            'NAME="-----BEGIN X-----\nabc\n-----END X-----"',
            "-----BEGIN X-----\nabc\n-----END X-----",
        ),
        ("NAME=first\nNAME=last", "last"),
        ("name=lower", "lower"),
    ],
)
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_a_dotenv_value_is_literal(
    project: Path, line: str, expected: str, ending: str, bom: bytes
) -> None:
    """A dollar sign in a password stays; BOM, CRLF, export and multi-line PEM all work."""
    data = bom + (line + "\n").replace("\n", ending).encode()
    (project / ".env.staging").write_bytes(data)
    settings = Plain.load(environment="staging", directory=project, environ={})
    assert settings.name == expected


def test_expansion_is_opt_in(project: Path) -> None:
    """${NAME} is replaced only where the class says so."""

    class Expanding(Plain):
        load_options = LoadOptions(expand=True)

    (project / ".env.staging").write_text("BASE=x\nNAME=${BASE}/y\n")
    assert Plain.load(environment="staging", directory=project, environ={}).name == "${BASE}/y"
    assert Expanding.load(environment="staging", directory=project, environ={}).name == "x/y"


@pytest.mark.parametrize(
    ("data", "complaint", "line"),
    [
        (b'A=1\n\nNAME="open\n', "is a quote left open", 3),
        (b"A=1\nNAME=a\0b\n", "NUL byte", 2),
        (b"NAME=\xff\xfe\n", "not UTF-8", None),
    ],
)
def test_a_broken_dotenv_file_is_a_fault_with_its_line(
    project: Path, data: bytes, complaint: str, line: int | None
) -> None:
    """Half a file is worse than none: nothing is silently dropped."""
    (project / ".env.staging").write_bytes(data)
    with pytest.raises(SettingsError, match=complaint) as caught:
        Plain.load(environment="staging", directory=project, environ={})
    place = caught.value.faults[0].origin
    assert place.endswith(f".env.staging:{line}" if line else ".env.staging")


LOAD_IN = """
import sys
from pathlib import Path
from glisecrets import Settings, SettingsError

class Plain(Settings):
    name: str = "default"

def main():
    try:
        print(Plain.load(environment="staging", directory=Path(sys.argv[1])))
    except SettingsError as error:
        print(error.faults[0].message)
"""


def test_an_unreadable_dotenv_file_is_a_fault() -> None:
    """A wrong owner must not look like a missing value."""
    with reachable_folder() as folder:
        file = folder / ".env.staging"
        file.write_text("NAME=x\n")
        file.chmod(0)
        told = run_as_plain_user(LOAD_IN, folder)
    assert told.endswith("/.env.staging: Permission denied")


class Mounted(Settings):
    """Fields that mounted files give."""

    api_key: SecretStr | None = None
    binary: SecretBytes | None = None


def mount(folder: Path, **files: bytes) -> dict[str, str]:
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return {"GLISECRETS_SECRETS_DIR": str(folder)}


def test_mounted_files_are_read_without_their_last_line_break(tmp_path: Path) -> None:
    """Docker, ECS and Kubernetes mount a secret as a file; an editor adds the line break."""
    environ = mount(tmp_path / "run", api_key=b"abc def\n", BINARY=b"\xff\x00\n")
    settings = Mounted.load(environment="staging", environ=environ)
    assert settings.api_key is not None
    assert settings.api_key.get_secret_value() == "abc def"
    assert settings.binary is not None
    assert settings.binary.get_secret_value() == b"\xff\x00\n"
    assert settings.origin("api_key").place == f"file {tmp_path}/run/api_key"


def test_a_variable_is_stronger_than_a_mounted_file(tmp_path: Path) -> None:
    """The nearer word counts."""
    environ = {**mount(tmp_path / "run", api_key=b"file"), "API_KEY": "variable"}
    settings = Mounted.load(environment="staging", environ=environ)
    assert str(settings.origin("api_key")) == "process: variable API_KEY"


def test_kubernetes_symlinks_within_the_folder_are_followed(tmp_path: Path) -> None:
    """Kubernetes mounts `key -> ..data/key` and swaps `..data` on an update."""
    environ = mount(tmp_path / "run")
    data = tmp_path / "run" / "..2026"
    data.mkdir()
    (data / "api_key").write_text("k8s\n")
    (tmp_path / "run" / "..data").symlink_to("..2026")
    (tmp_path / "run" / "api_key").symlink_to("..data/api_key")
    settings = Mounted.load(environment="staging", environ=environ)
    assert settings.api_key is not None
    assert settings.api_key.get_secret_value() == "k8s"


def test_a_symlink_that_leaves_the_folder_is_refused(tmp_path: Path) -> None:
    """Whoever may write the folder must not make the service read any file."""
    environ = mount(tmp_path / "run")
    outside = tmp_path / "outside"
    outside.write_text("stolen")
    (tmp_path / "run" / "api_key").symlink_to(outside)
    with pytest.raises(SettingsError, match="symbolic link that leaves") as caught:
        Mounted.load(environment="staging", environ=environ)
    assert caught.value.faults[0].field == "api_key"


def test_a_read_only_folder_and_a_plain_user_are_enough(project: Path, tmp_path: Path) -> None:
    """Loading writes nothing: containers run with a read-only root file system."""
    (project / ".env.staging").write_text("NAME=x\n")
    before = sorted(project.rglob("*"))
    project.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        settings = Layered.load(
            environment="staging",
            directory=project,
            environ={"GLISECRETS_STORE": "local"},
        )
    finally:
        project.chmod(stat.S_IRWXU)
    assert settings.name == "x"
    assert sorted(project.rglob("*")) == before


def test_the_store_default_follows_the_environment(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Local in development, aws in staging and production, off in GitHub Actions and builds."""
    from glisecrets import access

    opened: list[str] = []
    monkeypatch.setattr(access, "open_store", lambda address, **_: opened.append(address))
    for environment in ("development", "staging", "production"):
        Layered.load(environment=environment, directory=project, environ={})
    assert opened == ["local", "aws", "aws"]
    for environ in ({"GITHUB_ACTIONS": "true"}, {"GLISECRETS_BUILD": "1"}):
        Layered.load(environment="production", directory=project, environ=environ)
    assert opened == ["local", "aws", "aws"]


def test_aliases_and_prefixes_name_the_variables(project: Path) -> None:
    """Pydantic's aliases and pydantic-settings' env_prefix keep their meaning."""
    from pydantic import AliasChoices, Field
    from pydantic_settings import SettingsConfigDict

    class Named(Settings):
        model_config = SettingsConfigDict(env_prefix="GLI_")
        region: str
        bucket: str = Field(validation_alias=AliasChoices("S3_BUCKET", "BUCKET"))

    environ = {"GLI_REGION": "ap-northeast-2", "BUCKET": "b", "REGION": "wrong"}
    settings = Named.load(environment="staging", directory=project, environ=environ)
    assert (settings.region, settings.bucket) == ("ap-northeast-2", "b")
