"""What the Vault store promises beyond the suite that all stores share: a real OpenBao."""

from __future__ import annotations

import json
import secrets
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from glisecrets.errors import (
    AccessDenied,
    InvalidRequest,
    SecretExists,
    SecretNotFound,
)
from glisecrets.references import AWSCURRENT, AWSPENDING, AWSPREVIOUS, Address, Reference
from glisecrets.stores.vault import VaultStore
from glisecrets.stores.vault.documents import document_of, value_of

from .vault_logins import allow, approle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import hvac

    from .openbao import OpenBao

T1, T2, T3 = ("1" * 32, "2" * 32 + "a", "c" * 40)


@pytest.fixture
def operator(openbao: OpenBao) -> Iterator[hvac.Client]:
    """Somebody with ``vault kv``, who knows nothing of labels."""
    with openbao.client() as client:
        yield client


@pytest.fixture
def store(openbao: OpenBao) -> Iterator[VaultStore]:
    """A store that may do anything."""
    with closing(VaultStore.from_options("", {}, environ=openbao.environ())) as store:
        yield store


@pytest.fixture
def path() -> str:
    """A path that no other test uses, below ``secret/``."""
    return f"gli-{secrets.token_hex(6)}/db"


def mounted(operator: hvac.Client, *, kv: str = "2", depth: int = 1, kind: str = "kv") -> str:
    """Mount an engine of its own."""
    mount = "/".join(secrets.token_hex(5) for _ in range(depth))
    operator.sys.enable_secrets_engine(kind, mount, options={"version": kv} if kind == "kv" else {})
    return mount


def write(operator: hvac.Client, path: str, **document: object) -> None:
    """Do ``vault kv put``."""
    operator.secrets.kv.v2.create_or_update_secret(path, document)


def plain(operator: hvac.Client, path: str) -> dict[str, object]:
    """Read as Vault Agent and External Secrets do: the newest version, by plain hvac."""
    read = operator.secrets.kv.v2.read_secret_version(path, raise_on_deleted_version=True)
    return read["data"]["data"]


class TestValues:
    """What is written reads back."""

    def test_an_object_is_a_document_that_every_vault_tool_reads(self, store, operator, path):
        """Keys of a JSON secret are keys in Vault: ``#password`` works here and there."""
        password = secrets.token_urlsafe()
        store.create(f"secret/{path}", json.dumps({"user": "api", "password": password}))
        assert plain(operator, path) == {"user": "api", "password": password}
        read = json.loads(store.get(Address(f"secret/{path}")).value)
        assert read == {"user": "api", "password": password}

    def test_a_document_written_by_hand_reads_as_json_text(self, store, operator, path):
        """Also one with the key ``value``, which our own texts use."""
        write(operator, path, value="x")
        assert json.loads(store.get(Address(f"secret/{path}")).value) == {"value": "x"}

    @pytest.mark.parametrize(
        "value",
        [
            "plain text",
            "[1, 2]",
            "{not json",
            '{"glisecrets": "text", "value": "x"}',
            '{"account": 123456789012345678901234567890}',
            '{"huge": 1e999}',
            '{"not": NaN}',
            b"\x00\xff\xfe",
            "-----BEGIN KEY-----\nä\n-----END KEY-----\n",
        ],
    )
    def test_text_and_bytes_come_back_as_they_were(self, store, path, value):
        """Whatever is not a JSON object that Vault keeps exactly is kept character by character."""
        store.create(f"secret/{path}", value)
        assert store.get(Address(f"secret/{path}")).value == value

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(
        st.text()
        | st.binary()
        | st.dictionaries(st.text(), st.text() | st.integers() | st.floats()).map(json.dumps)
    )
    def test_any_value_survives_its_document(self, value):
        """Through JSON as Vault keeps it, with numbers as 64-bit floats."""
        kept = json.loads(json.dumps(document_of(value)), parse_int=float)
        read = value_of(kept)
        if isinstance(value, str) and value_is_object(value) and read != value:
            assert json.loads(read) == json.loads(value)
        else:
            assert read == value

    def test_a_value_over_64_kib_is_refused_as_secrets_manager_would(self, store, path):
        """What is accepted here can be copied there."""
        store.create(f"secret/{path}", "x" * 65_536)
        with pytest.raises(InvalidRequest, match="65537 bytes"):
            store.put(f"secret/{path}", "x" * 65_537)


