"""Write a ``.env.example`` and a settings class for the variables that a project reads.

Both are starting points for a person to edit: sorted, stable from run to run, and without any
secret. The settings module is as ``ruff format`` leaves it with its default options, names over
60 characters apart.
"""

from __future__ import annotations

import keyword
import re
from itertools import groupby
from typing import TYPE_CHECKING

from ..environment import environments_named_in

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from .uses import Default, Use

#: ruff format's default line length, and the line break.
_WIDTH = 88 + 1
#: Text that all tools read alike without quotes: see :mod:`glisecrets.checks.readers`.
_PLAIN = re.compile(r"[\w./:@%+,=-]*(?: [\w./:@%+,=-]+)*", re.ASCII)
#: First words that say too little to name a secret by.
_VAGUE = frozenset({"api", "secret", "private", "access", "auth", "password", "token", "my", "app"})


def render_template(uses: Iterable[Use]) -> str:
    """Write the ``.env.example``: each variable with its default, or a placeholder.

    Variables are grouped by their first word. A default that some tool would read differently
    becomes a placeholder; the settings class still holds it.
    """
    head = "# Every variable that this project reads. Goes into git: no secret in here.\n"
    return head + "".join(
        f"\n# {title}\n" + "".join(_template_line(use) for use in group)
        for title, group in _groups(uses)
    )


def render_settings(
    uses: Iterable[Use],
    *,
    project: str,
    django: bool = True,
    inherited: Collection[str] = (),
    class_name: str = "ProjectSettings",
) -> str:
    """Write a module with the settings class.

    Args:
        uses: the variables, one use each: see :func:`glisecrets.checks.merge_uses`.
        project: first part of the secrets' names: ``gli`` in ``gli/db/{environment}``.
        django: whether the class extends ``DjangoSettings``, else ``Settings``.
        inherited: names of fields that the base class has; they are left out.
        class_name: the name of the class.
    """
    # Fields know no case: two spellings of a variable are one field.
    by_field = {use.name.lower(): use for use in uses}
    declared = [use for name, use in by_field.items() if name not in inherited]
    base = "DjangoSettings" if django else "Settings"
    body = "".join(
        f"\n    # {title}\n" + "".join(_field(use, project) for use in group)
        for title, group in _groups(declared)
    )
    head = _imports(declared, base)
    summary = '    """What this project reads from its environment and its store."""\n'
    return f"{head}\n\nclass {class_name}({base}):\n{summary}{body}"


def _groups(uses: Iterable[Use]) -> Iterator[tuple[str, list[Use]]]:
    """Group by first word where two or more share it; the others come first, as general."""
    ordered = sorted(uses, key=lambda use: use.name)
    groups = [(word, list(group)) for word, group in groupby(ordered, key=_first_word)]
    general = [group[0] for _, group in groups if len(group) == 1]
    if general:
        yield "General", general
    yield from ((word, group) for word, group in groups if len(group) > 1)


def _first_word(use: Use) -> str:
    return use.name.upper().lstrip("_").partition("_")[0]


def _template_line(use: Use) -> str:
    kind = "secret" if use.secret else _annotation(use)
    need = "required" if use.required else "optional"
    return f"# {kind}, {need}; read in {use.file}:{use.line}\n{use.name}={_example(use)}\n"


def _example(use: Use) -> str:
    text = _as_text(use.default)
    if use.default is not None and _PLAIN.fullmatch(text):
        return text
    needs_value = use.secret or use.required or use.default is not None
    return f"<{use.name.lower().replace('_', '-')}>" if needs_value else ""


def _as_text(default: Default) -> str:
    return ",".join(default) if isinstance(default, list) else str(default)


def _imports(uses: Iterable[Use], base: str) -> str:
    secret = any(use.secret for use in uses)
    known = {
        "from pathlib import": {"Path"},
        "from glisecrets import": {"Settings", "secret"},
        "from glisecrets.django_integration import": {"DjangoSettings"},
        "from pydantic import": {"JsonValue", "SecretStr"},
    }
    used = {base, *(_annotation(use) for use in uses), *(["secret", "SecretStr"] * secret)}
    lines = [
        f"{head} {', '.join(sorted(names & used))}\n"
        for head, names in known.items()
        if names & used
    ]
    gap = ["\n"] if "Path" in used and len(lines) > 1 else []
    docstring = '"""The settings of this project, declared once. Yours to edit."""\n\n'
    return docstring + "".join([*lines[: len(gap)], *gap, *lines[len(gap) :]])


def _annotation(use: Use) -> str:
    return use.annotation or "str"


def _field(use: Use, project: str) -> str:
    name = use.name.lower()
    if keyword.iskeyword(name) or not name[0].isalpha():
        return f"    # {use.name} is no name for a field: declare it with an alias\n"
    if use.secret:
        return _secret_field(name, use, project)
    annotation = _annotation(use)
    if use.required:
        return f"    {name}: {annotation}\n"
    opening, items, closing = _source(use.default, annotation)
    optional = " | None" if items == ["None"] else ""
    return _assignment(f"{name}: {annotation}{optional}", opening, items, closing)


def _secret_field(name: str, use: Use, project: str) -> str:
    annotation = "SecretStr" if use.required else "SecretStr | None"
    arguments = [f'"{_reference(name, project)}"', *(["default=None"] * (not use.required))]
    return _assignment(f"{name}: {annotation}", "secret(", arguments, ")")


def _reference(name: str, project: str) -> str:
    """Give a secret's address: one secret per first word, so that related keys rotate together."""
    group, _, key = name.partition("_")
    if not key or group in _VAGUE or environments_named_in(group):
        group, key = "app", name
    root = re.sub(r"[^a-z0-9]+", "-", project.lower()).strip("-") or "project"
    return f"{root}/{group}/{{environment}}#{key}"


def _source(default: Default, annotation: str) -> tuple[str, list[str], str]:
    """Write a default as Python: its items, and what stands before and after them."""
    if default is None:
        empty = {"list[str]": "[]", "dict[str, str]": "{}"}
        return "", [empty.get(annotation, "None")], ""
    if isinstance(default, list):
        return "[", [*map(_quoted, default)], "]"
    text = _quoted(default) if isinstance(default, str) else repr(default).replace("e+", "e")
    return ("Path(", [text], ")") if annotation == "Path" else ("", [text], "")


def _quoted(text: str) -> str:
    written = repr(text)
    return written if '"' in written else f'"{written[1:-1]}"'


def _assignment(head: str, opening: str, items: list[str], closing: str) -> str:
    """Write an assignment in one line or, where that is too long, with a line for each item."""
    line = f"    {head} = {opening}{', '.join(items)}{closing}\n"
    if len(line) <= _WIDTH:
        return line
    if opening:
        # ruff format keeps these lines, for there is a comma behind the last item.
        inner = "".join(f"        {item},\n" for item in items)
        return f"    {head} = {opening}\n{inner}    {closing}\n"
    inner = f"        {items[0]}\n"
    return f"    {head} = (\n{inner}    )\n" if len(inner) <= _WIDTH else line
