"""The planner: the fewest calls, and each answer's entry back to those who asked."""

from __future__ import annotations

import uuid

from hypothesis import given
from hypothesis import strategies as st

from glisecrets.references import Address
from glisecrets.stores.aws.planner import Batch, Single, entry_ids, normal, plan

ACCOUNTS = ("111111111111", "222222222222")
NAMES = st.sampled_from(["a", "a-b", "gli/db", "gli/db-prod12", "S1", "S10", "x-AbCdEf"])
VERSIONS = st.sampled_from([uuid.UUID(int=i).hex for i in range(3)])


def arn(name: str, account: str) -> str:
    return f"arn:aws:secretsmanager:ap-northeast-2:{account}:secret:{name}"


@st.composite
def secrets_asked(draw) -> str:
    """A secret by name, by full ARN or by ARN without suffix, of the own or another account."""
    name = draw(NAMES)
    full = arn(name, draw(st.sampled_from(ACCOUNTS)))
    return draw(st.sampled_from([name, f"{full}-Q1w2E3", full]))


addresses = st.builds(
    Address,
    secrets_asked(),
    st.none() | VERSIONS,
    st.none() | st.sampled_from(["AWSCURRENT", "AWSPREVIOUS", "AWSPENDING"]),
)


class Account:
    """An oracle: what the service would read for an id, and the entry that it would answer."""

    def read(self, secret: str) -> str:
        full = secret if secret.startswith("arn:") else arn(secret, ACCOUNTS[0])
        return full if full.endswith("-Q1w2E3") else f"{full}-Q1w2E3"

    def entry(self, secret: str) -> dict[str, str]:
        full = self.read(secret)
        return {"ARN": full, "Name": full.rpartition(":")[2].removesuffix("-Q1w2E3")}


@given(st.lists(addresses, max_size=80))
def test_every_address_is_answered_by_exactly_one_call(asked):
    """Nothing is forgotten and nothing is read twice."""
    answered = [address for call in plan(asked) for address in call.addresses]
    assert sorted(map(str, answered)) == sorted({str(normal(address)) for address in asked})


@given(st.lists(addresses, max_size=80))
def test_a_batch_holds_only_what_the_service_can_batch(asked):
    """2 to 20 different secrets per batch; versions and labels are read one by one."""
    for call in plan(asked):
        if isinstance(call, Batch):
            assert 2 <= len(set(call.secrets)) == len(call.secrets) <= 20
    singles = {call.address for call in plan(asked) if isinstance(call, Single)}
    pinned = {normal(a) for a in asked if a.version_id or (a.label or "AWSCURRENT") != "AWSCURRENT"}
    assert pinned <= singles


@given(st.lists(addresses, max_size=80), st.booleans())
def test_each_entry_of_an_answer_goes_to_who_asked_for_that_secret_and_no_other(asked, as_error):
    """A secret of another account with the same name is never taken for one's own."""
    account = Account()
    for call in plan(asked):
        if isinstance(call, Single):
            continue
        for secret in call.secrets:
            entry = account.entry(secret)
            ids = entry_ids({"SecretId": entry["ARN"]} if as_error else entry)
            matched = {other for other in call.secrets if other in ids}
            assert matched == {s for s in call.secrets if account.read(s) == account.read(secret)}


def test_25_secrets_are_two_calls_and_1000_are_50():
    """The number of calls is a twentieth of the number of secrets, rounded up."""
    assert len(plan(Address(f"gli/{i}") for i in range(25))) == 2
    assert len(plan(Address(f"gli/{i}") for i in range(1000))) == 50


def test_one_secret_for_many_fields_is_read_once_by_the_plain_call():
    """A lone secret needs no right to batch; AWSCURRENT spelt out is the same version."""
    asked = [Address("gli/db"), Address("gli/db", None, "AWSCURRENT"), Address("gli/db")]
    assert plan(asked) == [Single(Address("gli/db"))]


def test_without_the_right_to_batch_every_secret_is_a_call():
    """The same addresses, one call each."""
    assert plan([Address("a"), Address("b")], batch=False) == [
        Single(Address("a")),
        Single(Address("b")),
    ]
