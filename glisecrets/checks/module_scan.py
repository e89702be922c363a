"""The variables that one module reads, found in its syntax tree.

Known are ``os.environ`` and ``os.getenv``, django-environ, environs and python-decouple. A name
that is not written out as a string is passed over.
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, NamedTuple

from .uses import Use

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_GETTERS = frozenset({"os.getenv", "os.environ.get"})
_CONFIG_CLASSES = frozenset({"decouple.Config", "decouple.AutoConfig"})
_ENV_CLASSES = frozenset({"environ.Env", "environ.FileAwareEnv", "environs.Env"})

#: A ``cast=``, a scheme's type, a converter around a call, or a method of ``Env`` -> type.
_TYPES = {
    "str": "str", "bool": "bool", "int": "int", "float": "float", "decimal": "float",
    "list": "list[str]", "tuple": "list[str]", "decouple.Csv": "list[str]", "split": "list[str]",
    "dict": "dict[str, str]", "json": "JsonValue", "json.loads": "JsonValue",
    "path": "Path", "Path": "Path", "pathlib.Path": "Path", "url": "str",
    "strtobool": "bool", "distutils.util.strtobool": "bool",
}  # fmt: skip

#: Methods of ``Env`` for URLs with credentials -> the variable that is read if none is named.
_URL_METHODS = {
    **dict.fromkeys(("db", "db_url", "dj_db_url"), "DATABASE_URL"),
    **dict.fromkeys(("cache", "cache_url", "dj_cache_url"), "CACHE_URL"),
    **dict.fromkeys(("email", "email_url", "dj_email_url"), "EMAIL_URL"),
    **dict.fromkeys(("channels", "channels_url"), "CHANNELS_URL"),
    "search_url": "SEARCH_URL",
}

#: What a text is compared with when it is meant as a bool.
_TRUTHS = frozenset({"1", "true", "yes", "on", "y", "t", "0", "false", "no", "off"})
_SAME_TEXT = frozenset({"lower", "upper", "strip", "casefold"})


class _Scheme(NamedTuple):
    """What ``Env(NAME=(type, default))`` says of a variable."""

    type: str | None
    default: ast.expr | None
    line: int


class ModuleScan:
    """One module's imports, ``Env`` objects and schemes; :meth:`uses` reads it with them."""

    def __init__(self, tree: ast.Module, file: str) -> None:
        self._file = file
        self._nodes = list(ast.walk(tree))
        self._parents = {
            child: node for node in self._nodes for child in ast.iter_child_nodes(node)
        }
        self._names = dict(_imports(self._nodes))
        self._configs = {"decouple.config", *self._made_by(_CONFIG_CLASSES)}
        # A project often makes its ``env`` in one module and imports it in the others.
        imported = self._names.get("env", "environs.env")
        self._envs = {imported, *self._made_by(_ENV_CLASSES)}
        self._schemes = dict(self._declared())

    def uses(self) -> Iterator[Use]:
        """Give every use that the module shows, scheme entries first."""
        for name, scheme in self._schemes.items():
            given = scheme.default
            yield self._use(name, scheme.type, given, scheme.line, required=given is None)
        for node in self._nodes:
            if isinstance(node, ast.Subscript):
                yield from self._subscript(node)
            elif isinstance(node, ast.Call):
                yield from self._call(node)

    def _subscript(self, node: ast.Subscript) -> Iterator[Use]:
        name = _text(node.slice)
        if name and isinstance(node.ctx, ast.Load) and self._full_name(node.value) == "os.environ":
            yield self._use(name, self._converter(node), None, node.lineno, required=True)

    def _call(self, node: ast.Call) -> Iterator[Use]:
        function = self._full_name(node.func)
        owner, _, method = function.rpartition(".")
        if function in _GETTERS:
            yield from self._getter(node)
        elif function in self._configs:
            yield from self._typed(node, self._cast(node, position=2), default=1)
        elif function in self._envs:
            yield from self._env_call(node)
        elif owner in self._envs:
            yield from self._env_method(node, method)

    def _getter(self, node: ast.Call) -> Iterator[Use]:
        if name := _text(_argument(node, 0)):
            default = _argument(node, 1, "default")
            yield self._use(name, self._converter(node), default, node.lineno, required=False)

    def _env_call(self, node: ast.Call) -> Iterator[Use]:
        # django-environ's second argument is a type, environs' is a default.
        cast = self._cast(node, position=1)
        yield from self._typed(node, cast, default=2 if cast else 1)

    def _env_method(self, node: ast.Call, method: str) -> Iterator[Use]:
        if method in _TYPES:
            yield from self._typed(node, _TYPES[method], default=1)
        elif method in _URL_METHODS:
            name = _text(_argument(node, 0, "var")) or _URL_METHODS[method]
            default = _argument(node, 1, "default")
            yield self._use(name, "str", default, node.lineno, required=default is None)

    def _typed(self, node: ast.Call, type_name: str | None, *, default: int) -> Iterator[Use]:
        if name := _text(_argument(node, 0)):
            name = self._prefix(node) + name
            scheme = self._schemes.get(name)
            given = _argument(node, default, "default") or (scheme and scheme.default)
            known = type_name or (scheme and scheme.type) or self._converter(node)
            yield self._use(name, known, given, node.lineno, required=given is None)

    def _use(
        self,
        name: str,
        type_name: str | None,
        default: ast.expr | None,
        line: int,
        *,
        required: bool,
    ) -> Use:
        return Use.read(
            name,
            annotation=type_name,
            default=_literal(default),
            required=required,
            file=self._file,
            line=line,
        )

    def _full_name(self, node: ast.AST) -> str:
        """Give an expression's dotted name with its imports resolved; empty for others."""
        if isinstance(node, ast.Name):
            return self._names.get(node.id, node.id)
        if isinstance(node, ast.Attribute) and (owner := self._full_name(node.value)):
            return f"{owner}.{node.attr}"
        return ""

    def _made_by(self, classes: frozenset[str]) -> Iterator[str]:
        for node in self._nodes:
            if isinstance(node, ast.Assign | ast.AnnAssign) and self._makes(node.value, classes):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                yield from (target.id for target in targets if isinstance(target, ast.Name))

    def _makes(self, node: ast.AST | None, classes: frozenset[str]) -> bool:
        return isinstance(node, ast.Call) and self._full_name(node.func) in classes

    def _declared(self) -> Iterator[tuple[str, _Scheme]]:
        for node in self._nodes:
            if isinstance(node, ast.Call) and self._makes(node, _ENV_CLASSES):
                for name, value in _scheme_entries(node):
                    yield name, self._scheme(value)

    def _scheme(self, value: ast.expr) -> _Scheme:
        if isinstance(value, ast.Tuple) and len(value.elts) > 1:
            return _Scheme(self._type_named(value.elts[0]), value.elts[1], value.lineno)
        return _Scheme(self._type_named(value), None, value.lineno)

    def _cast(self, node: ast.Call, *, position: int) -> str | None:
        cast = _argument(node, position, "cast")
        return self._type_named(cast) if cast else None

    def _type_named(self, node: ast.expr) -> str | None:
        """Give the type that ``int``, ``Csv()`` or ``[str]`` stands for."""
        if isinstance(node, ast.List):
            return "list[str]"
        maker = node.func if isinstance(node, ast.Call) else node
        return _TYPES.get(self._full_name(maker))

    def _converter(self, node: ast.expr) -> str | None:
        """Tell the type from what the code does with the text: ``int(…)``, ``… == "true"``."""
        around = self._parents.get(node)
        if isinstance(around, ast.Call) and node in around.args:
            return _TYPES.get(self._full_name(around.func))
        if isinstance(around, ast.Compare):
            return "bool" if any(_is_truth(it) for it in around.comparators) else None
        if isinstance(around, ast.Attribute) and around.attr in _SAME_TEXT:
            call = self._parents.get(around)
            return self._converter(call) if isinstance(call, ast.Call) else None
        return "list[str]" if isinstance(around, ast.Attribute) and around.attr == "split" else None

    def _prefix(self, node: ast.AST) -> str:
        """Give what ``with env.prefixed("…")`` puts before a name."""
        prefix = ""
        around = self._parents.get(node)
        while around is not None:
            if isinstance(around, ast.With):
                prefix = "".join(_prefixed(item.context_expr) for item in around.items) + prefix
            around = self._parents.get(around)
        return prefix


