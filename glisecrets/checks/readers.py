r"""How other tools read one statement of a ``.env`` file, with no other variable set.

Each reader follows its tool's own source; ``tests/core/test_checks_readers.py`` holds them to
the tools themselves or to what these were seen to do.

================  ========================================================================
tool              source
================  ========================================================================
python-dotenv     the library itself (1.2), with ``interpolate=True``
django-environ    ``Env.read_env`` and ``Env.get_value`` (0.14), default options
docker compose    compose-go ``dotenv/parser.go`` and ``template/template.go`` (compose 2.40)
dotenvx           ``@dotenvx/primitives`` (dotenvx 2.38); node dotenv 18 shares its pattern
================  ========================================================================
"""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING

from dotenv.variables import parse_variables

from ..statements import BOM

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..statements import Statement


class Oddity(Enum):
    """What a tool does with a statement instead of reading a value from it."""

    LOSES = "loses the variable"
    REFUSES = "refuses the whole file"
    RUNS = "runs the command"
    LOOKS_UP = "reads another variable instead"
    INHERITS = "takes it from its own environment"


#: The value that a tool reads, or what it does instead.
Reading = str | Oddity


def read_interpolating(statement: Statement) -> Reading:
    """Read as python-dotenv with ``interpolate=True``, its default."""
    if statement.value is None:
        return Oddity.LOSES
    return "".join(atom.resolve({}) for atom in parse_variables(statement.value))


_DJANGO_LINE = re.compile(r"\A(?:export )?([A-Za-z_0-9]+)=(.*)\Z")
_DJANGO_SINGLE = re.compile(r"\A'(.*)'\Z")
_DJANGO_DOUBLE = re.compile(r'\A"(.*)"\Z')


def read_django_environ(statement: Statement) -> Reading:
    """Read as django-environ: line by line, and a leading ``$`` names another variable."""
    line = _DJANGO_LINE.match(statement.text.splitlines()[0])
    if line is None or line[1] != statement.name:
        return Oddity.LOSES
    value = line[2]
    if single := _DJANGO_SINGLE.match(value):
        value = single[1]
    if double := _DJANGO_DOUBLE.match(value):
        value = re.sub(r"\\([^rnt])", r"\1", double[1])
    return Oddity.LOOKS_UP if value.startswith("$") else value


# Go's isSpace, which is no line break, then the characters that a name may have.
_COMPOSE_NAME = re.compile(r"(?:export\s+)?((?:[\w.\[\]-]|[^\S\n])*)([=:\n]|\Z)[^\S\n]*")
_COMPOSE_QUOTED = re.compile(r"(['\"])((?:\\.|(?!\1)[^\\])*)\1", re.DOTALL)
_COMPOSE_ESCAPE = re.compile(r'\\([abfnrtv$"\\])')
# "$$" is compose's own way to write a dollar that starts no variable.
_COMPOSE_ESCAPES = dict(zip('abfnrtv"\\$', [*'\a\b\f\n\r\t\v"\\', "$$"], strict=True))
_COMPOSE_VARIABLE = re.compile(
    r"\$(?:(?P<dollar>\$)|[_a-z]\w*"
    r"|\{[_a-z]\w*(?::?(?:-(?P<default>[^}]*)|\+[^}]*))?\}|(?P<refused>\{))",
    re.IGNORECASE | re.ASCII,
)


def read_compose(statement: Statement) -> Reading:
    """Read as docker compose reads ``.env`` and ``env_file`` (unless its ``format`` is raw)."""
    text = statement.text.removeprefix(BOM).lstrip()
    name = _COMPOSE_NAME.match(text)
    if name is None or " " in name[1].rstrip():
        return Oddity.REFUSES
    if name[2] in {"", "\n"}:
        return Oddity.INHERITS
    if name[1].rstrip() != statement.name:
        return Oddity.LOSES
    return _compose_value(text[name.end() :])


def _compose_value(text: str) -> Reading:
    if not text.startswith(("'", '"')):
        return _compose_expand(text.partition("\n")[0].partition(" #")[0].rstrip())
    quoted = _COMPOSE_QUOTED.match(text)
    if quoted is None:
        return Oddity.REFUSES
    if quoted[1] == "'":
        return quoted[2].replace("\\'", "'")
    return _compose_expand(_COMPOSE_ESCAPE.sub(lambda m: _COMPOSE_ESCAPES[m[1]], quoted[2]))


def _compose_expand(value: str) -> Reading:
    if any(match["refused"] for match in _COMPOSE_VARIABLE.finditer(value)):
        return Oddity.REFUSES
    return _COMPOSE_VARIABLE.sub(lambda m: m["dollar"] or m["default"] or "", value)


_DOTENVX_LINE = re.compile(
    r"""^\s*(?:export\s+)?([\w.-]+)(?:\s*=\s*?|:\s+?)"""
    r"""(\s*'(?:\\'|[^'])*'|\s*"(?:\\"|[^"])*"|\s*`(?:\\`|[^`])*`|[^#\r\n]+)?\s*(?:\#.*)?$""",
    re.MULTILINE | re.ASCII,
)
_DOTENVX_QUOTES = re.compile(r"^(['\"`])([\s\S]*)\1$", re.MULTILINE)
_DOTENVX_VARIABLE = re.compile(
    r"(?<!\\)\$(?:\{[^{}]+?(?::?-(?P<default>[^{}]*)|:?\+[^{}]*)?\}|[A-Za-z_]\w*)", re.ASCII
)


def read_dotenvx(statement: Statement) -> Reading:
    """Read as dotenvx, which expands variables and runs what stands in ``$(…)``."""
    line = _DOTENVX_LINE.search(statement.text.removeprefix(BOM))
    if line is None or line[1] != statement.name:
        return Oddity.LOSES
    written = (line[2] or "").strip()
    value = _DOTENVX_QUOTES.sub(r"\2", written)
    if written.startswith("'"):
        return value.replace("\\'", "'")
    if written.startswith('"'):
        value = value.replace(r"\n", "\n").replace(r"\r", "\r").replace(r"\t", "\t")
    return Oddity.RUNS if re.search(r"\$\(.*\)", value, re.DOTALL) else _dotenvx_expand(value)


def _dotenvx_expand(value: str) -> str:
    # One at a time from the left, because a default may hold a variable. Each makes it shorter.
    while found := _DOTENVX_VARIABLE.search(value):
        value = value[: found.start()] + (found["default"] or "") + value[found.end() :]
    return value.replace(r"\$", "$")


INTERPOLATION = "python-dotenv with interpolation"
DJANGO_ENVIRON = "django-environ"
COMPOSE = "docker compose"
DOTENVX = "dotenvx"

#: Each tool's reader, by the name that messages use.
READERS: Mapping[str, Callable[[Statement], Reading]] = {
    INTERPOLATION: read_interpolating,
    DJANGO_ENVIRON: read_django_environ,
    COMPOSE: read_compose,
    DOTENVX: read_dotenvx,
}
