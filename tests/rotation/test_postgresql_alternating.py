"""Two roles take turns: the one in use is never touched, and its clone is neither more nor less."""

from __future__ import annotations

import json
import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glisecrets.errors import AccessDenied
from glisecrets.rotation.errors import NotRotatable, ProviderRefused, StaleRotation, Unreachable
from glisecrets.rotation.rotator import Verdict
from glisecrets.rotation.rotators.postgresql_alternating import PostgresAlternatingUsers
from glisecrets.rotation.rotators.postgresql_clones import difference, elements

from .postgresql_roles import ADMIN_SECRET, Role, made, session

if TYPE_CHECKING:
    from collections.abc import Iterator

    from glisecrets.rotation.rotator import Rotation
    from glisecrets.testing.servers import RunningServer

OPTIONS = {"admin": ADMIN_SECRET}
ROTATOR = PostgresAlternatingUsers()


@dataclass
class Service:
    """A role with a schema and a table of its own, and the value that clients use now."""

    role: Role
    current: str = field(repr=False)
    previous: str | None = field(repr=False, default=None)

    @property
    def name(self) -> str:
        return self.role.name

    @property
    def clone(self) -> str:
        return f"{self.role.name}_clone"

    def begin(self, **changes: Any) -> Rotation:
        """Start a rotation: a value is proposed."""
        given = {"options": OPTIONS, "previous": self.previous} | changes
        rotation = self.role.rotation(self.current, **given)
        return replace(rotation, pending=ROTATOR.propose(rotation))

    def rotate(self, **changes: Any) -> Rotation:
        """Do a rotation, with a look at the value in use before and after the change."""
        rotation = self.begin(**changes)
        assert ROTATOR.probe(rotation, self.current) is Verdict.ACCEPTED
        ROTATOR.apply(rotation)
        assert ROTATOR.probe(rotation, rotation.pending) is Verdict.ACCEPTED
        assert ROTATOR.probe(rotation, self.current) is Verdict.ACCEPTED
        self.current, self.previous = rotation.pending, self.current
        return rotation

    def ask(self, statement: str) -> Any:
        """Run a statement with the value in use; give the first field, if there is one."""
        with session(self.role.server, self.current) as connection:
            cursor = connection.execute(statement)
            row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None

    def sql(self, statement: str, *names: str) -> list[tuple[Any, ...]]:
        return self.role.sql(statement, *names)


@pytest.fixture
def service(postgres: RunningServer) -> Iterator[Service]:
    role = made(postgres)
    role.sql("CREATE SCHEMA {0} AUTHORIZATION {0}")
    yield Service(role, role.value())
    role.sql("DROP SCHEMA IF EXISTS {0} CASCADE")


def username(value: Any) -> str:
    return json.loads(value)["username"]


# Turns


def test_two_roles_take_turns_and_the_one_in_use_stays_good(service) -> None:
    """NAME, NAME_clone, NAME, …: at no moment is the value refused that clients have."""
    users = [username(service.rotate().pending) for _ in range(4)]
    assert users == [service.clone, service.name] * 2


def test_a_new_value_differs_in_user_and_password_only(service) -> None:
    """The rest of the JSON stays as it is."""
    rotation = service.begin()
    old, new = json.loads(rotation.current), json.loads(rotation.pending)
    assert {key for key in old | new if old.get(key) != new.get(key)} == {"username", "password"}
    assert len(new["password"]) >= 32


def test_a_second_run_of_the_same_rotation_changes_nothing(service) -> None:
    """A step that arrives again finds it done."""
    rotation = service.rotate()
    before = service.role.stored(service.clone)
    ROTATOR.apply(rotation)
    assert service.role.stored(service.clone) == before


def test_runs_at_the_same_time_of_the_same_rotation_do_no_harm(service) -> None:
    """Two engines with one token make one clone, and both end well."""
    rotation = service.begin()
    with ThreadPoolExecutor(5) as pool:
        for future in [pool.submit(ROTATOR.apply, rotation) for _ in range(5)]:
            future.result()
    assert ROTATOR.probe(rotation, rotation.pending) is Verdict.ACCEPTED


