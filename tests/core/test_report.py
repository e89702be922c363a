"""A report shows the fields that are fine beside those that are not."""

from __future__ import annotations

import pytest
from pydantic import Field, ValidationInfo, field_validator
from pydantic_settings import SettingsConfigDict

from glisecrets import Settings
from glisecrets.loading import LoadContext
from glisecrets.report import report_on


class Reported(Settings):
    model_config = SettingsConfigDict(str_strip_whitespace=True)

    port: int
    bucket: str = Field(default_factory=lambda: "  gli-uploads")
    host: str

    @field_validator("host")
    @classmethod
    def _within(cls, host: str, info: ValidationInfo) -> str:
        return f"{host}.{info.data['bucket']}.{info.context['environment']}"


@pytest.mark.parametrize("port", [5432, "many"])
def test_a_field_is_shown_as_valid_whatever_is_wrong_with_another(port: object) -> None:
    """What its own validators and the class's configuration make of it, not the raw text."""
    environ = {"HOST": "  db ", "PORT": str(port)}
    report = report_on(Reported, LoadContext(environ=environ, environment="staging"))
    assert [field.shown for field in report.fields] == [
        port,
        "gli-uploads",
        "db.gli-uploads.staging",
    ]
    assert [fault.field for fault in report.faults] == ["port"] * (port == "many")