class TestLabels:
    """Labels over KV v2, which has none."""

    def test_a_secret_that_we_never_wrote_has_its_last_two_versions_labelled(
        self, store, operator, path
    ):
        """An existing Vault needs no migration."""
        for number in (1, 2, 3):
            write(operator, path, n=number)
        secret = f"secret/{path}"
        assert store.describe(secret).versions == {"2": {AWSPREVIOUS}, "3": {AWSCURRENT}}
        assert [told.version_id for told in store.versions(secret)] == ["3", "2"]
        everything = store.versions(secret, include_deprecated=True)
        assert [told.version_id for told in everything] == ["3", "2", "1"]
        assert json.loads(store.get(Address(secret, label=AWSPREVIOUS)).value) == {"n": 2}
        assert store.get(Address(secret)).created is not None

    @pytest.mark.parametrize("text", ["vault:{}@1", "{}@1"])
    def test_a_number_is_vaults_own_version_number(self, store, operator, path, text):
        """``@1`` means what it means to ``vault kv get -version=1``, labelled or not."""
        secret = f"secret/{path}"
        write(operator, path, n=1)
        store.put(secret, '{"n": 2}', token=T1)
        read = store.get(Reference.parse(text.format(secret)).address)
        assert (json.loads(read.value), read.version_id) == ({"n": 1}, "1")
        assert store.get(Address(secret, "2")).version_id == T1

    def test_a_pending_value_is_never_what_plain_readers_get(self, store, operator, path):
        """A rotation under way is invisible to Vault Agent until it is finished."""
        secret = f"secret/{path}"
        store.create(secret, '{"n": 1}', token=T1)
        store.put(secret, '{"n": 2}', token=T2, labels=[AWSPENDING])
        assert plain(operator, path) == {"n": 1}
        assert json.loads(store.get(Address(secret, label=AWSPENDING)).value) == {"n": 2}
        store.move_label(secret, AWSCURRENT, to=T2, expected=T1)
        assert plain(operator, path) == {"n": 2}

    def test_a_version_keeps_its_id_and_date_when_it_is_published(self, store, path):
        """Whoever cached the pending version by id needs no second read."""
        secret = f"secret/{path}"
        store.create(secret, "1", token=T1)
        store.put(secret, "2", token=T2, labels=[AWSPENDING])
        before = store.get(Address(secret, label=AWSPENDING))
        store.move_label(secret, AWSCURRENT, to=T2, expected=T1)
        store.move_label(secret, AWSPENDING, expected=T2)
        after = store.get(Address(secret))
        assert (after.version_id, after.created) == (before.version_id, before.created)
        assert store.describe(secret).versions == {T1: {AWSPREVIOUS}, T2: {AWSCURRENT}}

    def test_going_back_publishes_the_old_value_again(self, store, operator, path):
        """A rollback reaches plain readers too, under the id that the value always had."""
        secret = f"secret/{path}"
        store.create(secret, '{"n": 1}', token=T1)
        store.put(secret, '{"n": 2}', token=T2)
        store.move_label(secret, AWSCURRENT, to=T1, expected=T2)
        assert plain(operator, path) == {"n": 1}
        assert store.describe(secret).versions == {T1: {AWSCURRENT}, T2: {AWSPREVIOUS}}
        assert store.get(Address(secret)).version_id == T1

    def test_what_an_operator_writes_by_hand_becomes_current(self, store, operator, path):
        """``vault kv put`` in an emergency is obeyed, and our next write follows it."""
        secret = f"secret/{path}"
        store.create(secret, '{"n": 1}', token=T1)
        store.put(secret, '{"n": 9}', token=T2, labels=[AWSPENDING])
        write(operator, path, n=2)
        assert store.get(Address(secret)).version_id == "2"
        assert store.describe(secret).versions == {
            T1: {AWSPREVIOUS},
            T2: {AWSPENDING},
            "2": {AWSCURRENT},
        }
        store.put(secret, '{"n": 3}', token=T3)
        assert store.describe(secret).versions == {
            "2": {AWSPREVIOUS},
            T2: {AWSPENDING},
            T3: {AWSCURRENT},
        }

    def test_no_copy_of_a_published_value_is_left_behind(self, store, operator, path):
        """An operator who destroys a version has destroyed the value."""
        secret = f"secret/{path}"
        store.create(secret, "1", token=T1)
        store.put(secret, "2", token=T2, labels=[AWSPENDING])
        store.move_label(secret, AWSCURRENT, to=T2, expected=T1)
        assert operator.secrets.kv.v2.list_secrets(path)["data"]["keys"] == ["_stages"]
        operator.secrets.kv.v2.destroy_secret_versions(path, [1, 2])
        for label in (AWSCURRENT, AWSPREVIOUS):
            with pytest.raises(SecretNotFound, match="was destroyed"):
                store.get(Address(secret, label=label))

    def test_the_labels_document_holds_no_value(self, store, operator, path):
        """A policy may show it to those who may not see the secret."""
        values = [secrets.token_urlsafe() for _ in range(3)]
        secret = f"secret/{path}"
        store.create(secret, values[0])
        store.put(secret, values[1])
        store.put(secret, values[2], labels=[AWSPENDING])
        told = json.dumps(plain(operator, f"{path}/_stages"))
        assert not any(value in told for value in values)

    def test_mounts_that_insist_on_check_and_set_are_written_to(self, operator, openbao):
        """``cas_required`` is common in production and changes nothing."""
        mount = mounted(operator)
        operator.secrets.kv.v2.configure(cas_required=True, mount_point=mount)
        with closing(VaultStore.from_options("", {}, environ=openbao.environ())) as store:
            store.create(f"{mount}/db", "1", token=T1)
            store.put(f"{mount}/db", "2", token=T2, labels=[AWSPENDING])
            store.move_label(f"{mount}/db", AWSCURRENT, to=T2, expected=T1)
            assert store.get(Address(f"{mount}/db")).value == "2"

    def test_a_hundred_rotations_leave_the_labels_document_small(self, store, operator, path):
        """Versions that nothing names are forgotten in the end, and with them their values."""
        secret = f"secret/{path}"
        store.create(secret, "0")
        for number in range(103):
            store.put(secret, str(number), labels=[AWSPENDING])
        assert len(plain(operator, f"{path}/_stages")["versions"]) <= 102
        assert len(operator.secrets.kv.v2.list_secrets(f"{path}/_staged")["data"]["keys"]) <= 102

    def test_a_secret_written_anew_by_hand_starts_afresh(self, store, operator, path):
        """Labels of a deleted secret never stick to the one that took its name."""
        secret = f"secret/{path}"
        store.create(secret, "1", token=T1)
        store.put(secret, "2", token=T2)
        operator.secrets.kv.v2.delete_metadata_and_all_versions(path)
        with pytest.raises(SecretNotFound):
            store.get(Address(secret))
        write(operator, path, n=1)
        assert store.describe(secret).versions == {"1": {AWSCURRENT}}
        store.put(secret, "3", token=T3)
        assert store.get(Address(secret)).version_id == T3


