"""An IAM user's access key: a second one is minted, and the first goes after the overlap.

The value is a JSON object with the two halves under one of the usual pairs of names, which stay
as they are, like every other key of it. Give each secret an IAM user of its own: a user has at
most two keys, inactive ones too, and a key that no version holds, was never used and is older
than five minutes is taken for what a crash left behind.

Retiring deletes a key that nobody has used for a day. One that is still in use stays active, and
the refusal says which service and region saw it last; the next sweep asks again. In an emergency
it goes all the same.

Source: the IAM API reference, and "Update access keys" in the IAM user guide.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from glisecrets.documents import UnreadableValue, parse_object

from ..errors import NotRotatable, ProviderRefused, RotationBusy
from ..providers.aws import AwsRefused, ask_aws, aws_client
from ..rotator import Rotator, Verdict
from .iam_user import IamUser
from .minting import ids_held, settled

if TYPE_CHECKING:
    from botocore.client import BaseClient

    from glisecrets.stores.base import SecretValue

    from ..rotator import Rotation
    from .iam_user import AccessKey

#: The names of a key's two halves, as environment variables, configuration files and the API say.
_SPELLINGS = (
    ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
    ("aws_access_key_id", "aws_secret_access_key"),
    ("AccessKeyId", "SecretAccessKey"),
    ("access_key_id", "secret_access_key"),
)
_QUOTA = 2
#: How long nobody may have used a key that is deleted.
_QUIET = timedelta(days=1)
#: What STS says of a key that is unknown, inactive or not yet known; and of a wrong half.
_REJECTIONS = {"InvalidClientTokenId", "SignatureDoesNotMatch"}


class IamAccessKey(Rotator):
    """Mints access keys of an IAM user: the option ``user``, or whoever the current key is of."""

    overlap = timedelta(days=1)
    minted = True
    options = frozenset({"user"})

    def reap(self, rotation: Rotation) -> None:
        """Delete keys that no version holds and nobody has used since they were minted."""
        user, held, now = _user(rotation), ids_held(rotation, _id), rotation.now()
        for key in user.keys():  # noqa: SIM118 - not those of a dict
            if key.id not in held and not key.last_use and not key.may_be_on_its_way(now):
                user.delete(key.id)

    def propose(self, rotation: Rotation) -> SecretValue:
        """Mint the user's second key."""
        user = _user(rotation)
        keys = user.keys()
        if len(keys) >= _QUOTA:
            raise _full(rotation, user, keys)
        return _Pair.of(rotation, rotation.current).replaced(user.mint())

    def probe(self, rotation: Rotation, value: SecretValue) -> Verdict:
        """Ask STS whose key it is, which every key may; a new one for up to a minute."""
        sts = aws_client("sts", _Pair.of(rotation, value).key)
        return settled(rotation, value, lambda: _verdict(sts))

    def retire(self, rotation: Rotation, old: SecretValue) -> None:
        """Deactivate the key and delete it, unless it is in use; a value without one is fine."""
        key_id = _id(rotation, old)
        if key_id is None or key_id == _id(rotation, rotation.current):
            return
        user = _user(rotation)
        _check_quiet(rotation, user, key_id)
        user.switch(key_id, "Inactive")
        try:
            # Once more: it may have been used since the first look, and from now on it is not.
            _check_quiet(rotation, user, key_id)
        except ProviderRefused:
            user.switch(key_id, "Active")
            raise
        user.delete(key_id)


class _Pair(NamedTuple):
    """A value that holds an access key."""

    document: dict[str, Any]
    #: What the two halves are called in it.
    names: tuple[str, str]

    @classmethod
    def of(cls, rotation: Rotation, value: SecretValue) -> _Pair:
        try:
            document = parse_object(value)
        except UnreadableValue as error:
            document, fault = {}, error.message
        else:
            fault = "holds no access key"
        for names in _SPELLINGS:
            if all(isinstance(document.get(name), str) for name in names):
                return cls(document, names)
        raise rotation.unusable(
            fault,
            f"store a JSON object with {' and '.join(_SPELLINGS[0])}",
        )

    @property
    def id(self) -> str:
        return str(self.document[self.names[0]])

    @property
    def key(self) -> tuple[str, str]:
        return self.id, str(self.document[self.names[1]])

    def replaced(self, minted: dict[str, Any]) -> str:
        halves = (minted["AccessKeyId"], minted["SecretAccessKey"])
        return json.dumps({**self.document, **dict(zip(self.names, halves, strict=True))})


def _user(rotation: Rotation) -> IamUser:
    return IamUser.of(rotation, _Pair.of(rotation, rotation.current).id)


def _id(rotation: Rotation, value: SecretValue | None) -> str | None:
    """Give the id of the key in a value; ``None`` for one that was written by hand without any."""
    try:
        return _Pair.of(rotation, value or "").id
    except NotRotatable:
        return None


def _full(
    rotation: Rotation, user: IamUser, keys: list[AccessKey]
) -> ProviderRefused | RotationBusy:
    """Say why a user with two keys gets no third: a crash's leftover passes, others do not."""
    now, held = rotation.now(), ids_held(rotation, _id)
    told = f"{rotation.secret}: IAM user {user.name} has two keys, which is all that AWS allows: "
    told += ", ".join(key.told(now) for key in keys)
    if any(key.id not in held and key.may_be_on_its_way(now) for key in keys):
        return RotationBusy(
            told,
            next_step="try again in five minutes: what no version holds by then is deleted",
        )
    unknown = [key.id for key in keys if key.id not in held]
    next_step = f"glisecrets rotate retire {rotation.secret}"
    if unknown:
        key = f"--user-name {user.name} --access-key-id {unknown[0]}"
        next_step = f"no version holds {', '.join(unknown)}: aws iam delete-access-key {key}"
    return ProviderRefused(told, next_step=next_step)


def _check_quiet(rotation: Rotation, user: IamUser, key_id: str) -> None:
    use = user.last_use(key_id)
    if rotation.urgent or use is None or rotation.now() - use.when >= _QUIET:
        return
    raise ProviderRefused(
        f"{rotation.secret}: the old key {key_id} of IAM user {user.name} is still in use and stays"
        f" active: {use}",
        next_step="have that user read the new key; it is deleted once unused for a day."
        f" In an emergency: glisecrets rotate retire {rotation.secret} --now",
    )


def _verdict(sts: BaseClient) -> Verdict:
    try:
        ask_aws(sts, "GetCallerIdentity")
    except AwsRefused as error:
        if error.code not in _REJECTIONS:
            raise
        return Verdict.REJECTED
    return Verdict.ACCEPTED