def test_a_rotation_that_another_one_overtook_makes_no_clone(service) -> None:
    """It asks once more under the lock, before the first change."""

    def overtaken() -> None:
        raise StaleRotation("overtaken")

    with pytest.raises(StaleRotation):
        ROTATOR.apply(service.begin(confirm=overtaken))
    assert service.role.stored(service.clone) == ""


def test_a_crash_half_way_leaves_nothing_behind(service) -> None:
    """Clone, rights and password are one transaction: there is no half-made clone."""
    service.sql("ALTER ROLE {0} SET work_mem = '8MB'")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "glisecrets.rotation.rotators.postgresql_clones._copy_settings", lambda *given: 1 / 0
        )
        with pytest.raises(ZeroDivisionError):
            ROTATOR.apply(service.begin())
    assert service.role.stored(service.clone) == ""
    service.rotate()


def test_a_new_version_for_the_role_in_use_is_refused(service) -> None:
    """Written by hand, it would cut clients off: their password is left alone."""
    by_hand = service.role.value(password=secrets.token_urlsafe())
    with pytest.raises(NotRotatable, match="in use"):
        ROTATOR.apply(replace(service.begin(), pending=by_hand))
    assert ROTATOR.probe(service.begin(), service.current) is Verdict.ACCEPTED


def test_a_repair_may_reset_the_role_in_use(service) -> None:
    """Once it is refused anyway, the administrator puts the value in force that is said."""
    service.sql("ALTER ROLE {0} PASSWORD NULL")
    rotation = replace(service.begin(), pending=service.current)
    assert ROTATOR.probe(rotation, service.current) is Verdict.REJECTED
    ROTATOR.reset(rotation)
    assert ROTATOR.probe(rotation, service.current) is Verdict.ACCEPTED


def test_a_retired_password_is_good_no_longer(service) -> None:
    """After a leak the idle role's password goes too; the one in use stays."""
    service.rotate()
    rotation = service.role.rotation(service.current, options=OPTIONS)
    for _ in range(2):
        ROTATOR.retire(rotation, service.previous)
        assert ROTATOR.probe(rotation, service.previous) is Verdict.REJECTED
    ROTATOR.retire(rotation, service.current)
    assert ROTATOR.probe(rotation, service.current) is Verdict.ACCEPTED
    service.rotate()


def test_an_old_value_is_not_taken_for_the_role_that_is_back_in_use(service) -> None:
    """To retire what the role in use had two rotations ago changes nothing."""
    first = service.current
    service.rotate()
    service.rotate()
    ROTATOR.retire(service.role.rotation(service.current, options=OPTIONS), first)
    assert service.ask("SELECT 1") == 1


def test_a_late_retirement_leaves_the_next_password_alone(service) -> None:
    """The idle role has its new password already: to retire the one before changes nothing."""
    service.rotate()
    following = service.begin()
    ROTATOR.apply(following)
    ROTATOR.retire(following, service.previous)
    assert ROTATOR.probe(following, following.pending) is Verdict.ACCEPTED


# What the clone may


def test_the_clone_may_what_the_original_may(service) -> None:
    """Its tables, what it was granted, and what it is a member of."""
    service.sql("CREATE TABLE {0}.own (x int)")
    service.sql("ALTER TABLE {0}.own OWNER TO {0}")
    service.sql("CREATE SCHEMA {1}", f"{service.name}_x")
    service.sql("CREATE TABLE {1}.given (x serial)", f"{service.name}_x")
    service.sql("GRANT USAGE ON SCHEMA {1} TO {0}", f"{service.name}_x")
    service.sql("GRANT SELECT ON {1}.given TO {0}", f"{service.name}_x")
    service.rotate()
    service.ask(f"INSERT INTO {service.name}.own VALUES (1)")
    assert service.ask(f"SELECT count(*) FROM {service.name}_x.given") == 0
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        service.ask(f"INSERT INTO {service.name}_x.given DEFAULT VALUES")
    # What is granted, or taken, between two rotations counts at once.
    service.sql("GRANT INSERT ON {1}.given TO {0}", f"{service.name}_x")
    service.sql("GRANT USAGE ON ALL SEQUENCES IN SCHEMA {1} TO {0}", f"{service.name}_x")
    service.ask(f"INSERT INTO {service.name}_x.given DEFAULT VALUES")
    service.sql("REVOKE SELECT ON {1}.given FROM {0}", f"{service.name}_x")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        service.ask(f"SELECT count(*) FROM {service.name}_x.given")
    service.sql("DROP SCHEMA {1} CASCADE", f"{service.name}_x")


