"""The step of the encrypted field: one row, as it is stored and as it is read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from demo_staging import promise

if TYPE_CHECKING:
    from demo_staging import Staging

__all__ = ["show_row"]

#: Where a message's key id is, in PostgreSQL's hexadecimal form: behind \x, version and suite.
_KEY_ID = slice(6, 70)


def show_row(staging: Staging) -> None:
    staging.screen.paragraph(
        "A customer's phone number is an EncryptedTextField. Its data key is made when the table "
        "is, and is itself encrypted, in AWS by a KMS key, here by a local one."
    )
    told = json.loads(staging.run("demo_row.py").stdout)
    stored, key = told["stored"], told["data_key"]
    staging.screen.quote(
        f"As Django reads it: {told['read']}\n"
        f"As PostgreSQL stores it ({len(stored) // 2 - 1} bytes): {stored}\n"
        f"The data key that it names, of {key['of']}: {key['id']}"
    )
    staging.screen.paragraph("Somebody changes one bit of the stored row, and Django reads it:")
    staging.screen.quote(told["altered"])
    promise("it is read as it was written", kept=told["read"] == told["written"])
    digits = told["written"].encode().hex()
    promise("it is not stored as it was written", kept=digits not in stored)
    promise("the row names its data key", kept=stored[_KEY_ID] == key["id"])
    promise("an altered row is refused", kept=told["altered"].startswith("InvalidMessage: "))
