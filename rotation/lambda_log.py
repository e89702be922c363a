"""What a Lambda reports: one line of JSON for each step, which CloudWatch reads as metrics too.

The line is in CloudWatch's embedded metric format, so that no call is made for the metrics. Written
here in a few lines, for aws-lambda-powertools costs a cold start more than all of this floor; see
docs/rotation-lambda.md.

Source: "Specification: Embedded metric format", Amazon CloudWatch user guide.
"""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING

from glisecrets.references import short

if TYPE_CHECKING:
    from glisecrets.errors import GlisecretsError

NAMESPACE = "glisecrets"


class StepLine:
    """One step's line; a class, for it takes the time from its making to its writing.

    Args:
        step: the step's name, or ``retire``.
        secret: the secret's name or ARN.
        token: the rotation's token, of which the beginning is shown.
        request_id: Lambda's id of the invocation.
    """

    def __init__(self, step: str, secret: str, token: str = "", *, request_id: str = "") -> None:
        self._started = time.monotonic()
        self._facts = {
            "step": step,
            "secret": secret,
            "version": short(token),
            "request_id": request_id,
        }

    def done(self, result: str) -> None:
        """Write that the step has worked."""
        _write(self._line(failed=False) | {"level": "INFO", "result": result})

    def failed(self, error: GlisecretsError) -> None:
        """Write why the step has failed; any value that is known is masked."""
        from glisecrets.redaction.process import process_redactor

        told = {"level": "ERROR", "result": type(error).__name__, "error": error.message}
        told["next_step"] = error.next_step
        _write(self._line(failed=True) | process_redactor().redact_object(told))

    def _line(self, *, failed: bool) -> dict[str, object]:
        metrics = [
            {"Name": "Duration", "Unit": "Milliseconds"},
            {"Name": "Failed", "Unit": "Count"},
        ]
        directive = {"Namespace": NAMESPACE, "Dimensions": [["step"]], "Metrics": metrics}
        taken = round((time.monotonic() - self._started) * 1000, 1)
        return {
            **self._facts,
            "Duration": taken,
            "Failed": int(failed),
            "_aws": {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [directive]},
        }


def _write(line: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