def test_what_either_makes_belongs_to_the_original(service) -> None:
    """A migration under one name can be followed by one under the other."""
    tables = iter("abcd")
    service.sql("ALTER DEFAULT PRIVILEGES FOR ROLE {0} GRANT SELECT ON TABLES TO pg_monitor")
    for _ in range(4):
        table = next(tables)
        service.ask(f"CREATE TABLE {service.name}.{table} (x int)")
        service.rotate()
        service.ask(f"ALTER TABLE {service.name}.{table} ADD y int")
    found = service.sql(
        "SELECT DISTINCT tableowner, has_table_privilege('pg_monitor',"
        f" '{service.name}.' || tablename, 'SELECT')"
        f" FROM pg_tables WHERE schemaname = '{service.name}'"
    )
    assert found == [(service.name, True)]
    service.sql("DROP OWNED BY {0} CASCADE")


def test_row_security_sees_one_user(service) -> None:
    """Policies that compare current_user hold for both."""
    service.ask(f"CREATE TABLE {service.name}.rows (owner name DEFAULT current_user)")
    for statement in ("ENABLE ROW LEVEL SECURITY", "FORCE ROW LEVEL SECURITY"):
        service.ask(f"ALTER TABLE {service.name}.rows {statement}")
    service.ask(f"CREATE POLICY own ON {service.name}.rows USING (owner = current_user)")
    service.ask(f"INSERT INTO {service.name}.rows DEFAULT VALUES")
    service.rotate()
    assert service.ask(f"SELECT count(*) FROM {service.name}.rows") == 1


def test_a_pooler_that_discards_everything_does_no_harm(service) -> None:
    """After ``DISCARD ALL`` a session of the clone's is the original's again."""
    service.rotate()
    assert service.ask("DISCARD ALL") is None
    with session(service.role.server, service.current) as connection:
        connection.execute("DISCARD ALL")
        found = connection.execute("SELECT session_user, current_user").fetchone()
    assert found == (service.clone, service.name)


def test_sessions_of_the_clone_start_as_those_of_the_original(service) -> None:
    """Settings follow at each rotation: set, changed and taken back; lists stay lists."""
    service.sql('ALTER ROLE {0} SET search_path = {0}, "We,ird ""x", public')
    service.sql("ALTER ROLE {0} SET statement_timeout = '7s'")
    service.sql("ALTER ROLE {0} SET my.tenant = 'a, b=c''d'")
    service.sql("ALTER ROLE {0} IN DATABASE postgres SET work_mem = '5MB'")
    service.rotate()
    names = ("search_path", "statement_timeout", "my.tenant", "work_mem")
    shown = [service.ask(f"SHOW {name}") for name in names]
    assert shown == [f'{service.name}, "We,ird ""x", public', "7s", "a, b=c'd", "5MB"]
    service.rotate()
    assert [service.ask(f"SHOW {name}") for name in names] == shown
    service.sql("ALTER ROLE {0} RESET statement_timeout")
    service.sql("ALTER ROLE {0} IN DATABASE postgres RESET ALL")
    service.sql("ALTER ROLE {0} SET my.tenant = 'e'")
    service.rotate()
    shown = [service.ask(f"SHOW {name}") for name in names[1:]]
    assert shown == ["0", "e", "4MB"]


