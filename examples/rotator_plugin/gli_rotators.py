"""``password-file``: a password that an old program reads from a file on this machine.

Option ``path``: the file. The program may read it at any moment, so it is replaced as a whole.
"""

import os
import secrets
from pathlib import Path

from glisecrets.rotation import NotRotatable, Rotation, Rotator, Unreachable, Verdict


class PasswordFile(Rotator):
    options = frozenset({"path"})

    def propose(self, rotation: Rotation) -> str:
        _path(rotation)  # a missing option is told before anything is stored
        return secrets.token_urlsafe(32)

    def apply(self, rotation: Rotation) -> None:
        path = _path(rotation)
        new = path.with_name(f"{path.name}.{rotation.token}")
        new.touch(0o600)
        new.write_text(str(rotation.pending))
        os.replace(new, path)  # noqa: PTH105 - says that it is atomic

    def probe(self, rotation: Rotation, value: str | bytes) -> Verdict:
        try:
            found = _path(rotation).read_text()
        except OSError as error:
            raise Unreachable(f"{_path(rotation)} cannot be read") from error
        return Verdict.ACCEPTED if found == value else Verdict.REJECTED


def _path(rotation: Rotation) -> Path:
    if "path" not in rotation.options:
        raise NotRotatable(f"{rotation.secret} has no tag glisecrets:path")
    return Path(rotation.options["path"])