class TestRights:
    """What a token may not do is told with the policy that would allow it."""

    def test_the_documented_reader_policy_is_enough_to_read(self, operator, openbao, path):
        """A plain policy on the one path, as everybody has it, reads AWSCURRENT and versions."""
        for number in (1, 2):
            write(operator, path, n=number)
        with closing(restricted(operator, openbao, {f"secret/data/{path}": ["read"]})) as store:
            assert json.loads(store.get(Address(f"secret/{path}")).value) == {"n": 2}
            assert json.loads(store.get(Address(f"secret/{path}", "1")).value) == {"n": 1}
            with pytest.raises(AccessDenied) as caught:
                store.get(Address(f"secret/{path}", label=AWSPENDING))
        line = f'path "secret/data/{path}/_stages" {{ capabilities = ["read"] }}'
        assert line in caught.value.next_step

    def test_the_documented_rotation_policy_is_enough_to_rotate(self, operator, openbao, path):
        """The lines in the module's description are all that a rotation needs."""
        write(operator, path, n=1)
        rules = {
            f"secret/data/{path}": ["create", "update", "read"],
            f"secret/data/{path}/*": ["create", "update", "read"],
            f"secret/metadata/{path}": ["read", "update"],
            f"secret/metadata/{path}/*": ["read", "list", "delete"],
        }
        secret = f"secret/{path}"
        with closing(restricted(operator, openbao, rules)) as store:
            store.put(secret, "2", token=T1, labels=[AWSPENDING])
            store.move_label(secret, AWSCURRENT, to=T1, expected="1")
            store.move_label(secret, AWSPENDING, expected=T1)
            store.tag(secret, {"owner": "gli"})
            assert store.describe(secret).versions == {"1": {AWSPREVIOUS}, T1: {AWSCURRENT}}

    def test_a_denied_secret_names_the_line_to_add_to_the_policy(self, operator, openbao, path):
        """The reader of the error can paste it."""
        write(operator, path, n=1)
        rules = {f"secret/data/{path}/other": ["read"]}
        store = restricted(operator, openbao, rules)
        with closing(store), pytest.raises(AccessDenied) as caught:
            store.get(Address(f"secret/{path}"))
        line = f'path "secret/data/{path}" {{ capabilities = ["read"] }}'
        assert line in caught.value.next_step

    def test_a_mount_out_of_reach_names_the_line_too(self, store):
        """Vault does not tell a mount that is missing from one that is hidden; we name both."""
        with pytest.raises(AccessDenied, match="no mount for nowhere/db, or grants") as caught:
            store.get(Address("nowhere/db"))
        assert 'path "nowhere/data/db"' in caught.value.next_step


