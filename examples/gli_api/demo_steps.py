"""The steps of the demo. Each tells what it shows, shows it, and checks that it is so."""

from __future__ import annotations

import html
import json
import os
import re
from typing import TYPE_CHECKING

from config.env import ApiSettings
from demo_encryption import show_row
from demo_keys import rotate_jwt_keys
from demo_rotation import rotate_under_load
from demo_service import HTTPS, get, served
from demo_staging import BrokenPromise, promise

from glisecrets import SettingsError, secret
from glisecrets.django_integration import DatabaseCredentials  # noqa: TC001 - pydantic reads it

if TYPE_CHECKING:
    from collections.abc import Callable

    from demo_staging import Staging

__all__ = ["STEPS"]

_LAYERS = ("defaults", "template", "dotenv", "github", "store")
_MASK = "[redacted"
_VARIABLE = re.compile(r'<td>(\w+)</td>\s*<td class="code"><pre>(.*?)</pre>', re.DOTALL)


def show_table(staging: Staging) -> None:
    staging.screen.paragraph(
        "A job in GitHub Actions deploys the sample project to staging. Its settings come from "
        "five layers, each stronger than the one before: defaults in the code, .env.example, "
        ".env.staging, GitHub's variables, the store (Secrets Manager). Secrets are masked."
    )
    staging.show_command("show")
    fields = staging.document("show")["fields"]
    won = [field["origin"]["layer"] for field in fields]
    counts = ", ".join(f"{layer} {won.count(layer)}" for layer in _LAYERS)
    staging.screen.paragraph(f"Fields won by each layer: {counts}.")
    promise("every layer gives a value", kept=set(won) == set(_LAYERS))


def explain_field(staging: Staging) -> None:
    staging.screen.paragraph(
        "Three layers hold database credentials, and two of these are out of date. The store's "
        "win; the others are named by their file, line and variable."
    )
    staging.show_command("explain", "database")
    layers = {view["layer"]: view for view in staging.document("explain", "database")["layers"]}
    states = [layers[name]["state"] for name in ("store", "github", "dotenv")]
    promise("the store hides the others", kept=states == ["wins", "shadowed", "shadowed"])
    promise("file and line are named", kept=layers["dotenv"]["place"] == ".env.staging:6")
    promise("the variable is named", kept=layers["github"]["place"] == "variable DATABASE_STG")


def serve_request(staging: Staging) -> None:
    staging.screen.paragraph(
        "The API runs in a process of its own: DEBUG off, HTTPS asked for. The load balancer asks "
        "for its health, and passes on one request:"
    )
    with served(staging) as url:
        health, _ = get(f"{url}/health/")
        status, body = get(f"{url}/api/services/", HTTPS)
    staging.screen.quote(f"GET /health/       -> {health}\nGET /api/services/ -> {status}\n{body}")
    promise("both are answered", kept=(health, status) == (200, 200))
    answer = json.loads(body)
    promise("it read the table", kept=answer["services"] == ["api", "frontend", "websocket"])
    promise("as the secret's user", kept=answer["user"] == "glidbadmin")


class HastySettings(ApiSettings):
    """Settings with a line that was copied from production."""

    database: DatabaseCredentials | None = secret("gli/db/production", None)


def refuse_production(staging: Staging) -> None:
    staging.screen.paragraph(
        'Somebody writes secret("gli/db/production") and deploys that to staging. The secret '
        "exists, and the job has the right to read it:"
    )
    before = len(staging.store.calls)
    error = _refused(HastySettings, staging)
    staging.screen.quote(str(error))
    asked = {name for call in staging.store.calls[before:] for name in call.secrets}
    staging.screen.paragraph(f"The store was asked for: {', '.join(sorted(asked))}.")
    kinds = [fault.kind for fault in error.faults]
    promise("the guard refuses, and all else is fine", kept=kinds == ["wrong-environment"])
    promise("production's secret was not asked for", kept="gli/db/production" not in asked)


def _refused(
    settings: type[ApiSettings], staging: Staging, environ: dict[str, str] | None = None
) -> SettingsError:
    try:
        settings.load(directory=staging.folder, environ=environ)
    except SettingsError as error:
        return error
    raise BrokenPromise("the settings are refused")


def report_error(staging: Staging) -> None:
    staging.screen.paragraph(
        "A function fails with the database password in a local variable and in the error's "
        "text. From the log:"
    )
    done = staging.run("demo_error.py")
    record, reports = json.loads(done.stderr), json.loads(done.stdout)
    last_line = record["exception"].splitlines()[-1]
    staging.screen.quote(f"{record['level']} {record['logger']}: {record['message']}\n{last_line}")
    staging.screen.paragraph("From Django's error report, as it is mailed to the admins:")
    staging.screen.quote(_masked_variables(reports["report"]))
    shown, masks = reports["shown"], reports["report"].count(_MASK)
    staging.screen.paragraph(
        f"By itself, Django's report would show the password {shown['by_django']} times. This one "
        f"shows it {shown['by_us']} times, and has {masks} masks."
    )
    found = staging.screen.values.found_in(done.stdout + done.stderr)
    promise("the log line is masked", kept=_MASK in last_line)
    promise("every place in the report is masked", kept=0 < shown["by_django"] <= masks)
    promise("no value is in log or report", kept=not found)


def _masked_variables(page: str) -> str:
    found = [(name, html.unescape(shown)) for name, shown in _VARIABLE.findall(page)]
    return "\n".join(f"{name} = {shown}" for name, shown in found if _MASK in shown)


def tell_faults(staging: Staging) -> None:
    staging.screen.paragraph(
        "Another job, whose variables are wrong and whose store is switched off. One start tells "
        "all of it, and no value:"
    )
    wrong = {"PORT": "eighty", "DEBUG": "True", "ALLOWED_HOSTS": "*", "GLISECRETS_STORE": "off"}
    error = _refused(ApiSettings, staging, {**os.environ, **wrong})
    told = [
        f"{fault.field}: {fault.message}\n    next: {fault.next_step}" for fault in error.faults
    ]
    staging.screen.quote("\n".join(told))
    fields = sorted(fault.field for fault in error.faults)
    expected = ["allowed_hosts", "debug", "port", "secret_key"]
    promise("all four faults are told", kept=fields == expected)


def search_for_values(staging: Staging) -> None:
    text, values = "\n".join(staging.screen.seen), staging.screen.values
    found = values.found_in(text)
    staging.screen.paragraph(
        f"Searched {len(text):,} characters (all that was printed here, and all that the programs "
        f"wrote) for the {len(values)} secret values of this run: {len(found)} found."
    )
    promise(f"no value is shown: {', '.join(found)}", kept=not found)


#: The steps by their titles, in order.
STEPS: dict[str, Callable[[Staging], None]] = {
    "Every setting, and the layer that gave it": show_table,
    "Why this value, and which ones it hides": explain_field,
    "A request, answered from PostgreSQL with the secret's password": serve_request,
    "The guard: staging cannot read production": refuse_production,
    "An error with the password in it": report_error,
    "All faults at once": tell_faults,
    "An encrypted field, as it is stored and as it is read": show_row,
    "The JWKS, before and after its keyring is rotated": rotate_jwt_keys,
    "Three new database passwords, and nobody notices": rotate_under_load,
    "No secret was shown": search_for_values,
}
