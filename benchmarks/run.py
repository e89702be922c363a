"""Measure glisecrets and its peers in the same run, and print the table: ``make bench``."""

from __future__ import annotations

import argparse
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import cold
import emergency
import encrypted_rows
import envelope
import installed
import lambda_cold
import loaded
import machine
import redaction
import tokens
from document import DOCUMENT, rewritten
from rows import Row, markdown
from surroundings import Surroundings, stub

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

BEGIN = "<!-- written by benchmarks/run.py --write-docs: begin -->"

#: In the table's order.
MEASURES: dict[str, Callable[[Surroundings], list[Row]]] = {
    "cold": cold.aws,
    "calls": cold.calls,
    "plain": cold.plain,
    "build": loaded.build,
    "reads": loaded.reads,
    "redaction": redaction.measure,
    "lambda": lambda_cold.measure,
    "emergency": emergency.measure,
    "tokens": tokens.measure,
    "envelope": envelope.measure,
    "django": encrypted_rows.measure,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run; the exit status tells nothing of goals: a busy machine is no fault of the code."""
    options = _options(arguments)
    before = os.getloadavg()[0]
    with TemporaryDirectory(prefix="glisecrets-bench-") as scratch, stub() as urls:
        home = Path(scratch, "home")
        home.mkdir()
        python = options.python or _installed(Path(scratch, "venv"))
        share = 0.2 if options.quick else 1.0
        rows = _measured(Surroundings(python, home, urls, options.rounds, share), options.only)
        load = (before, os.getloadavg()[0])
        about = machine.described(python, datetime.now(UTC).date(), load)
    table = f"{about}\n\n{markdown(rows)}"
    print(table)
    if options.json:
        found = {"about": about, "rows": [row.as_json() for row in rows]}
        options.json.write_text(json.dumps(found, indent=2, ensure_ascii=False), "utf-8")
    if options.write_docs:
        DOCUMENT.write_text(rewritten(DOCUMENT.read_text("utf-8"), BEGIN, table), "utf-8")
    return 0


def _measured(surroundings: Surroundings, only: list[str]) -> list[Row]:
    return [row for name in only or MEASURES for row in MEASURES[name](surroundings)]


def _installed(folder: Path) -> Path:
    print("Building the wheel and installing it: half a minute.", file=sys.stderr, flush=True)
    return installed.install(folder)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks/run.py", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a fifth of the rounds")
    parser.add_argument("--rounds", type=int, help="this many rounds of everything")
    parser.add_argument(
        "--only", action="append", choices=MEASURES, default=[], help="measure this; repeatable"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows there, too")
    parser.add_argument("--write-docs", action="store_true", help=f"rewrite {DOCUMENT.name}")
    parser.add_argument(
        "--python",
        type=Path,
        help="measure cold processes with this interpreter, and install nothing",
    )
    options = parser.parse_args(arguments)
    if options.write_docs and (options.quick or options.only or options.rounds):
        parser.error("--write-docs takes a whole run")
    return options


if __name__ == "__main__":
    sys.exit(main())
