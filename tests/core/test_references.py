"""References: every written form is read, written back, and a wrong one says what is wrong."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glisecrets import Address, InvalidReference, Reference

ARN = "arn:aws:secretsmanager:ap-northeast-2:917891822317:secret:gli/db/production-u1ubhz"
VERSION = "01234567-89ab-4cde-8f01-23456789abcd"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("gli/db/production", Reference("gli/db/production")),
        ("gli/db/production#password", Reference("gli/db/production", key=("password",))),
        ("gli/db#nested.key", Reference("gli/db", key=("nested", "key"))),
        ("gli/db@AWSPREVIOUS", Reference("gli/db", label="AWSPREVIOUS")),
        (f"gli/db#password@{VERSION}", Reference("gli/db", key=("password",), version_id=VERSION)),
        ("aws:gli/db", Reference("gli/db", store="aws")),
        ("local:name#key", Reference("name", store="local", key=("key",))),
        (
            "vault:mount/path#key@3",
            Reference("mount/path", store="vault", key=("key",), version_id="3"),
        ),
        ("user%40example#a%2Eb", Reference("user@example", key=("a.b",))),
        (ARN, Reference(ARN)),
        (f"{ARN}#password@AWSPENDING", Reference(ARN, key=("password",), label="AWSPENDING")),
        (f"{ARN}:password::", Reference(ARN, key=("password",))),
        (f"{ARN}::AWSPREVIOUS:", Reference(ARN, label="AWSPREVIOUS")),
        (f"{ARN}:::{VERSION}", Reference(ARN, version_id=VERSION)),
        (
            f"{ARN}:password:AWSCURRENT:{VERSION}",
            Reference(ARN, key=("password",), label="AWSCURRENT", version_id=VERSION),
        ),
    ],
)
def test_each_written_form_is_read_and_written_back(text: str, expected: Reference) -> None:
    """What a guide, a task definition or a colleague writes means one thing."""
    assert Reference.parse(text) == expected
    assert Reference.parse(str(expected)) == expected


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("s3:bucket/key", "unknown reference scheme 's3'"),
        ("gli/db#", "needs a key"),
        ("gli/db@", "a version or label"),
        ("gli/db#a..b", "empty"),
        ("", "1 to 512"),
        ("gli db", "1 to 512"),
        ("x" * 513, "1 to 512"),
        ("vault:nomount", "vault:mount/path"),
        ("arn:aws:ssm:ap-northeast-2:917891822317:parameter/x", "not the ARN"),
        ("arn:aws:secretsmanager:ap-northeast-2:12:secret:x", "not the ARN"),
        (f"{ARN}:key", "not the ARN|exactly"),
        (f"{ARN}:a:b:c:d", "exactly"),
    ],
)
def test_a_wrong_reference_says_what_is_wrong(text: str, complaint: str) -> None:
    """The error quotes the reference, names the part and shows a right one."""
    with pytest.raises(InvalidReference, match=complaint) as caught:
        Reference.parse(text)
    assert "gli/db/{environment}#password" in caught.value.next_step


def test_an_arn_gives_its_name_region_and_account() -> None:
    """The six characters that AWS appends are not part of the name."""
    reference = Reference.parse(f"{ARN}:password::")
    assert reference.name == "gli/db/production"
    assert reference.arn is not None
    assert (reference.arn.region, reference.arn.account) == ("ap-northeast-2", "917891822317")


def test_the_address_leaves_the_key_out() -> None:
    """Two keys of one secret are one thing to ask a store for."""
    one, other = Reference.parse("a#x@AWSPENDING"), Reference.parse("a#y@AWSPENDING")
    assert one.address == other.address == Address("a", None, "AWSPENDING")


names = st.text(string.ascii_letters + string.digits + "/_+=.@-", min_size=1, max_size=80)
keys = st.lists(st.text(min_size=1, max_size=12), max_size=3).map(tuple)
versions = st.sampled_from(["", "AWSPREVIOUS", "custom", VERSION])


@given(store=st.sampled_from([None, "aws", "local"]), secret=names, key=keys, version=versions)
def test_any_reference_survives_being_written(
    store: str | None, secret: str, key: tuple[str, ...], version: str
) -> None:
    """Parse and format are inverse, also for keys full of the syntax's own characters."""
    is_id = version == VERSION
    reference = Reference(
        secret,
        store,
        key,
        label=None if is_id else version or None,
        version_id=version if is_id else None,
    )
    assert Reference.parse(str(reference)) == reference


ecs_keys = st.text(min_size=1, max_size=20).filter(lambda key: ":" not in key)


@given(
    key=st.none() | ecs_keys,
    label=st.sampled_from([None, "AWSPREVIOUS"]),
    version_id=st.sampled_from([None, VERSION]),
)
def test_the_ecs_form_survives_being_written(
    key: str | None, label: str | None, version_id: str | None
) -> None:
    """A valueFrom written for a task definition reads back as the same reference."""
    reference = Reference(ARN, key=(key,) if key else (), label=label, version_id=version_id)
    written = reference.value_from()
    assert Reference.parse(written) == reference
    assert written == ARN or written.count(":") == ARN.count(":") + 3


def test_what_ecs_cannot_say_is_refused() -> None:
    """A nested key has no valueFrom form, and a name without ARN none either."""
    with pytest.raises(InvalidReference, match="top-level"):
        Reference(ARN, key=("a", "b")).value_from()
    with pytest.raises(InvalidReference, match="full ARN"):
        Reference("gli/db", key=("a",)).value_from()
