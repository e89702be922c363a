"""The picture: requests per second, those that failed, and the labels' moves, client by client."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from .trial import Trial

#: Seconds that a bar stands for.
_BIN = 0.5
#: Seconds from which on a window is called stuck.
_STUCK = 5.0
_ANSWERED, _FAILED, _WINDOW, _MOVE = "#7a9cc6", "#d1352b", "#f4dfb0", "#3b3b3b"
_TITLES = {
    "glisecrets": "glisecrets",
    "refresh once": "refresh AWSCURRENT once, as AWS's drivers do",
    "static": "the password of the start, as Django does",
}


def draw(trials: Sequence[Trial], file: Path) -> None:
    """Draw a panel for each trial, the times as long as the shortest; 1600 pixels wide."""
    with mpl.rc_context({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False}):
        figure = Figure(figsize=(8, 1.9 * len(trials) + 0.7), dpi=200, layout="constrained")
        panels = figure.subplots(len(trials), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
        for panel, trial in zip(panels, trials, strict=True):
            _draw_trial(panel, trial)
        panels[0].set_xlim(0, min(map(_length, trials)))
        panels[-1].set_xlabel("seconds")
        handles, labels = panels[0].get_legend_handles_labels()
        style = {"ncols": len(labels), "frameon": False, "fontsize": 8.5}
        figure.legend(handles, labels, loc="outside upper center", **style)
        figure.savefig(file)


def _draw_trial(panel: Any, trial: Trial) -> None:
    start = trial.records[0][0]
    label = "password changed, AWSCURRENT not moved yet"
    for opened, closed in trial.windows:
        panel.axvspan(opened - start, closed - start, color=_WINDOW, lw=0, label=label)
        label = "_"
    good, bad = (_rates(trial, failed=failed) for failed in (False, True))
    bins = range(max(*good, *bad, 0) + 1)
    style = {"width": _BIN, "align": "edge"}
    times = [number * _BIN for number in bins]
    answered = [good[number] for number in bins]
    panel.bar(times, answered, color=_ANSWERED, label="answered / s", **style)
    failed = [bad[number] for number in bins]
    panel.bar(times, failed, bottom=answered, color=_FAILED, label="failed / s", **style)
    label = "AWSCURRENT moves"
    for at in trial.moves:
        panel.axvline(at - start, color=_MOVE, lw=0.9, ls="--", label=label)
        label = "_"
    panel.margins(y=0.12)  # room for words
    _draw_words(panel, trial, start)


def _draw_words(panel: Any, trial: Trial, start: float) -> None:
    shown = start + _length(trial)
    requests = [fault for at, _, fault in trial.records if at < shown]
    failed = sum(map(bool, requests))
    panel.set_title(
        f"{_TITLES[trial.case.client]}: {failed:,} of {len(requests):,} requests failed",
        loc="left",
        fontsize=9.5,
        fontweight="bold",
    )
    for opened, closed in trial.windows:
        killed = any(
            opened <= event.at <= closed for event in trial.events if event.what == "killed"
        )
        if killed or closed - opened > _STUCK:
            words = " rotation killed" if killed else " rotation stuck"
            place = {"xy": (opened - start, 0.97), "xycoords": ("data", "axes fraction")}
            panel.annotate(words, va="top", fontsize=8, **place)


def _length(trial: Trial) -> float:
    """Give the seconds until the first rotation after the killed one has ended."""
    start = trial.records[0][0]
    killed = next((event.at for event in trial.events if event.what == "killed"), start)
    later = [at for at in trial.moves if at > killed]
    return later[min(1, len(later) - 1)] + 1 - start


def _rates(trial: Trial, *, failed: bool) -> Counter[int]:
    """Count the requests that ended in each bin, as a number per second."""
    start = trial.records[0][0]
    ended = (at + took - start for at, took, fault in trial.records if bool(fault) == failed)
    counts = Counter(int(end / _BIN) for end in ended)
    return Counter({number: round(count / _BIN) for number, count in counts.items()})
