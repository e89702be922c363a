"""``glisecrets rotate repair``: find the version that is accepted, and label it current."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer  # noqa: TC002 - typer reads the annotation

from glisecrets.cli import Invocation
from glisecrets.cli.addressed import NameArgument, StoreOption  # noqa: TC001 - typer reads the annotation
from glisecrets.cli.confirming import YesOption, confirm
from glisecrets.cli.output import written
from glisecrets.references import short

from ..operations.repair import Diagnosis, Remedy, diagnose, mend
from ..standing import AFTER
from .rotating import explain, rotating

if TYPE_CHECKING:
    from ..operations.repair import Probed

#: Nothing is done about these.
_HARMLESS = {Remedy.NONE, Remedy.GO_ON}
_STYLES = {"accepted": "green", "rejected": "red"}


def repair(
    ctx: typer.Context, name: NameArgument, yes: YesOption = False, store: StoreOption = None
) -> None:
    """Probe every version of a secret, show the verdicts, and mend the labels after a yes.

    For the case that a database accepts none of the versions that carry a label.
    """
    invocation = Invocation.of(ctx)
    with rotating(invocation, store) as at:
        [secret] = at.named([name])
        with invocation.output.progress("probing"):
            diagnosis = diagnose(at.engine, secret)
        if not invocation.output.as_json:
            _print(invocation, diagnosis)
        if diagnosis.remedy not in _HARMLESS:
            confirm(f"{secret}: {_advice(diagnosis)}?", yes=yes)
            mend(at.engine, diagnosis)
    mended = diagnosis.remedy not in _HARMLESS
    if invocation.output.as_json:
        invocation.output.json({"secret": secret, "mended": mended, **_document(diagnosis)})
    elif mended:
        invocation.output.line(f"{secret}: mended")


def _print(invocation: Invocation, diagnosis: Diagnosis) -> None:
    invocation.output.table(
        ["version", "labels", "created", "verdict"], map(_cells, diagnosis.probed)
    )
    for each in diagnosis.probed:
        if each.error is not None:
            explain(invocation, each.error)
    invocation.output.line()
    invocation.output.line(_advice(diagnosis))


def _cells(probed: Probed) -> list[str | tuple[str, str]]:
    version = probed.version
    return [
        short(version.version_id),
        ", ".join(sorted({_shown(label) for label in version.labels})),
        written(version.created) or "",
        (probed.verdict, _STYLES.get(probed.verdict, "yellow")),
    ]


def _shown(label: str) -> str:
    return "proposed" if label.startswith(AFTER) else label


def _advice(diagnosis: Diagnosis) -> str:
    which = f" ({short(diagnosis.version_id)})" if diagnosis.version_id else ""
    return f"{diagnosis.remedy}{which}"


def _document(diagnosis: Diagnosis) -> dict[str, Any]:
    return {
        "remedy": diagnosis.remedy.name.lower().replace("_", "-"),
        "version_id": diagnosis.version_id,
        "versions": [
            {
                "version_id": each.version.version_id,
                "labels": sorted(each.version.labels),
                "created": written(each.version.created),
                "verdict": each.verdict,
            }
            for each in diagnosis.probed
        ],
    }
