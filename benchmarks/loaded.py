"""Within one process: building 40 settings from a ready environment, and reading them."""

from __future__ import annotations

from timeit import Timer
from typing import TYPE_CHECKING

from rows import Row, compared
from turns import interleaved, repeated

if TYPE_CHECKING:
    from surroundings import Surroundings
    from turns import Turn

_READS_PER_TURN = 100_000


def build(surroundings: Surroundings) -> list[Row]:
    """Build the same 40 fields with pydantic-settings and with us."""
    from programs import declared_glisecrets_open, declared_glisecrets_plain
    from programs import declared_pydantic_settings as peer
    from programs import declared_pydantic_settings_open as open_peer

    with surroundings.as_own(secret=False):
        turns = {
            "ours": repeated(declared_glisecrets_plain.ServiceSettings, 0.02),
            "BaseSettings()": repeated(peer.ServiceSettings, 0.02),
            "ours, open": repeated(declared_glisecrets_open.ServiceSettings, 0.02),
            "BaseSettings(), open": repeated(open_peer.ServiceSettings, 0.02),
        }
        times = interleaved("40-field build", turns, surroundings.rounds_of(61))
    name = "40-field build from a ready environment"
    other = "BaseSettings(), open"
    return [
        compared(
            f"{name}, none typed as secret",
            times,
            other,
            "ms",
            ours="ours, open",
            called="BaseSettings()",
            goal=0.30,
        ),
        compared(name, times, "BaseSettings()", "ms", goal=0.30),
    ]


def reads(surroundings: Surroundings) -> list[Row]:
    """Read one value of settings that are loaded, and one that is live within its TTL."""
    from programs.declared_glisecrets import ServiceSettings
    from programs.declared_pydantic_settings import ServiceSettings as PeerSettings

    with surroundings.as_own(secret=True):
        settings = ServiceSettings()
    with surroundings.as_own(secret=False):
        peer = PeerSettings()
    names = {"settings": settings, "peer": peer, "values": dict(vars(peer))}
    turns = {
        "attribute": _read("settings.page_size", names),
        "live": _read("settings.live('database_password')", names),
        "pydantic-settings attribute": _read("peer.page_size", names),
        "dict": _read("values['page_size']", names),
    }
    times = interleaved("reads", turns, surroundings.rounds_of(61))
    pydantic = "pydantic-settings attribute"
    return [
        compared("attribute read", times, "dict", "ns", ours="attribute", goal=1.7),
        compared("live read within its TTL", times, "dict", "ns", ours="live", goal=6),
        compared("attribute read", times, pydantic, "ns", ours="attribute"),
    ]


def _read(statement: str, names: dict[str, object]) -> Turn:
    """Make a turn of many reads; what the loop around them costs is in every contender's time."""
    timer = Timer(f"for _ in range({_READS_PER_TURN}): {statement}", globals=names)
    return lambda: timer.timeit(1) / _READS_PER_TURN
