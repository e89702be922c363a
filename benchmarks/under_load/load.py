"""Who asks: clients that send their next request as soon as the last is answered, and check it.

``python load.py URL CLIENTS FILE`` goes on until its standard input ends, waits for what is under
way, and writes a line for each request: when it began (``time.monotonic()``), the seconds until
its answer was read, and what was wrong with it, if anything. Nothing is sent a second time.
"""

from __future__ import annotations

import csv
import sys
import threading
from hashlib import md5
from http.client import HTTPConnection, HTTPException
from itertools import count
from pathlib import Path
from time import monotonic
from urllib.parse import urlsplit

#: Rows of the table, numbered from 0.
ROWS = 1000

#: Seconds that an answer may take.
_PATIENCE = 30

Record = tuple[float, float, str]


def expected(number: int) -> str:
    """Give the word in a row of the table: PostgreSQL's ``md5(number::text)``."""
    return md5(str(number).encode(), usedforsecurity=False).hexdigest()


def main() -> None:
    """Ask until the standard input ends."""
    url, clients, file = sys.argv[1:]
    stop, records = threading.Event(), list[Record]()
    numbers = count()
    arguments = (HTTPConnection, urlsplit(url).netloc, numbers, stop, records)
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
    connect: type[HTTPConnection],
    place: str,
    numbers: count[int],
    stop: threading.Event,
    records: list[Record],
) -> None:
    connection = connect(place, timeout=_PATIENCE)
    while not stop.is_set():
        start = monotonic()
        fault = _fault(connection, next(numbers) % ROWS)
        records.append((start, monotonic() - start, fault))
    connection.close()


def _fault(connection: HTTPConnection, number: int) -> str:
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