def _imports(nodes: Iterable[ast.AST]) -> Iterator[tuple[str, str]]:
    """Give each imported name and its full dotted name."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from ((it.asname, it.name) for it in node.names if it.asname)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield from ((it.asname or it.name, f"{module}.{it.name}") for it in node.names)


def _argument(node: ast.Call, position: int, *keywords: str) -> ast.expr | None:
    if position < len(node.args):
        return node.args[position]
    return next((it.value for it in node.keywords if it.arg in keywords), None)


def _text(node: ast.AST | None) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value if _NAME.fullmatch(node.value) else ""
    return ""


def _scheme_entries(node: ast.Call) -> Iterator[tuple[str, ast.expr]]:
    # environs' own options (eager=True) are constants; a scheme is a type or a tuple.
    for it in node.keywords:
        if it.arg is not None and not isinstance(it.value, ast.Constant):
            yield it.arg, it.value


def _is_truth(node: ast.expr) -> bool:
    items = node.elts if isinstance(node, ast.Tuple | ast.List | ast.Set) else [node]
    return bool(items) and all(_word(item) in _TRUTHS for item in items)


def _word(node: ast.expr) -> str:
    return str(node.value).lower() if isinstance(node, ast.Constant) else ""


def _prefixed(node: ast.expr) -> str:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return _text(_argument(node, 0, "prefix")) if node.func.attr == "prefixed" else ""
    return ""


def _literal(node: ast.expr | None) -> object:
    """Give the value of a literal; ``None`` for anything that the code works out."""
    try:
        return None if node is None else ast.literal_eval(node)
    except (ValueError, TypeError, MemoryError):
        return None
