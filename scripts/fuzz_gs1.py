"""Damage messages of ``gs1`` in every way, and count those that are accepted: none may be.

    python scripts/fuzz_gs1.py --messages 1000000

Anything else than a refusal, a crash too, ends the run with status 1 and names its seed.
"""

from __future__ import annotations

import argparse
import io
import random
import sys
from collections import Counter
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

from glisecrets.keys.envelope import FieldCipher, FieldContext, InvalidMessage
from glisecrets.keys.envelope.gs1 import HEADER_BYTES
from glisecrets.keys.envelope.streams import decrypt_stream, encrypt_stream

if TYPE_CHECKING:
    from collections.abc import Callable

#: One in so many is a file.
FILES = 20
_BODY = HEADER_BYTES + 24


class Sample(NamedTuple):
    """Two good messages of one field, and one of another field."""

    message: bytes
    sibling: bytes
    foreign: bytes


Damage = "Callable[[random.Random, Sample], bytes]"


def flip_bits(rng: random.Random, sample: Sample) -> bytes:
    """Flip one to eight bits anywhere."""
    changed = bytearray(sample.message)
    for _ in range(rng.randint(1, 8)):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def overwrite(rng: random.Random, sample: Sample) -> bytes:
    """Write random bytes over a stretch behind the header, where the key id does not help."""
    at = rng.randrange(HEADER_BYTES, len(sample.message))
    junk = rng.randbytes(rng.randint(1, 24))
    return (sample.message[:at] + junk + sample.message[at + len(junk) :])[: len(sample.message)]


def cut(rng: random.Random, sample: Sample) -> bytes:
    """Leave out a stretch, at the end or elsewhere."""
    start, end = sorted(rng.sample(range(len(sample.message) + 1), 2))
    return sample.message[:start] + sample.message[end:]


def grow(rng: random.Random, sample: Sample) -> bytes:
    """Put random bytes in somewhere."""
    at = rng.randrange(len(sample.message) + 1)
    return sample.message[:at] + rng.randbytes(rng.randint(1, 40)) + sample.message[at:]


def splice(rng: random.Random, sample: Sample) -> bytes:
    """Join two good messages of one field at the same or another place."""
    at, further = rng.randrange(HEADER_BYTES + 1, len(sample.message)), rng.randint(-4, 4)
    return sample.message[:at] + sample.sibling[max(0, at + further) :]


def exchange(rng: random.Random, sample: Sample) -> bytes:
    """Give a message another one's nonce, ciphertext or tag."""
    one, two = _parts(sample.message), _parts(sample.sibling)
    number = rng.randrange(3)
    one[number] = two[number]
    return sample.message[:HEADER_BYTES] + b"".join(one)


def move(_: random.Random, sample: Sample) -> bytes:
    """Present another field's message under this field's header."""
    return sample.message[:HEADER_BYTES] + sample.foreign[HEADER_BYTES:]


def invent(rng: random.Random, sample: Sample) -> bytes:
    """Make everything up, with or without a good header."""
    start = sample.message[: rng.choice((0, 2, HEADER_BYTES))]
    return start + rng.randbytes(rng.randint(0, 200))


DAMAGES = (flip_bits, overwrite, cut, grow, splice, exchange, move, invent)


class Fuzzer:
    """Two fields under one data key, and what became of the damaged messages."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        data_key = self.rng.randbytes(32)
        fields = ("user.email", "user.name")
        self.cipher, self.other = (
            FieldCipher(data_key, FieldContext("confidential", "production", field))
            for field in fields
        )
        self.refused: Counter[str] = Counter()
        self.same = 0

    def message(self) -> None:
        """Damage one value's message."""
        row = self.rng.choice((None, "7"))
        plain, other = (self.rng.randbytes(self.rng.choice((0, 1, 16, 64, 300))) for _ in range(2))
        encrypt = self.cipher.encrypt
        foreign = self.other.encrypt(plain, row)
        sample = Sample(encrypt(plain, row), encrypt(other, row), foreign)
        self._try(sample, partial(self.cipher.decrypt, row=row))

    def file(self) -> None:
        """Damage one file; half of them have two chunks."""
        length = self.rng.choice((0, 100, 65_536, 65_600))
        written = []
        for cipher in (self.cipher, self.cipher, self.other):
            target = io.BytesIO()
            encrypt_stream(cipher, io.BytesIO(bytes(length)), target)
            written.append(target.getvalue())
        self._try(Sample(*written), self._decrypt_file)

    def _decrypt_file(self, damaged: bytes) -> None:
        decrypt_stream(lambda _: self.cipher, io.BytesIO(damaged), io.BytesIO())

    def _try(self, sample: Sample, decrypt: Callable[[bytes], object]) -> None:
        damage = self.rng.choice(DAMAGES)
        damaged = damage(self.rng, sample)
        if damaged in sample[:2]:  # the damage undid itself
            self.same += 1
            return
        try:
            decrypt(damaged)
        except InvalidMessage:
            self.refused[damage.__name__] += 1
        else:
            raise SystemExit(f"ACCEPTED after {damage.__name__}: {damaged[:80].hex()}")


def _parts(message: bytes) -> list[bytes]:
    return [message[HEADER_BYTES:_BODY], message[_BODY:-16], message[-16:]]


def main() -> int:
    """Run until so many damaged messages were refused."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    fuzzer, started = Fuzzer(options.seed), perf_counter()
    while (done := fuzzer.refused.total()) < options.messages:
        fuzzer.file() if done % FILES == 0 else fuzzer.message()
    print(f"{done:,} damaged messages in {perf_counter() - started:.0f} s: none accepted")
    print(", ".join(f"{name} {count:,}" for name, count in sorted(fuzzer.refused.items())))
    print(f"left out, for they were as before: {fuzzer.same:,}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
