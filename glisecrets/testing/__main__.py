"""Serve a local store in Secrets Manager's protocol: ``python -m glisecrets.testing``.

The first line of output is the URL, for ``AWS_ENDPOINT_URL``. SIGTERM or SIGINT ends it.
"""

from __future__ import annotations

import argparse
import signal
import sys

from ..stores.local import LocalStore
from .secrets_manager import SecretsManagerServer


def main(arguments: list[str] | None = None) -> int:
    """Serve until a signal comes; give the exit status."""
    options = _parser().parse_args(arguments)
    store = LocalStore.from_options(options.folder, {})
    server = SecretsManagerServer(
        store,
        port=options.port,
        region=options.region,
        account=options.account,
        latency=options.latency_ms / 1000,
    )
    # Blocked before the first thread starts, so that every thread leaves the signals to sigwait.
    signals = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    with server:
        sys.stdout.write(f"{server.url}\n")
        sys.stdout.flush()
        signal.sigwait(signals)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m glisecrets.testing", description=__doc__)
    parser.add_argument("--folder", default="", help="the store's folder; default .secrets")
    parser.add_argument("--port", type=int, default=0, help="default: one that is free")
    parser.add_argument("--region", default="ap-northeast-2")
    parser.add_argument("--account", default="123456789012")
    parser.add_argument("--latency-ms", type=float, default=0.0, help="time before each answer")
    return parser


if __name__ == "__main__":
    sys.exit(main())
