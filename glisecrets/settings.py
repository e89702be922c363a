"""``Settings``: the declaration of a service's settings, and their loaded values."""

from __future__ import annotations

from functools import cached_property
from time import monotonic
from typing import TYPE_CHECKING, Any, ClassVar, Self, overload

from pydantic_settings import BaseSettings, SettingsConfigDict

from .errors import ConfigurationError, SettingsError
from .fields import FieldPlan, plan_fields
from .loading import LoadContext
from .options import LoadOptions
from .validation import attempt

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping
    from pathlib import Path

    from .environment import Environment
    from .explanation import Explanation
    from .live import Change, LiveValues
    from .origins import Origin
    from .resolution import Resolution
    from .stores.base import Store

_MASK = "**********"

#: Options of pydantic-settings' own sources, which do not run here.
_IDLE_OPTIONS = (
    "env_file",
    "env_nested_delimiter",
    "json_file",
    "pyproject_toml_table_header",
    "secrets_dir",
    "toml_file",
    "yaml_file",
)


class Settings(BaseSettings):
    """A service's settings, typed, loaded through the layers when it is made.

    ::

        class ApiSettings(Settings):
            sendgrid_api_key: SecretStr = secret("gli/sendgrid/{environment}#api_key")
            feature_flags: dict[str, bool] = {}

        settings = ApiSettings.load()

    Making one reads every layer of ``load_options`` and raises one
    :class:`~glisecrets.errors.SettingsError` with all faults, none of which holds a value. The
    values do not change afterwards; :meth:`live` reads one that a rotation may change.
    """

    model_config = SettingsConfigDict(frozen=True, env_prefix="", hide_input_in_errors=True)

    #: How this class is loaded; a subclass replaces it.
    load_options: ClassVar[LoadOptions] = LoadOptions()

    _plans: ClassVar[tuple[FieldPlan, ...] | None] = None

    if TYPE_CHECKING:
        _loaded: _Loaded

    def __init__(self, /, **arguments: Any) -> None:
        """Load; an argument overrides every layer.

        Raises:
            SettingsError: any field is missing, mistyped, unreadable, denied or of another
                environment; all of them at once.
            ConfigurationError: ``DJANGO_ENV`` names no environment.
        """
        _fill(self, LoadContext(), arguments)

    @classmethod
    def load(
        cls,
        *,
        environment: str | None = None,
        directory: Path | None = None,
        environ: Mapping[str, str] | None = None,
        store: str | Store | None = None,
        **arguments: Any,
    ) -> Self:
        """Load from other surroundings than this process's, for tests and tools.

        Args:
            environment: in place of ``DJANGO_ENV``.
            directory: where the search for ``.env`` files starts.
            environ: in place of the process environment.
            store: in place of ``GLISECRETS_STORE`` and the class's own choice.
            **arguments: override every layer.

        Raises:
            SettingsError: as for the class itself.
        """
        context = LoadContext(
            environ=environ, environment=environment, directory=directory, store=store
        )
        del environ  # this frame is part of the traceback of a SettingsError
        settings = cls.__new__(cls)
        _fill(settings, context, arguments)
        return settings

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Refuse what a pydantic-settings class may ask for and this one would not do."""
        super().__pydantic_init_subclass__(**kwargs)
        own = [base for base in cls.__mro__[1:] if issubclass(base, Settings)]
        hidden = [name for name in cls.model_fields if any(name in vars(base) for base in own)]
        if hidden:
            raise ConfigurationError(
                f"{cls.__name__}: the field {hidden[0]!r} hides a method of that name",
                next_step="name it otherwise, and keep its variable with Field(validation_alias=…)",
            )
        idle = [name for name in _IDLE_OPTIONS if cls.model_config.get(name)]
        if idle:
            raise ConfigurationError(
                f"{cls.__name__}: model_config option {idle[0]!r} has no effect here",
                next_step="take it out; load_options of the class says how it is loaded",
            )

    @classmethod
    def field_plans(cls) -> tuple[FieldPlan, ...]:
        """Give what the loader knows of each field, in their order."""
        if cls.__dict__.get("_plans") is None:
            cls._plans = plan_fields(cls, cls.model_config.get("env_prefix", ""))
        return cls._plans or ()

    @property
    def environment_loaded(self) -> Environment:
        """The environment that the values are of."""
        return self._loaded.resolution.environment

    @property
    def build_phase(self) -> bool:
        """Whether they were loaded in the build phase, so that values may be placeholders."""
        return self._loaded.resolution.build

    def origin(self, name: str) -> Origin:
        """Tell where a field's value came from.

        Raises:
            KeyError: there is no such field.
        """
        return self._loaded.resolution.origin(name)

    @overload
    def explain(self) -> tuple[Explanation, ...]: ...
    @overload
    def explain(self, name: str) -> Explanation: ...
    def explain(self, name: str | None = None) -> Explanation | tuple[Explanation, ...]:
        """Tell which layer won and what every other layer had: for one field, or for all.

        Raises:
            KeyError: there is no such field.
        """
        resolution = self._loaded.resolution
        if name is not None:
            return resolution.explain(name)
        return tuple(map(resolution.explain, resolution.plans))

    @cached_property
    def live(self) -> Callable[[str], Any]:
        """``settings.live(name)``: a store-held field's present value.

        It is read again at most every ``load_options.live.ttl`` seconds. While the store is down
        the last known good value is given, with a warning in the log, up to ``max_age`` seconds.

        Raises, when called:
            KeyError: there is no such field.
            StoreError: the store is down for longer than that, or refuses.
        """
        return self._loaded.live.reader()

    def refresh(self, name: str) -> None:
        """Have :meth:`live` give what the store has now; for a caller that was just refused.

        Raises:
            GlisecretsError: the store does not give a readable value.
        """
        self._loaded.live.refresh(name)

    def on_change(self, name: str, hook: Callable[[Change], None]) -> None:
        """Have ``hook`` called after :meth:`live` has found a new version of a field.

        It runs in the thread that found it; what it raises is logged and goes no further.

        Raises:
            KeyError: there is no such field.
        """
        self._loaded.live.on_change(name, hook)

    def __iter__(self) -> Generator[tuple[str, Any], None, None]:  # noqa: PYI058 - BaseModel's own
        """Give the fields and their values, and nothing else that is kept with them."""
        yield from ((name, self.__dict__[name]) for name in type(self).model_fields)

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """Show the values, secret ones masked; none of an object that could not be loaded."""
        if "_loaded" not in vars(self):
            return
        from .secret_names import holds_credentials

        for plan in self.field_plans():
            value = self.__dict__[plan.name]
            hidden = plan.secret or holds_credentials(str(value))
            yield plan.name, _MASK if hidden else value


class _Loaded:
    """What a settings object keeps besides its values: origins, and the way to live values."""

    def __init__(self, cls: type[Settings], resolution: Resolution, values: dict[str, Any]) -> None:
        self._cls = cls
        self.resolution = resolution
        self._values = values
        self._at = monotonic()

    @cached_property
    def live(self) -> LiveValues:
        """The live values, made when first asked for."""
        from .live import LiveValues

        return LiveValues(self._cls, self.resolution, self._values, self._at)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __reduce__(self) -> str:
        raise TypeError("settings hold secrets and are not pickled; load them in the new process")


def _fill(settings: Settings, context: LoadContext, arguments: dict[str, Any]) -> None:
    """Load into a settings object, or raise from a frame whose locals hold no value."""
    context.arguments = dict(arguments)
    arguments.clear()
    failure = _load(settings, context)
    if failure is not None:
        raise failure


def _load(settings: Settings, context: LoadContext) -> SettingsError | None:
    resolution, faults = attempt(settings, context)
    if faults:
        title, assumed = type(settings).__name__, context.assumed
        return SettingsError(title, resolution.environment, faults, assumed=assumed)
    values = vars(settings)
    values["_loaded"] = _Loaded(type(settings), resolution, values)
    resolution.forget()
    return None
