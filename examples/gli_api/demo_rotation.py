"""The step that rotates: three new database passwords, while clients ask without a pause."""

from __future__ import annotations

import json
import threading
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from demo_service import HTTPS, get, served, service_log
from demo_staging import promise

from glisecrets import Address

if TYPE_CHECKING:
    from collections.abc import Iterator

    from demo_staging import Staging

__all__ = ["rotate_under_load"]

_ROTATIONS, _CLIENTS = 3, 4
_SECRET = "gli/db/staging"  # noqa: S105 - a name


def rotate_under_load(staging: Staging) -> None:
    staging.screen.paragraph(
        f"{_CLIENTS} clients ask the API without a pause, and each request logs in to PostgreSQL. "
        f"Meanwhile the database password is rotated {_ROTATIONS} times. Before:"
    )
    staging.show_command("explain", "database")
    versions = [_version(staging)]
    with served(staging, "demo_login_settings") as url, _asked(url) as answers:
        for _ in range(_ROTATIONS):
            staging.show_command("rotate", "run", _SECRET)
            versions.append(_version(staging))
    requests, failed = answers.total(), answers.total() - answers["right"]
    staging.screen.block(f"requests {requests:,}, failed {failed}")
    switches = _switches(staging)
    staging.screen.paragraph(
        f"The API's processes were refused and found the new password {len(switches)} times, in "
        f"{max((each['ms'] for each in switches), default=0)} ms at the most. After:"
    )
    staging.show_command("explain", "database")
    wrong = ", ".join(answers.keys() - {"right"})
    promise(f"no request fails: {wrong}", kept=requests > 0 and failed == 0)
    promise("each rotation made a version", kept=len(set(versions)) == _ROTATIONS + 1)
    promise("the API noticed each one", kept=len(switches) >= _ROTATIONS)


def _version(staging: Staging) -> str:
    """Give the current version's id; its password is searched for like all others."""
    version = staging.store.store.get(Address(_SECRET))
    password = json.loads(version.value)["password"]
    staging.screen.values.know(f"database password of version {version.version_id}", password)
    staging.screen.values.write_for_tests()
    return version.version_id


@contextmanager
def _asked(url: str) -> Iterator[Counter[str]]:
    """Have clients ask until the block ends, and count their answers: ``right``, or what else."""
    stop, answers = threading.Event(), Counter[str]()
    right = get(f"{url}/api/services/", HTTPS)
    clients = [
        threading.Thread(target=_ask_on, args=(f"{url}/api/services/", right, stop, answers))
        for _ in range(_CLIENTS)
    ]
    for client in clients:
        client.start()
    try:
        yield answers
    finally:
        stop.set()
        for client in clients:
            client.join()


def _ask_on(url: str, right: tuple[int, str], stop: threading.Event, answers: Counter[str]) -> None:
    while not stop.is_set():
        try:
            answer = get(url, HTTPS)
        except OSError as error:
            found = type(error).__name__
        else:
            found = "right" if answer == right else f"status {answer[0]}"
        answers[found] += 1


def _switches(staging: Staging) -> list[dict[str, Any]]:
    """Give what the API's log has on found credentials."""
    found = "db.credentials.switched"
    return [each for each in service_log(staging) if each["message"].startswith(found)]
