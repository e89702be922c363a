"""KMS on loopback, as strict as AWS's where moto is not: policies, states, periods, pages, delays.

Rules are from the API reference of AWS KMS. It refuses whatever deletes, disables or bypasses.
"""

# ruff: noqa: N802, N803 - operations and parameters by AWS's names
from __future__ import annotations

import json
import re
import threading
import uuid
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

ACCOUNT = "111122223333"
HOME, AWAY = "ap-northeast-2", "ap-northeast-1"
ROOT = f"arn:aws:iam::{ACCOUNT}:root"
READS = {
    "DescribeKey",
    "GetKeyPolicy",
    "GetKeyRotationStatus",
    "ListAliases",
    "ListGrants",
    "ListKeys",
    "ListResourceTags",
}
#: Items on a page: few, so that every list has several.
PAGE = 2


class Refused(Exception):
    """An error code and its message."""


@dataclass
class Stored:
    """One key in one Region."""

    key_id: str
    region: str
    policy: str
    tags: dict[str, str]
    multi_region: bool = False
    primary: bool = True
    state: str = "Enabled"
    spec: str = "SYMMETRIC_DEFAULT"
    rotation: int | None = None
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    deletion: datetime | None = None
    grants: list[dict[str, Any]] = field(default_factory=list)
    #: Requests for which KMS does not know the key yet.
    unknown_for: int = 0


@dataclass
class StrictKms:
    """An account's KMS in all Regions."""

    keys: dict[tuple[str, str], Stored] = field(default_factory=dict)
    aliases: dict[tuple[str, str], str] = field(default_factory=dict)
    roles: set[str] = field(default_factory=lambda: {"DBARole", "api-production", "deployer"})
    #: Error codes by operation, to break it.
    broken: dict[str, str] = field(default_factory=dict)
    #: Ids of keys whose own policies keep us out.
    closed: set[str] = field(default_factory=set)
    #: Requests for which new keys are not known yet.
    delay: int = 0
    wrote: list[str] = field(default_factory=list)
    url: str = ""

    def reset(self) -> None:
        """Become an account without keys."""
        vars(self).update(vars(StrictKms(url=self.url)))

    def add(self, **told: Any) -> Stored:
        """Make a key as somebody else would have."""
        policy = {"Version": "2012-10-17", "Statement": [_ROOT_STATEMENT]}
        region = told.pop("region", HOME)
        told = {"policy": json.dumps(policy), "tags": {}, **told}
        stored = Stored(str(uuid.uuid4()), region, **told)
        self.keys[region, stored.key_id] = stored
        return stored

    def named(self, alias: str, region: str = HOME) -> Stored:
        """Give the key that an alias is on."""
        return self.keys[region, self.aliases[region, alias]]

    def answer(self, action: str, region: str, told: dict[str, Any]) -> dict[str, Any]:
        """Answer one request."""
        if action in self.broken:
            raise Refused(self.broken[action], f"{action} is broken")
        if action not in READS:
            self.wrote.append(action)
        if re.match("Delete|Disable|Schedule|Cancel|Revoke|UpdateAlias|Untag", action):
            raise Refused("AccessDeniedException", f"{action} must never be asked")
        if "BypassPolicyLockoutSafetyCheck" in told:
            raise Refused("ValidationException", "the safety check must never be bypassed")
        answered: dict[str, Any] = getattr(self, f"_{action}")(region, **told)
        return answered

    def _CreateKey(
        self,
        region: str,
        Policy: str,
        Tags: list[Any],
        MultiRegion: bool = False,
        Description: str = "",
    ) -> Any:
        self._check(Policy)
        stored = self.add(policy=Policy, tags=_dict(Tags), multi_region=MultiRegion, region=region)
        stored.unknown_for = self.delay
        return {"KeyMetadata": self._metadata(stored)}

    def _ReplicateKey(self, region: str, KeyId: str, ReplicaRegion: str, **made_with: Any) -> Any:
        self._check(policy := made_with["Policy"])
        source = self._known(region, KeyId)
        if not (source.multi_region and source.primary):
            raise Refused("UnsupportedOperationException", "no primary of several Regions")
        if (ReplicaRegion, KeyId) in self.keys:
            raise Refused("AlreadyExistsException", "there is a replica")
        copy = Stored(KeyId, ReplicaRegion, policy, {}, multi_region=True, primary=False)
        copy.tags, copy.unknown_for = _dict(made_with["Tags"]), self.delay
        self.keys[ReplicaRegion, KeyId] = copy
        return {"ReplicaKeyMetadata": self._metadata(copy)}

    def _DescribeKey(self, region: str, KeyId: str) -> Any:
        return {"KeyMetadata": self._metadata(self._known(region, KeyId))}

    def _GetKeyPolicy(self, region: str, KeyId: str, PolicyName: str) -> Any:
        return {"Policy": self._known(region, KeyId).policy, "PolicyName": PolicyName}

    def _PutKeyPolicy(self, region: str, KeyId: str, Policy: str, PolicyName: str) -> Any:
        self._check(Policy)
        self._usable(region, KeyId).policy = Policy
        return {}

    def _TagResource(self, region: str, KeyId: str, Tags: list[Any]) -> Any:
        self._usable(region, KeyId).tags |= _dict(Tags)
        return {}

    def _EnableKeyRotation(self, region: str, KeyId: str, RotationPeriodInDays: int) -> Any:
        stored = self._usable(region, KeyId)
        if stored.spec != "SYMMETRIC_DEFAULT" or not stored.primary:
            raise Refused("UnsupportedOperationException", "not this key")
        if not 90 <= RotationPeriodInDays <= 2560:
            raise Refused("ValidationException", "90 to 2560 days")
        stored.rotation = RotationPeriodInDays
        return {}

    def _GetKeyRotationStatus(self, region: str, KeyId: str) -> Any:
        days = self._known(region, KeyId).rotation
        period = {"RotationPeriodInDays": days} if days else {}
        return {"KeyId": KeyId, "KeyRotationEnabled": bool(days), **period}

    def _CreateAlias(self, region: str, AliasName: str, TargetKeyId: str) -> Any:
        self._usable(region, TargetKeyId)
        if (region, AliasName) in self.aliases:
            raise Refused("AlreadyExistsException", "the alias is taken")
        self.aliases[region, AliasName] = TargetKeyId
        return {}

    def _ListAliases(self, region: str, Marker: str = "0") -> Any:
        names = [name for at, name in self.aliases if at == region]
        found = [{"AliasName": n, "TargetKeyId": self.aliases[region, n]} for n in names]
        return _page("Aliases", [{"AliasName": "alias/aws/ebs"}, *found], Marker)

    def _ListKeys(self, region: str, Marker: str = "0") -> Any:
        return _page(
            "Keys", [{"KeyId": key_id} for at, key_id in self.keys if at == region], Marker
        )

    def _ListResourceTags(self, region: str, KeyId: str, Marker: str = "0") -> Any:
        tags = self._known(region, KeyId).tags
        return _page("Tags", [{"TagKey": k, "TagValue": v} for k, v in tags.items()], Marker)

    def _ListGrants(self, region: str, KeyId: str, Marker: str = "0") -> Any:
        return _page("Grants", self._known(region, KeyId).grants, Marker)

    def _known(self, region: str, key_id: str) -> Stored:
        stored = self.keys.get((region, key_id))
        if key_id in self.closed:
            raise Refused("AccessDeniedException", "no resource-based policy allows it")
        if stored is None or stored.unknown_for:
            if stored:
                stored.unknown_for -= 1
            raise Refused("NotFoundException", f"{key_id} does not exist")
        return stored

    def _usable(self, region: str, key_id: str) -> Stored:
        stored = self._known(region, key_id)
        if stored.state == "PendingDeletion":
            raise Refused("KMSInvalidStateException", f"{key_id} is pending deletion")
        return stored

    def _check(self, policy: str) -> None:
        """Check a policy as KMS does: size, principals that exist, and nobody locked out."""
        statements = json.loads(policy)["Statement"]
        names = [n for s in statements for n in _names(s["Principal"].get("AWS", []))]
        unknown = [
            n for n in names if n not in {"*", ROOT} and n.rpartition("/")[2] not in self.roles
        ]
        administers = any(
            s["Effect"] == "Allow" and s["Action"] in ("kms:*", ["kms:*"]) for s in statements
        )
        sids = [s["Sid"] for s in statements if "Sid" in s]
        twice = len({*sids}) < len(sids)
        if len(policy) > 32768 or unknown or twice or not administers:
            raise Refused("MalformedPolicyDocumentException", f"invalid principals: {unknown}")

    def _metadata(self, stored: Stored) -> dict[str, Any]:
        copies = [k for k in self.keys.values() if k.key_id == stored.key_id and not k.primary]
        several = {"ReplicaKeys": [{"Region": each.region} for each in copies]}
        deletion = {"DeletionDate": stored.deletion.timestamp()} if stored.deletion else {}
        return {
            "KeyId": stored.key_id,
            "Arn": f"arn:aws:kms:{stored.region}:{ACCOUNT}:key/{stored.key_id}",
            "CreationDate": stored.created.timestamp(),
            "KeyState": stored.state,
            "KeySpec": stored.spec,
            "Origin": "AWS_KMS",
            "MultiRegion": stored.multi_region,
            "MultiRegionConfiguration": several,
            **deletion,
        }


