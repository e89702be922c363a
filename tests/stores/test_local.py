"""The local store: where it lies, what it keeps secret, and how it finds its key."""

from __future__ import annotations

import base64
import json
import secrets
import shutil
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import keyring
import keyring.backend
import pytest

from glisecrets.errors import (
    AccessDenied,
    ConfigurationError,
    InvalidRequest,
    SecretNotFound,
    StoreError,
    StoreUnavailable,
    Undecryptable,
)
from glisecrets.references import AWSCURRENT, AWSPENDING, Address
from glisecrets.stores import open_store
from glisecrets.stores.local import LocalStore, rules

if TYPE_CHECKING:
    from pathlib import Path

DB = Address("gli/db")


@pytest.fixture
def folder(tmp_path) -> Path:
    """Where a store will be."""
    return tmp_path / ".secrets"


@pytest.fixture
def store(folder) -> LocalStore:
    """A store that has nothing yet."""
    return LocalStore(folder)


def value() -> str:
    """Make a value that stands out wherever it leaks."""
    return f"value-{secrets.token_urlsafe(12)}"


def mode(path: Path) -> int:
    """Give a path's permission bits."""
    return stat.S_IMODE(path.stat().st_mode)


# Before the first write.


def test_reading_where_there_is_no_store_makes_nothing(store, folder):
    """A program that only reads leaves no folder, file or key behind."""
    for ask in (partial(store.get, DB), partial(store.describe, "gli/db")):
        with pytest.raises(SecretNotFound):
            ask()
    assert isinstance(store.get_many([DB])[DB], SecretNotFound)
    assert list(store.names()) == []
    assert not folder.exists()


