"""Shows that a program has read everything, without showing any of it. Imports nothing."""


def show(count: int, secrets: list[str]) -> None:
    """Print how many settings there are, and how long their secrets are together."""
    print(count, sum(map(len, secrets)))


def show_typed(settings: object, secret_names: dict[str, str]) -> None:
    """Do so for an object of settings."""
    secrets = [_opened(getattr(settings, name)) for name in secret_names]
    show(len(type(settings).model_fields), secrets)  # type: ignore[attr-defined]


def _opened(value: object) -> str:
    return value if isinstance(value, str) else value.get_secret_value()  # type: ignore[attr-defined, no-any-return]