_ROOT_STATEMENT = {
    "Sid": "Enable IAM User Permissions",
    "Effect": "Allow",
    "Principal": {"AWS": ROOT},
    "Action": "kms:*",
    "Resource": "*",
}
_CALLER = f"""<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<GetCallerIdentityResult><Arn>arn:aws:sts::{ACCOUNT}:assumed-role/deployer/me</Arn>
<UserId>A:me</UserId><Account>{ACCOUNT}</Account></GetCallerIdentityResult>
</GetCallerIdentityResponse>"""


def _names(told: Any) -> list[str]:
    return told if isinstance(told, list) else [told]


def _dict(tags: list[dict[str, str]]) -> dict[str, str]:
    return {tag["TagKey"]: tag["TagValue"] for tag in tags}


def _page(name: str, items: list[Any], marker: str) -> dict[str, Any]:
    start = int(marker)
    more = start + PAGE < len(items)
    following = {"NextMarker": str(start + PAGE)} if more else {}
    return {name: items[start : start + PAGE], "Truncated": more, **following}


@contextmanager
def serving() -> Iterator[StrictKms]:
    """Serve an empty account on a port of the kernel's choice."""
    kms = StrictKms()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            target = self.headers.get("X-Amz-Target")
            if target is None:
                self._reply(200, _CALLER)
                return
            region = self.headers["Authorization"].split("/")[2]
            try:
                answered = kms.answer(target.partition(".")[2], region, json.loads(body))
                self._reply(200, json.dumps(answered))
            except Refused as refused:
                code, message = refused.args
                self._reply(400, json.dumps({"__type": code, "message": message}))

        def _reply(self, status: int, body: str) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with suppress(ConnectionError):  # whoever asked may have been interrupted
                self.wfile.write(body.encode())

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        kms.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield kms
        finally:
            server.shutdown()
            thread.join()