def test_a_setting_of_the_original_cannot_run_anything_as_the_administrator(service) -> None:
    """A role may set its own search_path: what stands there is never taken for SQL."""
    evil = f"public;alter/**/role/**/{service.name}/**/superuser"
    service.ask(
        f"SELECT set_config('search_path', '{evil}', false);"
        f"ALTER ROLE {service.name} SET search_path FROM CURRENT"
    )
    service.rotate()
    assert service.sql(f"SELECT rolsuper FROM pg_roles WHERE rolname = '{service.name}'") == [
        (False,)
    ]


def test_limits_of_the_original_hold_for_the_clone(service) -> None:
    """CONNECTION LIMIT and VALID UNTIL are no rights that a membership brings."""
    service.sql("ALTER ROLE {0} CONNECTION LIMIT 7 VALID UNTIL '2099-01-01 00:00+00'")
    service.rotate()
    limits = "SELECT rolconnlimit, rolvaliduntil::text FROM pg_roles WHERE rolname = "
    assert service.sql(limits + f"'{service.clone}'") == service.sql(limits + f"'{service.name}'")
    service.sql("ALTER ROLE {0} CONNECTION LIMIT -1 VALID UNTIL 'infinity'")
    service.rotate()
    service.rotate()
    assert service.sql(limits + f"'{service.clone}'") == [(-1, "infinity")]


def test_a_role_that_says_which_role_its_sessions_have_keeps_its_word(service) -> None:
    """``ALTER ROLE name SET role = owner`` holds for the clone as well."""
    owner = f"{service.name}_owner"
    service.sql("CREATE ROLE {1}", owner)
    service.sql("GRANT {1} TO {0}", owner)
    service.sql("ALTER ROLE {0} SET role = {1}", owner)
    service.rotate()
    assert service.ask("SELECT current_user") == owner


def test_both_can_become_the_owner_of_the_tables(service) -> None:
    """With the option ``owner`` Django's assume_role works whoever logged in."""
    owner = f"{service.name}_owner"
    service.sql("CREATE ROLE {1} NOLOGIN", owner)
    service.sql("CREATE SCHEMA {1} AUTHORIZATION {1}", owner)
    for table in ("a", "b", "c"):
        service.rotate(options=OPTIONS | {"owner": owner})
        service.ask(f"SET ROLE {owner}; CREATE TABLE {owner}.{table} ()")
        service.ask(f"INSERT INTO {owner}.{table} DEFAULT VALUES")
    assert service.sql(
        f"SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = '{owner}'"
    ) == [(owner,)]
    service.sql("DROP SCHEMA {1} CASCADE", owner)


def test_an_owner_that_is_missing_is_named(service) -> None:
    """A slip in the tag is no reason to make a role."""
    with pytest.raises(ProviderRefused, match='role "nobody_here" does not exist'):
        ROTATOR.apply(service.begin(options=OPTIONS | {"owner": "nobody_here"}))


@pytest.mark.parametrize("attribute", ["SUPERUSER", "CREATEROLE", "CREATEDB", "BYPASSRLS"])
def test_a_role_with_more_than_the_original_is_not_taken_for_its_clone(service, attribute) -> None:
    """Another service's role by that name keeps its password, and the error says what it has."""
    service.sql("CREATE ROLE {1} LOGIN " + attribute, service.clone)
    with pytest.raises(ProviderRefused, match=attribute):
        ROTATOR.apply(service.begin())
    assert not service.role.stored(service.clone)


def test_a_member_of_something_else_is_not_taken_for_the_clone(service) -> None:
    """Nor is one that belongs to a group which the original does not belong to."""
    service.sql("CREATE ROLE {1} LOGIN", service.clone)
    service.sql("GRANT pg_monitor TO {1}", service.clone)
    with pytest.raises(ProviderRefused, match="membership in pg_monitor"):
        ROTATOR.apply(service.begin())
    service.sql("GRANT pg_monitor TO {0}")
    service.rotate()


def test_a_superuser_is_not_cloned(postgres) -> None:
    """There shall be no second superuser."""
    role = made(postgres)
    role.sql("ALTER ROLE {} SUPERUSER")
    with pytest.raises(ProviderRefused, match="superuser"):
        Service(role, role.value()).rotate()


# The administrator


