"""What every store promises, held against all of them.

The stores: the local one; the AWS one over our own server and over moto; the Vault one over a real
OpenBao. Where one is known to differ, the test is expected to fail: see :data:`DIFFERENCES`.
"""

from __future__ import annotations

import json
import os
import secrets
import threading
import uuid
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from glisecrets.errors import (
    InvalidRequest,
    LabelConflict,
    SecretExists,
    SecretNotFound,
    StoreError,
)
from glisecrets.references import AWSCURRENT, AWSPENDING, AWSPREVIOUS, Address
from glisecrets.stores.base import MAX_VALUE_BYTES, SecretVersion, Store
from glisecrets.stores.local import LocalStore
from glisecrets.testing import SecretsManagerServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .openbao import OpenBao

#: Store and test -> how it differs. Such a test must fail there, or the entry is out of date.
#: What moto does, real Secrets Manager does not; the suite holds ours to the real service.
DIFFERENCES = {
    "moto": {
        "test_a_version_that_is_left_by_current_loses_pending_too": (
            "leaves two versions AWSCURRENT when one is written after a finished rotation"
        ),
        "test_custom_labels_stay_and_are_on_one_version_only": (
            "loses or doubles a custom label when a version is written"
        ),
        "test_current_can_be_moved_but_not_taken_off": "takes AWSCURRENT off",
        "test_a_label_cannot_go_to_a_version_that_is_not_there": (
            "takes the label off before it looks for the version"
        ),
        "test_versions_are_listed_newest_first_and_deprecated_ones_on_demand": (
            "lists deprecated versions always"
        ),
        "test_nothing_is_told_of_a_secret_that_is_not_there[versions]": (
            "answers 500 to ListSecretVersionIds of an unknown secret"
        ),
    },
}


@pytest.fixture(scope="session")
def local_store(tmp_path_factory) -> LocalStore:
    """A local store with a key file."""
    return LocalStore(tmp_path_factory.mktemp("local") / ".secrets")


@pytest.fixture(scope="session")
def aws_store() -> Iterator[Store]:
    """An AWS store over our own server."""
    from glisecrets.stores.aws import AwsStore

    with SecretsManagerServer() as server:
        store = AwsStore.from_options("", {}, environ=server.environ)
        yield store
        store.close()


@pytest.fixture(scope="session")
def moto_store() -> Iterator[Store]:
    """An AWS store over moto."""
    from moto.server import ThreadedMotoServer

    from glisecrets.stores.aws import AwsStore

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    environ = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "ap-northeast-2",
    }
    store = AwsStore.from_options("", {}, environ=environ)
    yield store
    store.close()
    server.stop()


@pytest.fixture(scope="session")
def vault_store(openbao: OpenBao) -> Iterator[Store]:
    """A Vault store over OpenBao."""
    from glisecrets.stores.vault import VaultStore

    store = VaultStore.from_options("", {}, environ=openbao.environ())
    yield store
    store.close()


@pytest.fixture(params=["local", "aws", "moto", "vault"])
def store(request) -> Store:
    """Each store in turn."""
    case = request.node.name.replace(f"[{request.param}]", "").replace(f"[{request.param}-", "[")
    if difference := DIFFERENCES.get(request.param, {}).get(case):
        request.applymarker(pytest.mark.xfail(strict=True, reason=difference))
    return request.getfixturevalue(f"{request.param}_store")


@pytest.fixture
def name(store: Store) -> str:
    """A name that no other test uses; in Vault it starts with the mount."""
    mount = "secret/" if store.scheme == "vault" else ""
    return f"{mount}gli/{uuid.uuid4().hex}"


def value() -> str:
    """Make a value that stands out wherever it leaks."""
    return f"value-{secrets.token_urlsafe(12)}"


def token() -> str:
    """Make a token as a caller would."""
    return str(uuid.uuid4())


def labels(store: Store, secret: str) -> dict[str, str]:
    """Give label -> version id, failing where a label is on two versions."""
    pairs = [(label, vid) for vid, on in store.describe(secret).versions.items() for label in on]
    assert len(pairs) == len(dict(pairs)), "a label is on two versions"
    return dict(pairs)


