"""A value of our own making: a webhook's secret, a token between two services, a symmetric key.

Nobody need be told of it but those who read the secret. Whether they accept it is asked only if
an option says how: ``probe-url`` gets it as a Bearer token, ``probe-command`` on standard input
(exit status 0: accepted, 1: rejected). With neither, every value counts as accepted.

There is no overlap: a consumer that needs one keeps the value before, ``AWSPREVIOUS``, itself.
"""

from __future__ import annotations

import base64
import math
import os
import secrets
import shlex
import string
import subprocess
from typing import TYPE_CHECKING

from ..errors import Unreachable
from ..providers.http import provider_for
from ..rotator import Rotator, Verdict
from .one_string import KEY, string_in, with_string

if TYPE_CHECKING:
    from collections.abc import Callable

    from glisecrets.stores.base import SecretValue

    from ..rotator import Rotation

#: Must be ``on`` for ``probe-command``: whoever may tag a secret could else run programs here.
COMMANDS_VARIABLE = "GLISECRETS_PROBE_COMMANDS"

#: By name: what one unit of length is chosen from.
ALPHABETS = {
    "url-safe": string.ascii_letters + string.digits + "-_",
    "letters-digits": string.ascii_letters + string.digits,
    "hex": "0123456789abcdef",
}
#: By name: how random bytes are written, for libraries that ask for a key of so many bytes.
ENCODINGS: dict[str, Callable[[bytes], bytes]] = {
    "base64": base64.b64encode,
    "base64-url": base64.urlsafe_b64encode,  # a key of Fernet
}
#: Bits of randomness: what a value has where ``length`` is not named, and must have at least.
USUAL_BITS, FEWEST_BITS = 256, 128
_LONGEST = 4096
#: Seconds that a probe command may take.
_COMMAND_TIMEOUT = 30
_ACCEPTING, _REJECTING = range(200, 300), {401, 403}


class Generated(Rotator):
    """Makes random text of ``length`` letters of an ``alphabet``, for the place ``key``.

    Who accepts it is asked by ``probe-url`` or ``probe-command``.
    """

    options = frozenset({KEY, "alphabet", "length", "probe-url", "probe-command"})

    def propose(self, rotation: Rotation) -> SecretValue:
        """Make a random value of 256 bits, or as long as the options say."""
        return with_string(rotation, _random(rotation))

    def probe(self, rotation: Rotation, value: SecretValue) -> Verdict:
        """Ask whom the options name; with none named, accept."""
        text = string_in(rotation, value)
        if "probe-url" in rotation.options:
            return _ask_url(rotation, text)
        if "probe-command" in rotation.options:
            return _ask_command(rotation, text)
        return Verdict.ACCEPTED


def _random(rotation: Rotation) -> str:
    name = rotation.options.get("alphabet", "url-safe")
    if name in ENCODINGS:
        return ENCODINGS[name](secrets.token_bytes(_length(rotation, 8))).decode()
    if name in ALPHABETS:
        alphabet = ALPHABETS[name]
        length = _length(rotation, math.log2(len(alphabet)))
        return "".join(secrets.choice(alphabet) for _ in range(length))
    names = ", ".join([*ALPHABETS, *ENCODINGS])
    raise rotation.unusable(f"there is no alphabet {name!r}", f"choose one of: {names}")


def _length(rotation: Rotation, bits: float) -> int:
    """Give the length in units of so many bits: letters of an alphabet, or bytes."""
    text = rotation.options.get("length", str(math.ceil(USUAL_BITS / bits)))
    fewest = math.ceil(FEWEST_BITS / bits)
    if text.isdecimal() and fewest <= int(text) <= _LONGEST:
        return int(text)
    raise rotation.unusable(
        f"the length {text!r} will not do",
        f"with this alphabet, choose from {fewest} (128 bits) to {_LONGEST}",
    )


def _ask_url(rotation: Rotation, text: str) -> Verdict:
    provider = provider_for(rotation, "the probe URL", text, option="probe-url")
    status = provider.ask("GET").status
    if status in _ACCEPTING:
        return Verdict.ACCEPTED
    if status in _REJECTING:
        return Verdict.REJECTED
    raise _unclear(rotation, f"the probe URL answers {status}")


def _ask_command(rotation: Rotation, text: str) -> Verdict:
    if os.environ.get(COMMANDS_VARIABLE) != "on":
        raise rotation.unusable(
            "a tag names a command to run, and no commands are allowed here",
            f"set {COMMANDS_VARIABLE}=on where the rotation runs, or use probe-url",
        )
    status = _exit_status(rotation.options["probe-command"], text)
    if status in {0, 1}:
        return Verdict.REJECTED if status else Verdict.ACCEPTED
    told = status if isinstance(status, str) else f"exits with {status}"
    raise _unclear(rotation, f"the probe command {told}")


def _exit_status(command: str, text: str) -> int | str:
    """Run a command with a text on its standard input: arguments and variables can be seen."""
    try:
        return subprocess.run(
            shlex.split(command),
            input=text.encode(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_COMMAND_TIMEOUT,
            check=False,
        ).returncode
    except subprocess.TimeoutExpired:
        return f"takes longer than {_COMMAND_TIMEOUT} s"
    except (OSError, ValueError) as error:
        return f"cannot be run ({type(error).__name__})"


def _unclear(rotation: Rotation, fault: str) -> Unreachable:
    return Unreachable(
        f"{rotation.secret}: {fault}",
        next_step="mend it: a URL answers 2xx, 401 or 403; a command exits with 0 or 1",
    )
