"""``Env``: a drop-in ``environ.Env`` that reads through the layers.

An existing ``settings.py`` changes one import::

    from glisecrets.django_integration import Env

    env = Env(DEBUG=(bool, False))
    SECRET_KEY = env("SECRET_KEY")
    DATABASES = {"default": env.db()}

Which names live in a store is said by ``Env(references={"SECRET_KEY": "gli/django/…"})`` or in
``pyproject.toml``, under ``[tool.glisecrets.references]``.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from copy import copy
from functools import wraps
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlparse

import environ  # type: ignore[import-untyped]
from django.core.exceptions import ImproperlyConfigured

from glisecrets.errors import GlisecretsError
from glisecrets.folders import search_folders
from glisecrets.lookup import Lookup
from glisecrets.options import LoadOptions
from glisecrets.placeholders import BUILD_MARK
from glisecrets.pyproject import table_in

from .databases import entry_of_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from glisecrets.loading import LoadContext
    from glisecrets.origins import Origin

__all__ = ["Env", "EnvError"]

#: The methods that read a variable; what they raise could show its value.
_READERS = (
    *("__call__", "get_value", "str", "bytes", "bool", "int", "float", "json", "list", "tuple"),
    *("dict", "url", "path", "db", "db_url", "cache", "cache_url", "email", "email_url"),
    *("search_url", "channels", "channels_url"),
)

#: What the build phase gives in place of each kind of URL. Nothing can connect to it.
_BUILD_URLS = {
    "db_url_config": f"postgres://{BUILD_MARK}:{BUILD_MARK}@{BUILD_MARK}.invalid/{BUILD_MARK}",
    "cache_url_config": f"redis://{BUILD_MARK}.invalid",
    "email_url_config": f"smtp://{BUILD_MARK}.invalid:25",
    "search_url_config": f"elasticsearch://{BUILD_MARK}.invalid/{BUILD_MARK}",
    "channels_url_config": "inmemory://",
}


class EnvError(ImproperlyConfigured):
    """A variable is missing or does not read as what was asked for. Never shows a value."""


class _LayeredEnviron(Mapping[str, str]):
    """The variables of all layers, as ``environ.Env`` takes them."""

    def __init__(self, lookup: Lookup, *, escaped: bool = False) -> None:
        self._lookup = lookup
        self._escaped = escaped

    def escaped(self) -> _LayeredEnviron:
        """Give the same variables, each ``$`` escaped as ``escape_proxy`` undoes it."""
        return _LayeredEnviron(self._lookup, escaped=True)

    def __getitem__(self, name: str) -> str:
        text = self._lookup.text(name)
        return text.replace("$", r"\$") if self._escaped else text

    def __iter__(self) -> Iterator[str]:
        return self._lookup.names()

    def __len__(self) -> int:
        return sum(1 for _ in self)


class Env(environ.Env):  # type: ignore[misc]  # django-environ has no types
    """``environ.Env`` through the layers, with origins, and errors that show no value.

    Different from the original: a ``$`` in a value is itself, unless ``interpolate`` is set; an
    empty secret counts as missing; ``read_env`` is not needed for ``.env.<environment>``, which is
    a layer, and still puts any other file into the process environment.
    """

    #: Layers, store and the rest, as for a settings class; a subclass replaces it.
    load_options: ClassVar[LoadOptions] = LoadOptions()

    def __init__(
        self,
        *,
        references: Mapping[str, str] | None = None,
        interpolate: bool = False,
        context: LoadContext | None = None,
        **scheme: Any,
    ) -> None:
        """Take the scheme; nothing is read yet.

        Args:
            references: variable name -> reference; added to those of ``pyproject.toml``.
            interpolate: whether a value ``$NAME`` stands for the variable ``NAME``.
            context: what to load from, in tests and tools; default this process.
            **scheme: as for ``environ.Env``.
        """
        super().__init__(**scheme)
        given = context.directory if context else None
        directory = given or self.load_options.directory or Path.cwd()
        known = {**_declared_references(directory), **(references or {})}
        self.interpolate = interpolate
        self._lookup = Lookup(known, self.load_options, context)
        self.ENVIRON = _LayeredEnviron(self._lookup)

    def origin(self, var: str) -> Origin:
        """Tell where a variable's value comes from; ``defaults`` if no layer has one."""
        return self._lookup.origin(self.prefix + var)

    def get_value(
        self,
        var: str,
        cast: Any = None,
        default: Any = environ.Env.NOTSET,
        parse_default: bool = False,
    ) -> Any:
        """Give a variable's value: see ``environ.Env``.

        Raises:
            EnvError: it is missing, or its value does not read as ``cast``.
        """
        if default is self.NOTSET and self._is_unset_in_build(var):
            return _placeholder(var, cast or self.scheme.get(self.prefix + var))
        reader = self
        if not self.interpolate and isinstance(self.ENVIRON, _LayeredEnviron):
            reader = copy(self)
            reader.ENVIRON, reader.escape_proxy = self.ENVIRON.escaped(), True
        return environ.Env.get_value(reader, var, cast, default, parse_default)

    @classmethod
    def db_url_config(cls, url: Any, engine: str | None = None) -> dict[str, Any]:
        """Give a ``DATABASES`` entry; also of JSON credentials, which ECS may put there.

        Raises:
            ImproperlyConfigured: it is neither. django-environ would warn, and the warning would
                show what it took for the password.
        """
        text = _text_of(url)
        if text.lstrip().startswith("{"):
            entry = entry_of_url(text)
            return {**entry, "ENGINE": engine or entry["ENGINE"]}
        if not (engine or urlparse(text).scheme):
            raise ImproperlyConfigured("not a URL")
        config: dict[str, Any] = super().db_url_config(url, engine)
        return config

    def _is_unset_in_build(self, var: str) -> bool:
        info = self.scheme.get(self.prefix + var)
        has_default = isinstance(info, tuple) and len(info) == 2  # noqa: PLR2004 - type and default
        return self._lookup.build_phase and not has_default and var not in self

    def _error(self, var: str, kind: str) -> EnvError:
        name = self.prefix + var
        fault = self._lookup.fault(name)
        if fault is None and name in self.ENVIRON:
            place = self._lookup.origin(name)
            return EnvError(f"{name}: its value does not read as asked ({kind})\n  origin: {place}")
        problem = fault.message if fault else "no layer has a value"
        looked_at = " < ".join(self._lookup.looked_at(name))
        step = fault.next_step if fault else f"set {name}"
        return EnvError(f"{name}: {problem}\n  looked at: {looked_at}\n  next: {step}")


