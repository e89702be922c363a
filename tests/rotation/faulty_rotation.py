"""One rotation that is broken at some calls, resumed until it has ended, and judged."""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from glisecrets.errors import GlisecretsError, SecretNotFound
from glisecrets.redaction import process_redactor
from glisecrets.references import AWSCURRENT, AWSPENDING, AWSPREVIOUS, Address
from glisecrets.rotation import Engine, Step, run
from glisecrets.rotation.retiring import retire
from glisecrets.rotation.running import begin
from glisecrets.rotation.standing import unfinished
from glisecrets.rotation.subject import Clock

from .fault_injection import Crash, Faults, FaultyStore, Time, heard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from .faulty_stores import RotatedStore
    from .providers import Provider

LABELS = (AWSCURRENT, AWSPENDING, AWSPREVIOUS)


def played(
    provider: Callable[[Faults, Callable[[], datetime]], Provider],
    store: Callable[[Time], RotatedStore],
    plan: Mapping[int, str],
    begun_by_service: bool,
) -> Scenario:
    """Play a rotation in which the calls of a plan fail."""
    time, faults = Time(), Faults(plan)
    made = Scenario(store(time), provider(faults, time.now), faults, time, begun_by_service)
    made.play()
    process_redactor().clear()  # it would know the values of thousands
    return made


@dataclass
class Scenario:
    """One rotation of one secret: how it is begun, resumed, and what must hold."""

    store: RotatedStore
    provider: Provider
    faults: Faults
    time: Time
    #: Whether Secrets Manager begins it (an empty AWSPENDING version), or this process.
    begun_by_service: bool
    #: In Vault, the first part is the mount.
    secret: str = field(default_factory=lambda: f"secret/db/{secrets.token_hex(6)}")
    token: str = ""
    older: str = ""
    said: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def engine(self) -> Engine:
        rotator = self.provider.rotator()
        store = FaultyStore(self.store, self.faults)
        clock = Clock(self.time.now, self.time.pause)
        return Engine(store, clock=clock, find=lambda _: rotator)

    # The life of one scenario ---------------------------------------------------------------

    def play(self) -> None:
        """Rotate once undisturbed, once broken; resume; look at everything."""
        for name, value in self.provider.administrators().items():
            self.store.create(name, value)
        tags = {f"glisecrets:{name}": text for name, text in self.provider.tags().items()}
        self.store.create(self.secret, self.provider.first(), tags=tags)
        self.older = run(self.engine(), self.secret)
        self._sweep()
        self.time.later(days=90)
        self.faults.others = {
            "duplicate invocation": self._duplicate,
            "late older token": self._late,
            "overtaken": self._overtaken,
            "joined": self._joined,
            "left behind": self._left_behind,
        }
        self.faults.after_each = self.check_always
        with heard(self.said):
            self._broken_rotation()
            self.faults.stop()
            self.converge()
            self.check_at_end()

    def _broken_rotation(self) -> None:
        if self.begun_by_service:
            self.token = str(uuid.uuid4())
            self.store.begin_rotation(self.secret, self.token)
        self.faults.start()
        for _ in range(3):  # the service tries the whole rotation again; here so do we
            try:
                self._rotate()
            except (Crash, GlisecretsError) as error:
                self.said += [str(error), repr(error)]
                self.faults.locks = 0
                self.time.later(minutes=20)
            else:
                return

    def _rotate(self) -> None:
        engine = self.engine()
        if not self.begun_by_service:
            self.token = run(engine, self.secret)
            return
        for step in Step:
            engine.step(step, self.secret, self.token)

    def _steps(self, token: str, steps: Iterable[Step] = Step) -> None:
        """Another engine runs the steps of a token; what it is refused is its own affair."""
        for step in steps:
            self._tried(partial(self.engine().step, step, self.secret, token))

    def _tried(self, act: Callable[[], object]) -> None:
        try:
            act()
        except GlisecretsError as error:
            self.said += [str(error), repr(error)]

    def _duplicate(self) -> None:
        token = self.token or unfinished(self.store.describe(self.secret))
        if token:
            self._steps(token)

    def _late(self) -> None:
        self._steps(self.older)

    def _overtaken(self) -> None:
        """What is under way is given up for dead, and another run goes on."""
        self.time.later(minutes=20)
        if self.begun_by_service:
            pending = self.store.describe(self.secret).labelled(AWSPENDING)
            if pending is None or self.store.describe(self.secret).labelled(AWSCURRENT) == pending:
                return
            self._steps(pending)
        else:
            self._run()

    def _joined(self) -> None:
        """What is under way is given up for dead, and taken up by another run, not to its end."""
        self.time.later(minutes=20)
        if not self.begun_by_service:
            self._tried(lambda: begin(self.engine(), self.secret))
        if token := unfinished(self.store.describe(self.secret)):
            self._steps(token, (Step.CREATE, Step.SET, Step.TEST))

    def _left_behind(self) -> None:
        """It is given up for dead and ended by another run; months later comes the next one."""
        self._overtaken()
        self.check_always()
        self.time.later(days=90)
        if not self.begun_by_service:
            self._run()
        elif not unfinished(self.store.describe(self.secret)):
            token = str(uuid.uuid4())
            self.store.begin_rotation(self.secret, token)
            self._steps(token)

    def _run(self) -> None:
        self._tried(lambda: run(self.engine(), self.secret))

    def converge(self) -> None:
        """Resume what is unfinished as it was begun, then sweep after every overlap."""
        for _ in range(6):
            self.time.later(minutes=20)
            token = unfinished(self.store.describe(self.secret))
            if token is None:
                break
            if self.begun_by_service:
                self._steps(token)
            else:
                self._run()
        self._sweep()

    def _sweep(self) -> None:
        self.time.later(days=8)
        retire(self.engine().subject(self.secret))

    # What must hold -------------------------------------------------------------------------

    def check_always(self) -> None:
        """I1: whoever reads the labels finds a value that the provider accepts."""
        wanted = LABELS[:1] if self.provider.must_accept_current() else LABELS
        values = (self._value(label) for label in wanted)
        if not any(value and self.provider.accepts(value) for value in values):
            self.broken.append(f"I1 after call {self.faults.count}")

    def check_at_end(self) -> None:
        values = {label: value for label in LABELS if (value := self._value(label))}
        description = self.store.describe(self.secret)
        if not self.provider.accepts(values[AWSCURRENT]):
            self.broken.append("I2: AWSCURRENT is not accepted")
        if unfinished(description):
            self.broken.append("I2: AWSPENDING is left")
        if self.provider.strays(set(values.values())):
            self.broken.append("I3: the provider accepts what no label is on")
        if any(value in text for value in self.provider.made for text in self.said):
            self.broken.append("I4: a value was said")
        before = self._state()
        self._steps(self.token)
        self._sweep()
        if self._state() != before:
            self.broken.append("I5: a replay changed something")
        self.check_goes_on()

    def check_goes_on(self) -> None:
        """What follows is not harmed: the next rotation ends as ever."""
        self.time.later(days=90)
        following = run(self.engine(), self.secret)
        if self.store.describe(self.secret).labelled(AWSCURRENT) != following:
            self.broken.append("the next rotation does not end")

    def _value(self, label: str) -> str | None:
        try:
            return str(self.store.get(Address(self.secret, label=label)).value)
        except SecretNotFound:
            return None

    def _state(self) -> object:
        return dict(self.store.describe(self.secret).versions), self.provider.state()