class TestMounts:
    """Where a secret lies."""

    def test_a_mount_may_have_several_parts(self, operator, store):
        """The server says where the mount's name ends."""
        mount = mounted(operator, depth=3)
        store.create(f"{mount}/db", "x")
        assert store.get(Address(f"{mount}/db")).value == "x"
        assert list(store.names(f"{mount}/")) == [f"{mount}/db"]

    def test_a_named_mount_and_version_are_not_asked_for(self, operator, openbao, path):
        """Where a proxy hides ``sys/``, two options replace the question."""
        mount = mounted(operator, depth=2)
        options = {"mount": mount, "kv": "2"}
        with closing(VaultStore.from_options("", options, environ=openbao.environ())) as store:
            store._asked_mount = None
            store.create(f"{mount}/db", "x")
            assert store.get(Address(f"{mount}/db")).value == "x"
            write(operator, path, n=1)
            assert json.loads(store.get(Address(f"secret/{path}")).value) == {"n": 1}

    def test_a_mount_of_another_kind_is_refused(self, operator, store):
        """A reference into transit or PKI is a mistake, and is called one."""
        mount = mounted(operator, kind="transit")
        with pytest.raises(InvalidRequest, match="is a transit mount, not a KV one"):
            store.get(Address(f"{mount}/keys/x"))

    @pytest.mark.parametrize(
        "secret",
        [
            "secret",
            "secret/",
            "/db",
            "secret//db",
            "secret/../sys/x",
            "secret/./x",
            "secret/db/_stages",
            "secret/db/_staged/x",
        ],
    )
    def test_a_name_that_leads_astray_is_refused(self, store, secret):
        """No reference climbs out of its mount or reads our side documents."""
        with pytest.raises(InvalidRequest, match="cannot be a secret in Vault"):
            store.get(Address(secret))

    def test_names_are_listed_in_order_over_folders_and_mounts(self, operator, store):
        """A listing shows secrets and nothing of how they are kept."""
        mount = mounted(operator)
        for name in ("b", "a/x", "a", "a-b", "a/y/z"):
            store.create(f"{mount}/{name}", "x")
        store.put(f"{mount}/a", "y", labels=[AWSPENDING])
        expected = [f"{mount}/{name}" for name in ("a", "a-b", "a/x", "a/y/z", "b")]
        assert list(store.names(f"{mount}/")) == expected
        assert list(store.names(f"{mount}/a/")) == expected[2:4]
        assert list(store.names(mount[:-1])) == expected
        assert list(store.names(f"{mount}/c")) == []
        everything = list(store.names())
        assert everything == sorted(everything)
        assert set(expected) <= set(everything)

    def test_many_are_read_at_once_and_each_error_stays_with_its_secret(
        self, operator, store, path
    ):
        """One denied or deleted secret among many costs none of the others."""
        for number in range(20):
            write(operator, f"{path}{number}", n=number)
        good = [Address(f"secret/{path}{number}") for number in range(20)]
        bad = [Address(f"secret/{path}-none"), Address("nowhere/x"), Address("x")]
        read = store.get_many([*good, *bad, *good])
        assert list(read) == [*good, *bad]
        assert [json.loads(read[address].value)["n"] for address in good] == list(range(20))
        assert [type(read[address]) for address in bad] == [
            SecretNotFound,
            AccessDenied,
            InvalidRequest,
        ]
        assert store.get_many([]) == {}

    def test_reads_wait_out_a_rate_limit(self, operator, store):
        """A quota that a start with many secrets exceeds makes it slower, not fail."""
        mount = mounted(operator)
        for number in range(8):
            store.create(f"{mount}/{number}", str(number))
        quota = {"path": f"{mount}/", "rate": 8, "interval": "1s"}
        operator.adapter.post(f"/v1/sys/quotas/rate-limit/{mount}", json=quota)
        read = store.get_many([Address(f"{mount}/{number}") for number in range(8)])
        assert [version.value for version in read.values()] == list("01234567")