def test_reading_where_there_is_no_store_costs_no_cryptography(folder):
    """A service whose secrets come from elsewhere pays nothing for this store."""
    program = (
        "import sys; from pathlib import Path\n"
        "from glisecrets.references import Address\n"
        "from glisecrets.stores.local import LocalStore\n"
        "LocalStore(Path(sys.argv[1])).get_many([Address('gli/db')])\n"
        "print([name for name in sys.modules if name.startswith(('cryptography', 'keyring'))])\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program, str(folder)], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "[]"


# What lies on the disk.


def test_only_the_owner_can_look_into_the_folder(store, folder):
    """Folder, key and database are closed to everybody else, and to git."""
    store.create("gli/db", value())
    assert mode(folder) == 0o700
    assert mode(folder / "key") == mode(folder / "store.db") == 0o600
    assert (folder / ".gitignore").read_text() == "*\n"


def test_values_lie_encrypted_on_the_disk(store, folder):
    """Without the key the files tell no value, in no usual encoding."""
    text = value()
    store.create("gli/db", text)
    store.put("gli/db", text.encode())
    stored = (folder / "store.db").read_bytes()
    for form in (text.encode(), base64.b64encode(text.encode()), text.encode().hex().encode()):
        assert form not in stored


def test_one_value_is_never_stored_twice_alike(store, folder):
    """Equal values cannot be told from the files: each has its own nonce."""
    text = value()
    for name in ("a", "b"):
        store.create(name, text)
    with closing(sqlite3.connect(folder / "store.db")) as connection:
        sealed = [row[0] for row in connection.execute("SELECT sealed FROM version")]
    assert len({bytes(each[:12]) for each in sealed}) == 2
    assert len({bytes(each[12:]) for each in sealed}) == 2


def test_a_value_that_was_moved_to_another_secret_does_not_open(store, folder):
    """Who can write the file cannot pass one secret's value off as another's."""
    store.create("gli/admin", value())
    store.create("gli/db", value())
    with closing(sqlite3.connect(folder / "store.db")) as connection, connection:
        connection.execute(
            "UPDATE version SET sealed = (SELECT sealed FROM version WHERE secret = 'gli/admin')"
            " WHERE secret = 'gli/db'"
        )
    with pytest.raises(Undecryptable, match="gli/db: the stored value was altered"):
        store.get(DB)


def test_an_altered_value_spoils_no_other(store, folder):
    """One broken value among many is one error among many answers."""
    store.create("gli/db", value())
    store.create("gli/other", value())
    with closing(sqlite3.connect(folder / "store.db")) as connection, connection:
        connection.execute("UPDATE version SET sealed = x'00' WHERE secret = 'gli/db'")
    found = store.get_many([DB, Address("gli/other")])
    assert isinstance(found[DB], Undecryptable)
    assert found[Address("gli/other")].labels == {AWSCURRENT}


def test_a_deleted_value_is_off_the_disk(store, folder):
    """Deleting a secret overwrites its encrypted values, the current and the older ones."""
    store.create("gli/db", value())
    store.put("gli/db", value())
    store.create("gli/other", value())
    with closing(sqlite3.connect(folder / "store.db")) as connection:
        query = "SELECT sealed FROM version WHERE secret = 'gli/db'"
        sealed = [bytes(row[0]) for row in connection.execute(query)]
    assert len(sealed) == 2
    assert all(each in (folder / "store.db").read_bytes() for each in sealed)
    store.delete("gli/db")
    assert not any(each in (folder / "store.db").read_bytes() for each in sealed)
    assert list(store.names()) == ["gli/other"]


def test_a_file_of_a_newer_glisecrets_is_refused(store, folder):
    """A layout that this version does not know is neither read wrongly nor overwritten."""
    store.create("gli/db", value())
    with closing(sqlite3.connect(folder / "store.db")) as connection:
        connection.execute("PRAGMA user_version = 99")
    for ask in (partial(store.get, DB), partial(store.put, "gli/db", value())):
        with pytest.raises(InvalidRequest, match="newer glisecrets"):
            ask()


# The key.


@pytest.mark.parametrize("bits", [0o644, 0o640, 0o604, 0o660, 0o601])
def test_a_key_file_that_others_may_read_is_refused(store, folder, bits):
    """A key that is open to others is not used, and the error says how to close it."""
    store.create("gli/db", value())
    key = folder / "key"
    key.chmod(bits)
    for ask in (partial(LocalStore(folder).get, DB), partial(LocalStore(folder).create, "b", "c")):
        with pytest.raises(AccessDenied, match=f"mode {bits:04o}") as caught:
            ask()
        assert caught.value.next_step == f"chmod 600 {key}"
    key.chmod(0o400)
    assert LocalStore(folder).get(DB).labels == {AWSCURRENT}


def test_a_wrong_key_is_called_a_wrong_key(store, folder):
    """Another key is told from a damaged file, for reading and for writing."""
    store.create("gli/db", value())
    stranger = LocalStore(folder, key=secrets.token_bytes(32))
    for ask in (partial(stranger.get, DB), partial(stranger.put, "gli/db", value())):
        with pytest.raises(Undecryptable, match="the given key is the wrong key"):
            ask()
    assert isinstance(stranger.get_many([DB])[DB], Undecryptable)


def test_a_lost_key_is_not_replaced(store, folder):
    """A store whose key file is gone says so, and makes no new key over the old values."""
    store.create("gli/db", value())
    kept = (folder / "key").read_bytes()
    (folder / "key").unlink()
    for ask in (
        partial(LocalStore(folder).get, DB),
        partial(LocalStore(folder).create, "b", value()),
    ):
        with pytest.raises(Undecryptable, match="gone"):
            ask()
    assert not (folder / "key").exists()
    (folder / "key").touch(0o600)
    (folder / "key").write_bytes(kept)
    assert LocalStore(folder).get(DB).labels == {AWSCURRENT}


def test_a_store_that_was_made_anew_is_read_with_its_new_key(store, folder):
    """A long-running program survives that someone removes the folder and starts over."""
    store.create("gli/db", value())
    shutil.rmtree(folder)
    with pytest.raises(SecretNotFound):
        store.get(DB)
    text = value()
    LocalStore(folder).create("gli/db", text)
    assert store.get(DB).value == text


@pytest.mark.parametrize("content", [b"", b"not base64!", base64.b64encode(b"short"), b"\xff\xfe"])
def test_a_key_file_without_a_key_is_a_clear_error(store, folder, content):
    """A truncated or foreign key file is named, and nothing of it is shown."""
    store.create("gli/db", value())
    (folder / "key").write_bytes(content)
    with pytest.raises(Undecryptable, match="holds no key"):
        LocalStore(folder).get(DB)


def test_the_key_can_come_from_a_variable(folder):
    """With GLISECRETS_LOCAL_KEY there is no key file, and only that key opens the store."""
    key = base64.b64encode(secrets.token_bytes(32)).decode()
    environ = {"GLISECRETS_LOCAL_KEY": key}
    text = value()
    LocalStore.from_options(str(folder), {}, environ=environ).create("gli/db", text)
    assert not (folder / "key").exists()
    assert LocalStore.from_options(str(folder), {}, environ=environ).get(DB).value == text
    with pytest.raises(Undecryptable):
        LocalStore.from_options(str(folder), {}, environ={}).get(DB)


def test_the_key_file_can_be_carried_over_as_a_variable(store, folder):
    """The variable has the key file's own form."""
    store.create("gli/db", value())
    environ = {"GLISECRETS_LOCAL_KEY": (folder / "key").read_text()}
    (folder / "key").unlink()
    opened = LocalStore.from_options(str(folder), {}, environ=environ)
    assert opened.get(DB).labels == {AWSCURRENT}


@pytest.mark.parametrize("text", ["geheim", base64.b64encode(b"x" * 31).decode()])
def test_a_variable_that_is_no_key_is_refused_and_not_shown(folder, text):
    """A malformed key is a fault of the set-up, told at once and without the text."""
    with pytest.raises(ConfigurationError, match="GLISECRETS_LOCAL_KEY") as caught:
        LocalStore.from_options(str(folder), {}, environ={"GLISECRETS_LOCAL_KEY": text})
    assert text not in f"{caught.value!r} {caught.value.__context__!r}"


class Keyring(keyring.backend.KeyringBackend):
    """An OS keyring for one test."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service, username):
        return self.kept.get((service, username))

    def set_password(self, service, username, password):
        self.kept[service, username] = password


@pytest.fixture
def os_keyring():
    """A keyring that is the system's while the test runs."""
    before, mine = keyring.get_keyring(), Keyring()
    keyring.set_keyring(mine)
    yield mine
    keyring.set_keyring(before)


def test_the_key_can_lie_in_the_os_keyring(folder, os_keyring):
    """With key=keyring the folder alone opens nothing."""
    text = value()
    LocalStore.from_options(str(folder), {"key": "keyring"}, environ={}).create("gli/db", text)
    assert list(os_keyring.kept) == [("glisecrets", str(folder))]
    assert not (folder / "key").exists()
    again = LocalStore.from_options(str(folder), {"key": "keyring"}, environ={})
    assert again.get(DB).value == text
    os_keyring.kept.clear()
    with pytest.raises(Undecryptable, match="the OS keyring is gone"):
        LocalStore.from_options(str(folder), {"key": "keyring"}, environ={}).get(DB)


def test_a_keyring_that_does_not_answer_is_unavailable(folder):
    """Without a usable keyring the error says what else to do."""
    import keyring.backends.fail

    before = keyring.get_keyring()
    keyring.set_keyring(keyring.backends.fail.Keyring())
    try:
        store = LocalStore.from_options(str(folder), {"key": "keyring"}, environ={})
        with pytest.raises(StoreUnavailable, match="does not answer"):
            store.create("gli/db", value())
    finally:
        keyring.set_keyring(before)


# Opening.


def test_the_nearest_folder_within_the_repository_is_opened(tmp_path, monkeypatch):
    """A program finds the project's store from any directory of the project."""
    (tmp_path / ".git").mkdir()
    inner = tmp_path / "services" / "api"
    inner.mkdir(parents=True)
    (tmp_path / ".secrets").mkdir()
    assert open_store("local", directory=inner, environ={}).location == str(tmp_path / ".secrets")
    (tmp_path / "services" / ".secrets").mkdir()
    nearer = str(tmp_path / "services" / ".secrets")
    assert open_store("local", directory=inner, environ={}).location == nearer
    monkeypatch.chdir(inner)
    assert open_store("local", environ={}).location == nearer


def test_no_folder_outside_the_repository_is_opened(tmp_path):
    """A folder that anyone may have put further up is not taken for the project's."""
    (tmp_path / ".secrets").mkdir()
    project = tmp_path / "project"
    project.mkdir()
    own = str(project / ".secrets")
    assert open_store("local", directory=project, environ={}).location == own
    (project / ".git").mkdir()
    assert open_store("local", directory=project, environ={}).location == own


def test_a_path_can_be_named(tmp_path):
    """local:path is taken from the given directory, and an absolute one as it is."""
    assert open_store("local:x/y", directory=tmp_path, environ={}).location == str(tmp_path / "x/y")
    assert open_store(f"local:{tmp_path}", environ={}).location == str(tmp_path)


@pytest.mark.parametrize("options", [{"key": "magic"}, {"kye": "keyring"}])
def test_an_unknown_option_is_refused(tmp_path, options):
    """A misspelt option is an error, not a store with another key."""
    with pytest.raises(ConfigurationError, match="key=file or key=keyring"):
        LocalStore.from_options(str(tmp_path), options, environ={})


# What the port does not say.


def test_a_secret_can_be_asked_for_by_arn(store):
    """A reference that is an ARN in production reads the secret of that name here."""
    text = value()
    store.create("gli/db", text)
    arn = "arn:aws:secretsmanager:ap-northeast-2:123456789012:secret:gli/db-AbCdEf"
    read = store.get(Address(arn))
    assert (read.secret, read.value) == (arn, text)


@pytest.mark.parametrize("bad", ["", b"", "\ud800"], ids=["no text", "no bytes", "surrogate"])
def test_a_value_that_cannot_be_stored_is_refused_without_being_shown(store, bad):
    """What Secrets Manager cannot hold is refused before it is written."""
    with pytest.raises(InvalidRequest) as caught:
        store.create("gli/db", bad)
    assert caught.value.__context__ is None
    assert list(store.names()) == []


def test_a_value_that_a_rotation_has_registered_and_not_written_is_not_found(store):
    """RotateSecret's empty version is no value; written once, it is like any other."""
    first = store.create("gli/db", value()).version_id
    fresh, text = "f" * 36, value()
    now = datetime.now(UTC)
    store.change("gli/db", partial(rules.rotation_begun, version_id=fresh, now=now))
    pending = Address("gli/db", None, AWSPENDING)
    with pytest.raises(SecretNotFound, match="no value yet"):
        store.get(pending)
    with pytest.raises(InvalidRequest):
        store.move_label("gli/db", AWSCURRENT, to=fresh, expected=first)
    store.put("gli/db", text, token=fresh, labels=[AWSPENDING])
    assert store.get(pending).value == text


def test_a_scheduled_deletion_hides_a_secret_until_it_is_restored(store):
    """What waits for its deletion is neither read nor listed, and comes back whole."""
    text = value()
    store.create("gli/db", text)
    now = datetime.now(UTC)
    later = now + timedelta(days=7)
    store.change("gli/db", partial(rules.deletion_scheduled, deletes=later, now=now))
    with pytest.raises(SecretNotFound, match="scheduled for deletion"):
        store.get(DB)
    with pytest.raises(InvalidRequest):
        store.create("gli/db", value())
    assert list(store.names()) == []
    store.change("gli/db", partial(rules.deletion_cancelled, now=now))
    assert store.get(DB).value == text


def test_a_scheduled_deletion_comes_true(store):
    """After its date a secret is gone and its name is free."""
    store.create("gli/db", value())
    now = datetime.now(UTC)
    store.change("gli/db", partial(rules.deletion_scheduled, deletes=now, now=now))
    text = value()
    store.create("gli/db", text)
    assert store.get(DB).value == text
    assert len(store.versions("gli/db", include_deprecated=True)) == 1


def test_a_change_that_is_refused_changes_nothing(store):
    """A rule that raises half-way leaves the store as it was."""
    store.create("gli/db", value())
    before = store.record("gli/db")

    def refuse(record):
        rules.tagged(record, {"half": "way"}, now=datetime.now(UTC))
        raise InvalidRequest("no", store="local")

    with pytest.raises(StoreError):
        store.change("gli/db", refuse)
    assert store.record("gli/db") == before


def test_a_record_survives_the_disk_unchanged(store):
    """Dates, tags, rotation set-up and labels are read as they were written."""
    store.create("gli/db", value(), tags={"소유": "api"}, description="the database")
    store.put("gli/db", value())

    def configure(record):
        from dataclasses import replace

        return replace(record, rotation={"RotationEnabled": True, "Days": 90})

    changed = store.change("gli/db", configure)
    assert store.record("gli/db") == changed
    assert store.describe("gli/db").rotation_enabled is True
    assert store.describe("gli/db").rotated == changed.rotated is not None
    assert json.dumps(dict(changed.tags), ensure_ascii=False) == '{"소유": "api"}'


def test_a_thousand_secrets_are_read_in_one_go(store):
    """A large project's secrets load in one view of the file."""
    wanted = [Address(f"gli/{number}") for number in range(1000)]
    with store.writing() as transaction:
        now = datetime.now(UTC)
        for number, address in enumerate(wanted):
            record = rules.created(None, address.secret, "", now)
            transaction.write(record, f"{number:032}", f"value {number}", {AWSCURRENT}, now)
    found = store.get_many(wanted)
    assert [found[address].value for address in wanted] == [f"value {n}" for n in range(1000)]
