"""Who asks: clients that send their next request as soon as the last is answered, and check it.

``python load.py URL CLIENTS FILE`` goes on until its standard input ends, waits for what is under
way, and writes a line for each request: when it began (``time.monotonic()``), the seconds until
its answer was read, and what was wrong with it, if anything. Nothing is sent a second time.
"""

from __future__ import annotations

import csv
import sys
import threading
from contextlib import closing
from hashlib import md5
from http.client import HTTPConnection, HTTPException
from itertools import count, islice
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Rows of the table, numbered from 0.
ROWS = 1000

#: Seconds that an answer may take.
_PATIENCE = 30
_REQUESTS_PER_CONNECTION = 50

Record = tuple[float, float, str]


def expected(number: int) -> str:
    """Give the word in a row of the table: PostgreSQL's ``md5(number::text)``."""
    return md5(str(number).encode(), usedforsecurity=False).hexdigest()


def main() -> None:
    """Ask until the standard input ends."""
    url, clients, file = sys.argv[1:]
    stop, numbers, records = threading.Event(), count(), list[Record]()
    arguments = (urlsplit(url).netloc, numbers, stop, records)
    threads = [threading.Thread(target=_ask_on, args=arguments) for _ in range(int(clients))]
    for thread in threads:
        thread.start()
    sys.stdin.read()
    stop.set()
    for thread in threads:
        thread.join()
    with Path(file).open("w", newline="", encoding="utf-8") as table:
        csv.writer(table).writerows(sorted(records))


def _ask_on(
    place: str, numbers: Iterator[int], stop: threading.Event, records: list[Record]
) -> None:
    while not stop.is_set():
        # A new connection now and then: it may come to another of the server's processes.
        with closing(HTTPConnection(place, timeout=_PATIENCE)) as connection:
            for number in islice(numbers, _REQUESTS_PER_CONNECTION):
                if stop.is_set():
                    break
                start = monotonic()
                fault = fault_of(connection, number % ROWS)
                records.append((start, monotonic() - start, fault))


def fault_of(connection: HTTPConnection, number: int) -> str:
    """Ask for a row; give what is wrong with the answer, or an empty text."""
    try:
        connection.request("GET", f"/words/{number}/")
        answer = connection.getresponse()
        body = answer.read().decode()
    except (OSError, HTTPException) as error:
        connection.close()  # the next request opens another one
        return type(error).__name__
    if answer.status != 200:
        return f"status {answer.status}"
    return "" if body == expected(number) else "wrong answer"


if __name__ == "__main__":
    main()