class TestGone:
    """Deleted and destroyed versions."""

    def test_a_deleted_version_says_which_and_when(self, operator, store, path):
        """Not 'no such secret': it was there, and can be undeleted."""
        for number in (1, 2, 3):
            write(operator, path, n=number)
        operator.secrets.kv.v2.delete_latest_version_of_secret(path)
        with pytest.raises(SecretNotFound, match=r"version 3 of .* was deleted at 20\d\d-") as e:
            store.get(Address(f"secret/{path}"))
        assert "undelete" in e.value.next_step
        assert (e.value.secret, e.value.version) == (f"secret/{path}", "3")
        assert json.loads(store.get(Address(f"secret/{path}", "2")).value) == {"n": 2}

    def test_a_destroyed_version_says_that_it_is_lost(self, operator, store, path):
        """Nobody looks for an undelete that cannot work."""
        write(operator, path, n=1)
        operator.secrets.kv.v2.destroy_secret_versions(path, [1])
        with pytest.raises(SecretNotFound, match=r"version 1 of .* was destroyed"):
            store.get(Address(f"secret/{path}"))
        with pytest.raises(SecretNotFound, match=r"has no version 7 of") as caught:
            store.get(Address(f"secret/{path}", "7"))
        assert (caught.value.secret, caught.value.version) == (f"secret/{path}", "7")

    def test_writing_goes_on_after_a_deletion_by_hand(self, operator, store, path):
        """A new value follows a deleted one, as it does in Vault itself."""
        write(operator, path, n=1)
        operator.secrets.kv.v2.delete_latest_version_of_secret(path)
        store.put(f"secret/{path}", '{"n": 2}')
        assert plain(operator, path) == {"n": 2}

    def test_a_deleted_secret_leaves_nothing(self, operator, store, path):
        """Neither value nor labels nor what was pending."""
        secret = f"secret/{path}"
        store.create(secret, "1", tags={"owner": "gli"})
        store.put(secret, "2", labels=[AWSPENDING])
        store.delete(secret)
        assert list(store.names(secret)) == []
        folder = path.partition("/")[0]
        assert store._found(secret)[0]._kv.list(folder) == []
        for action in (store.delete, store.describe, store.versions):
            with pytest.raises(SecretNotFound):
                action(secret)

    def test_tags_are_custom_metadata(self, operator, store, path):
        """``vault kv metadata get`` shows them; others' are kept."""
        secret = f"secret/{path}"
        store.create(secret, "1", tags={"owner": "gli", "tier": "1"})
        store.tag(secret, {"tier": "2"})
        told = operator.secrets.kv.v2.read_secret_metadata(path)["data"]["custom_metadata"]
        assert told == store.describe(secret).tags == {"owner": "gli", "tier": "2"}
        with pytest.raises(SecretNotFound):
            store.tag(f"{secret}-none", {"a": "b"})