def test_an_administrator_needs_no_superuser(service) -> None:
    """As on RDS: CREATEROLE, and since PostgreSQL 16 the ADMIN OPTION on the original."""
    dba = made(service.role.server)
    dba.sql("ALTER ROLE {} CREATEROLE")
    service.sql("GRANT {0} TO {1} WITH ADMIN OPTION", dba.name)
    service.sql("ALTER ROLE {0} SET statement_timeout = '7s'")
    for _ in range(3):
        service.rotate(read=lambda name: dba.value())
    assert service.ask("SHOW statement_timeout") == "7s"


def test_an_administrator_without_the_right_is_told_which(service) -> None:
    """And nothing is left behind."""
    plain = made(service.role.server)
    with pytest.raises(ProviderRefused, match="permission denied") as caught:
        ROTATOR.apply(service.begin(read=lambda name: plain.value()))
    assert "CREATEROLE" in caught.value.next_step
    assert service.role.stored(service.clone) == ""


def test_without_an_administrator_nothing_is_done(service) -> None:
    """The error names the tag."""
    with pytest.raises(NotRotatable) as caught:
        ROTATOR.apply(service.begin(options={}))
    assert "glisecrets:admin" in caught.value.next_step


def test_an_administrators_secret_that_may_not_be_read_is_named(service) -> None:
    """The store's own error comes through."""

    def denied(name: str) -> str:
        raise AccessDenied(f"{name} may not be read", store="aws", secret=name)

    with pytest.raises(AccessDenied, match=ADMIN_SECRET):
        ROTATOR.apply(service.begin(read=denied))


def test_an_administrator_of_another_server_is_refused(service) -> None:
    """A role of the same name elsewhere is not changed."""
    elsewhere = service.role.administrator(host="db.example.com")
    with pytest.raises(NotRotatable, match=r"db\.example\.com"):
        ROTATOR.apply(service.begin(read=lambda name: elsewhere))


def test_a_database_that_is_down_is_unreachable(service) -> None:
    """To be tried again, and no word of a wrong password."""
    rotation = service.begin()
    down = json.dumps(json.loads(rotation.pending) | {"port": 1})
    with pytest.raises(Unreachable, match="refused"):
        ROTATOR.apply(replace(rotation, pending=down))


# Names


def test_an_original_that_is_gone_is_named(service) -> None:
    """A clone whose original somebody dropped cannot take turns with it."""
    service.rotate()
    service.sql("DROP SCHEMA {0}")
    service.sql("DROP ROLE {0}")
    with pytest.raises(ProviderRefused, match=f"no role '{service.name}'"):
        ROTATOR.apply(service.begin())


def test_a_name_that_leaves_no_room_for_the_clone_is_refused(postgres) -> None:
    """PostgreSQL cuts names off after 63 bytes: two roles would become one."""
    longest = Role(postgres, "é" * 28)
    assert username(ROTATOR.propose(longest.rotation())) == "é" * 28 + "_clone"
    with pytest.raises(NotRotatable, match="63"):
        ROTATOR.propose(Role(postgres, "é" * 29).rotation())


# Settings, purely

KEYS = st.tuples(st.sampled_from(["", "db"]), st.sampled_from(["a", "b", "c.d"]))
NAMES = st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1)
SETTINGS = st.dictionaries(KEYS, st.text(max_size=3))


@given(SETTINGS, SETTINGS)
def test_a_difference_carried_out_gives_what_is_wanted(have, want) -> None:
    """Whatever either role has; and what is right already is not touched."""
    dropped, changed = difference(have, want)
    done = {key: value for key, value in have.items() if key not in dropped} | changed
    assert done == want
    assert not any(have.get(key) == value for key, value in changed.items())


@given(
    st.lists(st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1), min_size=1)
)
def test_a_list_is_read_as_the_catalog_has_it(names) -> None:
    """PostgreSQL quotes a name by doubling its quotes; then commas and blanks are part of it."""
    catalog = ", ".join('"' + name.replace('"', '""') + '"' for name in names)
    assert elements("search_path", catalog) == names
    assert elements("my.setting", catalog) == [catalog]
