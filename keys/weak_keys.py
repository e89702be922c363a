"""RSA keys that are long enough and still no good: what can be seen from the public half."""

from __future__ import annotations

from functools import cache
from math import isqrt
from typing import TYPE_CHECKING, Final

from .errors import InvalidKey

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import rsa

#: What RFC 7518, section 3.3 asks for at least, in bits.
_MIN_BITS: Final = 2048
#: The public exponent of every key that is made, and the smallest that is accepted (FIPS 186-5,
#: section A.1.1).
EXPONENT: Final = 65537
#: Steps of Fermat's method: enough for primes that begin alike; others take 2⁵⁰⁰ of them.
_FERMAT_STEPS = 20
#: Chips of Infineon (CVE-2017-15361, "ROCA") made primes that are powers of 65537 modulo each.
_ROCA_PRIMES = (11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157)


def checked(key: rsa.RSAPublicKey) -> rsa.RSAPublicKey:
    """Give the key back.

    Raises:
        InvalidKey: it is short, its exponent is small, or its modulus can be factored.
    """
    numbers = key.public_numbers()
    if key.key_size < _MIN_BITS:
        raise InvalidKey(f"an RSA key of {key.key_size} bits: at least {_MIN_BITS} are asked for")
    if numbers.e < EXPONENT:
        raise InvalidKey(f"an RSA key with exponent {numbers.e}: at least {EXPONENT} is asked for")
    fault = _fault_of(numbers.n)
    if fault:
        raise InvalidKey(f"an RSA key that anyone can break: {fault}", next_step="make a new key")
    return key


def _fault_of(modulus: int) -> str | None:
    if any(modulus % prime == 0 for prime in _small_primes()):
        return "its modulus has a small factor"
    if _has_close_factors(modulus):
        return "its two primes are close to each other"
    if all(modulus % prime in powers for prime, powers in _roca_powers()):
        return "it was made by a chip with CVE-2017-15361 (ROCA)"
    return None


def _has_close_factors(modulus: int) -> bool:
    """Try Fermat's method: n = a² - b², a from its root upwards (CVE-2022-26320)."""
    start = isqrt(modulus) + 1
    rests = (a * a - modulus for a in range(start, start + _FERMAT_STEPS))
    return any(isqrt(rest) ** 2 == rest for rest in rests)


@cache
def _small_primes() -> tuple[int, ...]:
    return tuple(
        number for number in range(2, 1000) if all(number % d for d in range(2, isqrt(number) + 1))
    )


@cache
def _roca_powers() -> tuple[tuple[int, frozenset[int]], ...]:
    return tuple(
        (prime, frozenset(pow(EXPONENT, power, prime) for power in range(prime)))
        for prime in _ROCA_PRIMES
    )