def together(*actions: Callable[[], object]) -> list[object]:
    """Run actions at the same moment; give what each returned or raised."""
    start = threading.Barrier(len(actions))

    def run(action: Callable[[], object]) -> object:
        start.wait()
        try:
            return action()
        except StoreError as error:
            return error

    with ThreadPoolExecutor(len(actions)) as pool:
        return list(pool.map(run, actions))


# Values.


@pytest.mark.parametrize(
    "make",
    [
        value,
        lambda: f"비밀번호-ß-🔑-{secrets.token_hex(8)}",
        lambda: f"  spaces, \r\n lines and a NUL-free end {secrets.token_hex(8)}\n",
        lambda: secrets.token_bytes(48),
        lambda: secrets.token_hex(MAX_VALUE_BYTES // 2),
    ],
    ids=["text", "unicode", "lines", "bytes", "64 KiB"],
)
def test_a_value_comes_back_exactly_as_it_was_written(store, name, make):
    """Text stays text and bytes stay bytes, up to 64 KiB, to the last character."""
    written = make()
    store.create(name, written)
    assert store.get(Address(name)).value == written, "another value came back"


def test_a_json_object_comes_back_with_the_same_members(store, name):
    """JSON comes back as JSON; Vault, whose own tools read the members, may order them anew."""
    written = {"password": secrets.token_hex(8), "host": "db", "ports": [5432, None]}
    store.create(name, json.dumps(written))
    assert json.loads(store.get(Address(name)).value) == written


def test_a_value_over_64_kib_is_refused(store, name):
    """A value that Secrets Manager would not take is taken by no store."""
    with pytest.raises(InvalidRequest):
        store.create(name, "x" * (MAX_VALUE_BYTES + 1))
    store.create(name, value())
    with pytest.raises(InvalidRequest):
        store.put(name, b"x" * (MAX_VALUE_BYTES + 1))


def test_text_that_utf_8_cannot_express_is_refused_and_not_shown(store, name):
    """A lone surrogate is an InvalidRequest, not a Python error that holds the value."""
    with pytest.raises(InvalidRequest) as caught:
        store.create(name, f"{value()}\ud800")
    assert caught.value.__context__ is None


# Creating.


def test_the_first_version_is_current(store, name):
    """A new secret can be read at once, under the token that it was made with."""
    first = token()
    info = store.create(name, value(), token=first)
    assert info.version_id == first
    assert labels(store, name) == {AWSCURRENT: first}


def test_a_name_can_be_taken_only_once(store, name):
    """Creating a secret that exists is refused, and leaves it as it was."""
    first = value()
    store.create(name, first)
    with pytest.raises(SecretExists):
        store.create(name, value())
    assert store.get(Address(name)).value == first


def test_creating_twice_with_one_token_and_value_is_one_creation(store, name):
    """A creation may be retried when its answer was lost."""
    first, written = token(), value()
    store.create(name, written, token=first)
    store.create(name, written, token=first)
    assert labels(store, name) == {AWSCURRENT: first}


# Reading.


@pytest.mark.parametrize(
    ("version_id", "label"),
    [(None, None), (None, AWSPENDING), ("0" * 32, None)],
    ids=["secret", "label", "version"],
)
def test_what_is_not_there_is_not_found(store, name, version_id, label):
    """A missing secret, label or version is SecretNotFound, which names the secret."""
    if version_id or label:
        store.create(name, value())
    with pytest.raises(SecretNotFound) as caught:
        store.get(Address(name, version_id, label))
    assert caught.value.secret == name
    assert caught.value.store == store.scheme


def test_a_read_tells_version_and_labels(store, name):
    """What was read says which version it is, so that a reader can tell a change."""
    first = store.create(name, value()).version_id
    read = store.get(Address(name))
    assert (read.secret, read.version_id) == (name, first)
    assert AWSCURRENT in read.labels


def test_every_version_can_be_read_by_id_and_by_label(store, name):
    """Current, previous, pending and deprecated versions all give their own value."""
    written = {}
    for _ in range(3):
        new, text = token(), value()
        written[new] = text
        (store.put if len(written) > 1 else store.create)(name, text, token=new)
    pending = token()
    written[pending] = value()
    store.put(name, written[pending], token=pending, labels=[AWSPENDING])
    ids = list(written)
    assert all(store.get(Address(name, vid)).value == text for vid, text in written.items())
    wanted = {AWSPREVIOUS: ids[1], AWSCURRENT: ids[2], AWSPENDING: ids[3]}
    for label, version_id in wanted.items():
        read = store.get(Address(name, None, label))
        assert (read.version_id, read.value) == (version_id, written[version_id])


def test_a_version_id_beside_a_label_that_is_elsewhere_is_refused(store, name):
    """Asking for a version by both id and label gives it only where both agree."""
    first = store.create(name, value()).version_id
    store.put(name, value())
    assert store.get(Address(name, first, AWSPREVIOUS)).version_id == first
    with pytest.raises(StoreError):
        store.get(Address(name, first, AWSCURRENT))


def test_many_are_read_at_once_and_each_failure_stands_alone(store, name):
    """One missing secret among many spoils no other, and every address has its own answer."""
    there = {f"{name}-{number}": value() for number in range(25)}
    for secret, text in there.items():
        store.create(secret, text)
    missing = Address(f"{name}-missing")
    previous = store.put(f"{name}-0", value()) and Address(f"{name}-0", None, AWSPREVIOUS)
    wanted = [*map(Address, list(there)[1:]), missing, previous, previous]
    found = store.get_many(iter(wanted))
    assert found.keys() == set(wanted)
    assert isinstance(found.pop(missing), SecretNotFound)
    assert all(isinstance(answer, SecretVersion) for answer in found.values())
    assert {address.secret: answer.value for address, answer in found.items()} == there


def test_nothing_asked_is_nothing_given(store):
    """Reading no address at all is fine."""
    assert store.get_many([]) == {}


# Writing.


def test_a_new_version_becomes_current_and_the_last_one_previous(store, name):
    """A write takes effect for readers, and one step back stays possible."""
    first, second = store.create(name, value()), store.put(name, value())
    assert labels(store, name) == {AWSCURRENT: second.version_id, AWSPREVIOUS: first.version_id}


def test_a_pending_version_changes_nothing_for_readers(store, name):
    """What a rotation prepares is read by nobody who did not ask for it."""
    first, written = token(), value()
    store.create(name, written, token=first)
    pending = store.put(name, value(), labels=[AWSPENDING]).version_id
    assert store.get(Address(name)).value == written
    assert labels(store, name) == {AWSCURRENT: first, AWSPENDING: pending}


def test_writing_twice_with_one_token_and_value_moves_no_label(store, name):
    """A write may be retried, even after another write came in between."""
    store.create(name, value())
    second, written = token(), value()
    store.put(name, written, token=second)
    third = store.put(name, value()).version_id
    store.put(name, written, token=second)
    assert labels(store, name) == {AWSCURRENT: third, AWSPREVIOUS: second}


def test_a_token_with_another_value_is_refused_and_the_first_value_stays(store, name):
    """A version never changes: a second value for one token is an error."""
    store.create(name, value())
    second, written = token(), value()
    store.put(name, written, token=second)
    with pytest.raises(SecretExists):
        store.put(name, value(), token=second)
    assert store.get(Address(name, second)).value == written


def test_a_version_of_a_secret_that_is_not_there_cannot_be_written(store, name):
    """Writing never makes a secret by accident, from a misspelt name say."""
    with pytest.raises(SecretNotFound):
        store.put(name, value())


@pytest.mark.parametrize("bad", ["short", "x" * 65], ids=["too short", "too long"])
def test_a_token_has_32_to_64_characters(store, name, bad):
    """A token that Secrets Manager would not take is taken by no store."""
    with pytest.raises(InvalidRequest):
        store.create(name, value(), token=bad)


# Labels.


def test_finishing_a_rotation_moves_all_three_labels(store, name):
    """AWSCURRENT goes to the pending version, AWSPREVIOUS to the one that it leaves."""
    first = store.create(name, value()).version_id
    pending = store.put(name, value(), labels=[AWSPENDING]).version_id
    store.move_label(name, AWSCURRENT, to=pending, expected=first)
    after = labels(store, name)
    assert after.pop(AWSPENDING, pending) == pending
    assert after == {AWSCURRENT: pending, AWSPREVIOUS: first}


def test_a_version_that_is_left_by_current_loses_pending_too(store, name):
    """A finished rotation's AWSPENDING does not stay behind on the previous version."""
    first = store.create(name, value()).version_id
    second = store.put(name, value(), labels=[AWSPENDING]).version_id
    store.move_label(name, AWSCURRENT, to=second, expected=first)
    third = store.put(name, value()).version_id
    assert labels(store, name) == {AWSCURRENT: third, AWSPREVIOUS: second}


def test_a_rollback_is_one_move(store, name):
    """AWSCURRENT can go back to the previous version, and the two labels change places."""
    first, second = store.create(name, value()), store.put(name, value())
    store.move_label(name, AWSCURRENT, to=first.version_id, expected=second.version_id)
    assert labels(store, name) == {AWSCURRENT: first.version_id, AWSPREVIOUS: second.version_id}


def test_custom_labels_stay_and_are_on_one_version_only(store, name):
    """A label of one's own keeps its version until it is moved, and then leaves the old one."""
    first = store.create(name, value()).version_id
    store.move_label(name, "blue", to=first)
    second = store.put(name, value()).version_id
    assert labels(store, name)["blue"] == first
    store.put(name, value(), labels=["blue"])
    assert labels(store, name)["blue"] not in {first, second}
    assert labels(store, name)[AWSCURRENT] == second


@pytest.mark.parametrize("expected", [None, "previous"], ids=["unnamed", "wrong"])
def test_a_label_is_moved_only_by_who_knows_where_it_is(store, name, expected):
    """A move that names another holder than the present one is refused and changes nothing."""
    first = store.create(name, value()).version_id
    store.put(name, value())
    pending = store.put(name, value(), labels=[AWSPENDING]).version_id
    before = labels(store, name)
    with pytest.raises(LabelConflict):
        store.move_label(name, AWSCURRENT, to=pending, expected=expected and first)
    assert labels(store, name) == before


def test_a_label_can_be_taken_off(store, name):
    """AWSPENDING can be dropped; without a label its version is deprecated, not gone."""
    store.create(name, value())
    pending = store.put(name, value(), labels=[AWSPENDING]).version_id
    store.move_label(name, AWSPENDING, expected=pending)
    assert AWSPENDING not in labels(store, name)
    assert store.get(Address(name, pending)).version_id == pending


def test_current_can_be_moved_but_not_taken_off(store, name):
    """A secret is never left without a current version."""
    first = store.create(name, value()).version_id
    with pytest.raises(StoreError):
        store.move_label(name, AWSCURRENT, expected=first)
    assert labels(store, name) == {AWSCURRENT: first}


def test_a_label_cannot_go_to_a_version_that_is_not_there(store, name):
    """Moving a label to an unknown version is refused and changes nothing."""
    first = store.create(name, value()).version_id
    with pytest.raises(SecretNotFound):
        store.move_label(name, AWSCURRENT, to=token(), expected=first)
    assert labels(store, name) == {AWSCURRENT: first}


# Telling.


def test_versions_are_listed_newest_first_and_deprecated_ones_on_demand(store, name):
    """The history shows what a rollback can go to; what has no label shows when asked for."""
    made = [store.create(name, value()).version_id]
    made += [store.put(name, value()).version_id for _ in range(3)]
    listed = [info.version_id for info in store.versions(name)]
    assert listed == [made[3], made[2]]
    everything = store.versions(name, include_deprecated=True)
    assert [info.version_id for info in everything] == made[::-1]
    assert [bool(info.labels) for info in everything] == [True, True, False, False]


def test_a_description_holds_labels_and_tags(store, name):
    """A description tells where each label is and what the secret is tagged with."""
    first = store.create(name, value(), tags={"owner": "api"}).version_id
    told = store.describe(name)
    assert told.name == name
    assert told.labelled(AWSCURRENT) == first
    assert told.labelled(AWSPENDING) is None
    assert told.tags == {"owner": "api"}


def test_tags_are_added_and_overwritten(store, name):
    """Tagging keeps the tags that it does not name."""
    store.create(name, value(), tags={"owner": "api", "tier": "1"})
    store.tag(name, {"tier": "2", "team": "gli"})
    assert store.describe(name).tags == {"owner": "api", "tier": "2", "team": "gli"}


def test_names_are_listed_in_order_by_prefix(store, name):
    """A prefix finds the secrets that start with it, and no other."""
    for suffix in ("b", "a", "c/d"):
        store.create(f"{name}/{suffix}", value())
    assert list(store.names(f"{name}/")) == [f"{name}/a", f"{name}/b", f"{name}/c/d"]
    assert list(store.names(f"{name}/c")) == [f"{name}/c/d"]
    assert set(store.names(f"{name}/")) <= set(store.names())


@pytest.mark.parametrize("ask", ["describe", "versions", "delete"])
def test_nothing_is_told_of_a_secret_that_is_not_there(store, name, ask):
    """Asking about an unknown secret is SecretNotFound, whatever is asked."""
    with pytest.raises(SecretNotFound):
        getattr(store, ask)(name)
    with pytest.raises(SecretNotFound):
        store.tag(name, {"owner": "api"})
    with pytest.raises(SecretNotFound):
        store.move_label(name, AWSPENDING, to=token())


def test_a_deleted_secret_is_not_found_nor_listed(store, name):
    """After a deletion readers and lists know the secret no more."""
    store.create(name, value())
    store.delete(name)
    with pytest.raises(SecretNotFound):
        store.get(Address(name))
    assert isinstance(store.get_many([Address(name)])[Address(name)], SecretNotFound)
    assert name not in store.names()


# Secrecy.


def test_no_error_and_no_repr_shows_a_value(store, name):
    """Whatever is refused, the value that was offered stands nowhere in the error."""
    kept, offered, first = value(), value(), token()
    store.create(name, kept, token=first)
    attempts = [
        lambda: store.create(name, offered),
        lambda: store.put(name, offered * MAX_VALUE_BYTES),
        lambda: store.put(f"{name}-missing", offered),
        lambda: store.put(name, offered, token="short"),
    ]
    for attempt in attempts:
        with pytest.raises(StoreError) as caught:
            attempt()
        chain = [caught.value, caught.value.__cause__, caught.value.__context__]
        texts = [f"{error} {error!r} {vars(error)}" for error in chain if error is not None]
        assert not any(offered in text or kept in text for text in texts)
    assert kept not in repr(store.get(Address(name)))
    assert kept not in repr(store)


# Many at once.


def test_a_label_that_two_move_at_once_goes_with_exactly_one(store, name):
    """Of two moves from the same state one succeeds; the other hears of a conflict."""
    first = store.create(name, value()).version_id
    ids = [store.put(name, value(), labels=[f"v{number}"]).version_id for number in range(2)]
    outcomes = together(
        *(lambda to=to: store.move_label(name, AWSCURRENT, to=to, expected=first) for to in ids)
    )
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["LabelConflict", "NoneType"]
    after = labels(store, name)
    assert after[AWSCURRENT] == ids[outcomes.index(None)]
    assert after[AWSPREVIOUS] == first


def test_a_token_that_two_write_at_once_keeps_one_value(store, name):
    """Of two values for one token one is stored; the other writer hears that it lost."""
    store.create(name, value())
    shared, offered = token(), [value(), value()]
    outcomes = together(
        *(lambda text=text: store.put(name, text, token=shared) for text in offered)
    )
    refused = [isinstance(outcome, SecretExists) for outcome in outcomes]
    assert sorted(refused) == [False, True]
    assert store.get(Address(name, shared)).value == offered[refused.index(False)]


def test_a_store_can_be_shared_by_threads(store, name):
    """Eight threads that read through one store all get the value."""
    written = value()
    store.create(name, written)
    outcomes = together(*[lambda: store.get(Address(name)).value] * 8)
    assert outcomes == [written] * 8


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_store_can_be_used_in_a_child_after_fork(store, name):
    """A pre-forking server may open its store before it forks its workers."""
    written = value()
    store.create(name, written)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        status = 1
        try:
            status = 0 if store.get(Address(name)).value == written else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert store.get(Address(name)).value == written


def test_a_closed_store_can_be_used_again(store, name):
    """Closing lets go of connections; the next request makes new ones."""
    store.create(name, value())
    store.close()
    assert store.get(Address(name)).labels == {AWSCURRENT}


def test_a_location_names_no_credential(store):
    """What messages say of a store's place is safe to show."""
    assert store.location
    assert "test:test" not in store.location
    assert "token" not in store.location.lower()