class TestKvVersion1:
    """KV v1 keeps one value and no history."""

    @pytest.fixture
    def secret(self, operator) -> str:
        """A secret's name in a KV v1 mount of its own."""
        return f"{mounted(operator, kv='1')}/gli/db"

    def test_values_are_written_read_listed_and_deleted(self, store, secret):
        """Everything that needs no versions works."""
        store.create(secret, '{"n": 1}')
        with pytest.raises(SecretExists):
            store.create(secret, "other")
        first = store.get(Address(secret))
        store.put(secret, b"\xff")
        second = store.get(Address(secret, label=AWSCURRENT))
        assert (json.loads(first.value), second.value) == ({"n": 1}, b"\xff")
        assert first.version_id != second.version_id
        assert store.get(Address(secret, second.version_id)) == second
        assert store.describe(secret).versions == {second.version_id: {AWSCURRENT}}
        assert list(store.names(secret.partition("/")[0] + "/")) == [secret]
        store.delete(secret)
        for action in (store.delete, store.describe, lambda s: store.put(s, "x")):
            with pytest.raises(SecretNotFound):
                action(secret)

    @pytest.mark.parametrize(
        "action",
        [
            lambda store, secret: store.put(secret, "x", labels=[AWSPENDING]),
            lambda store, secret: store.put(secret, "x", token=T1),
            lambda store, secret: store.move_label(secret, AWSCURRENT, to=T1),
            lambda store, secret: store.versions(secret),
            lambda store, secret: store.tag(secret, {"a": "b"}),
            lambda store, secret: store.create(f"{secret}2", "x", tags={"a": "b"}),
        ],
    )
    def test_what_needs_versions_is_refused_before_anything_is_written(
        self, store, secret, action: Callable[[VaultStore, str], None]
    ):
        """No rotation half works here."""
        store.create(secret, "1")
        with pytest.raises(InvalidRequest, match="KV v1 keeps no versions"):
            action(store, secret)
        assert store.get(Address(secret)).value == "1"

    def test_another_label_is_not_found_and_says_why(self, store, secret):
        """AWSPREVIOUS is not quietly the same as AWSCURRENT."""
        store.create(secret, "1")
        with pytest.raises(SecretNotFound, match="KV v1 keeps no versions"):
            store.get(Address(secret, label=AWSPREVIOUS))


def test_nothing_shows_a_value_or_a_token(store, openbao, path, caplog):
    """Not a repr, not a log line at any level, not an error of a write that fails."""
    caplog.set_level("DEBUG")
    value = secrets.token_urlsafe(30)
    secret = f"secret/{path}"
    store.create(secret, value, token=T1)
    store.put(secret, f"{value}2", labels=[AWSPENDING])
    version = store.get(Address(secret))
    with pytest.raises(SecretExists) as caught:
        store.put(secret, f"{value}3", token=T1)
    told = [repr(store), repr(vars(store)), repr(vars(store._connection)), repr(version)]
    told += [caplog.text, repr(caught.value), str(caught.value), repr(vars(caught.value))]
    assert not any(value in text or openbao.root_token in text for text in told)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_a_closed_store_can_be_used_again(store, path):
    """Closing lets go of sockets and of the token, no more."""
    store.create(f"secret/{path}", "x")
    store.close()
    store.close()
    assert store.get(Address(f"secret/{path}")).value == "x"


def restricted(operator: hvac.Client, openbao: OpenBao, rules: dict[str, list[str]]) -> VaultStore:
    """Open a store whose login has these rights and no others."""
    mount, variables = approle(operator, allow(operator, **rules))
    options = {"auth": "approle", "auth_mount": mount}
    return VaultStore.from_options(openbao.url, options, environ=variables)


def value_is_object(text: str) -> bool:
    """Tell whether a text is a JSON object."""
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False