def _declared_references(directory: Path) -> dict[str, str]:
    for folder in search_folders(directory):
        file = Path(folder, "pyproject.toml")
        if file.is_file():
            declared: dict[str, str] = (table_in(file) or {}).get("references", {})
            return declared
    return {}


def _placeholder(var: str, cast: Any) -> Any:
    """Give what a variable without a value is in the build phase."""
    text = f"{BUILD_MARK}-{var.lower().replace('_', '-')}"
    if cast is None:
        return text
    for candidate in (text, "{}", "0", ""):
        with suppress(Exception):
            return environ.Env.parse_value(candidate, cast)
    return None


def _guarded(method: Callable[..., Any]) -> Callable[..., Any]:
    """Have a method tell the variable, and not its value, when it fails."""
    default = signature(method).parameters["var"].default

    @wraps(method)
    def read(self: Env, *args: Any, **kwargs: Any) -> Any:
        try:
            return method(self, *args, **kwargs)
        except (EnvError, GlisecretsError):
            raise
        except Exception as error:  # noqa: BLE001 - casts are anyone's functions
            kind = type(error).__name__
        # Outside the handler, so that the error keeps no other one that could show the value.
        raise self._error(args[0] if args else kwargs.get("var", default), kind)

    return read


def _configuring(method: Callable[..., Any], build_url: str) -> Any:
    """Have a URL's reader take the build phase's placeholder."""

    @wraps(method)
    def configure(cls: type[Env], url: Any, *args: Any, **kwargs: Any) -> Any:
        return method(cls, build_url if BUILD_MARK in _text_of(url) else url, *args, **kwargs)

    return classmethod(configure)


def _text_of(url: Any) -> str:
    return url.geturl() if isinstance(url, Env.URL_CLASS) else str(url)


for _name, _url in _BUILD_URLS.items():
    setattr(Env, _name, _configuring(getattr(Env, _name).__func__, _url))
for _name in _READERS:
    setattr(Env, _name, _guarded(getattr(Env, _name)))
