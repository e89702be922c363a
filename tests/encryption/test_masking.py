"""Forms, the admin, dumps, logs and ``repr`` show no value unless a field says so."""

from __future__ import annotations

import io
import json
import logging
import pickle
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth import get_user_model
from django.core import serializers
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.core.serializers.base import DeserializationError
from django.db import connection
from django.forms import modelform_factory
from django.forms.models import model_to_dict
from django.test import Client
from django.test.utils import CaptureQueriesContext

from glisecrets.keys.envelope import InvalidMessage

if TYPE_CHECKING:
    from pathlib import Path

#: Each can be found again in a page or a dump, whatever is around it.
HIDDEN = {
    "note": "canary-note",
    "ward": "cn-y5",
    "email": "canary@example.com",
    "born": date(1961, 7, 23),
    "visits": 918273645,
    "weight": Decimal("8472.61"),
    "smokes": True,
    "history": {"canary-key": "canary-value"},
}
#: None of them can be in a message by chance, neither in hexadecimal nor in base64.
TRACES = ("canary", "cn-y5", "1961-", "July 23", "918273645", "918,273,645", "8472.", "8,472")


def traces(text: str) -> list[str]:
    return [trace for trace in TRACES if trace in text]


@pytest.fixture
def patient(models: Any) -> Any:
    """A row whose every value is hidden."""
    return models.Patient.objects.create(name="Jiwoo", nickname="shown", **HIDDEN)


# Forms ------------------------------------------------------------------------------------------


def form_of(models: Any, *names: str) -> Any:
    return modelform_factory(models.Patient, fields=names or [*HIDDEN, "name", "nickname"])


def test_a_form_shows_no_value(models: Any, patient: Any) -> None:
    """Neither in a new page nor in one that is shown again with errors."""
    form = form_of(models)(instance=patient)
    assert traces(form.as_p()) == []
    assert 'value="shown"' in form.as_p() or "shown</textarea>" in form.as_p()
    again = form_of(models)({"note": "canary-note", "name": ""}, instance=patient)
    assert not again.is_valid()
    assert traces(again.as_p()) == []
    assert traces(repr(form.initial) + repr(model_to_dict(patient))) == []


def test_a_field_that_is_left_empty_stays(models: Any, patient: Any) -> None:
    """Saving a form without typing anything changes nothing."""
    form = form_of(models)({"name": "Minseo", "nickname": "shown"}, instance=patient)
    assert form.is_valid(), form.errors
    assert form.changed_data == ["name"]
    form.save()
    read = models.Patient.objects.get()
    assert {name: getattr(read, name) for name in HIDDEN} == HIDDEN
    assert read.name == "Minseo"


def test_a_new_value_is_taken(models: Any, patient: Any) -> None:
    """What is typed is validated and saved as by the plain form field."""
    data = {"note": " new ", "born": "2001-02-03", "visits": "7", "smokes": "false"}
    form = form_of(models, *data)(data, instance=patient)
    assert form.is_valid(), form.errors
    assert set(form.changed_data) == set(data)
    form.save()
    read = models.Patient.objects.get()
    assert (read.note, read.born, read.visits, read.smokes) == ("new", date(2001, 2, 3), 7, False)


@pytest.mark.parametrize("name", ["note", "born", "visits", "smokes", "history"])
def test_a_disabled_field_stays(models: Any, patient: Any, name: str) -> None:
    """Neither what a browser sends for it nor the mask takes the value's place."""
    form = form_of(models, "name", name)({"name": "Minseo", name: ""}, instance=patient)
    form.fields[name].disabled = True
    assert form.is_valid(), form.errors
    form.save()
    read = models.Patient.objects.get()
    assert (read.name, getattr(read, name)) == ("Minseo", HIDDEN[name])


def test_a_value_is_cleared_by_its_box_only(models: Any, patient: Any) -> None:
    """The box makes it no value; with a new value beside it, it is not clear what is meant."""
    form = form_of(models, "note", "born")
    assert "note-clear" in form(instance=patient).as_p()
    both = form({"note": "x", "note-clear": "on"}, instance=patient)
    assert list(both.errors) == ["note"]
    cleared = form({"note-clear": "on", "born-clear": "on"}, instance=patient)
    assert cleared.is_valid()
    cleared.save()
    read = models.Patient.objects.get()
    assert (read.note, read.born) == (None, None)


def test_what_does_not_fit_is_not_repeated(models: Any, patient: Any) -> None:
    """No error carries the value, in its text, its parameters or its chain."""
    bad = {"visits": "918273645x", "born": "1961-canary", "email": "canary@", "ward": "canary too"}
    for name, value in bad.items():
        setattr(patient, name, value)
    with pytest.raises(ValidationError) as caught:
        patient.full_clean()
    errors = caught.value.error_dict
    assert set(errors) == set(bad)
    told = [(it.messages, it.params, it.__context__) for each in errors.values() for it in each]
    assert traces(repr(told)) == []
    with pytest.raises(ValidationError) as caught:
        patient.save()
    assert traces(repr(caught.value)) == []
    assert caught.value.__context__ is None


def test_the_mask_is_never_saved(models: Any, patient: Any) -> None:
    """A copy made of what forms see is refused: it would write dots over a value."""
    with pytest.raises(ValidationError):
        models.Patient(**model_to_dict(patient, ["name", "note"])).save()
    assert models.Patient.objects.get() == patient


# Admin ------------------------------------------------------------------------------------------


@pytest.fixture
def admin() -> Client:
    """The browser of an administrator."""
    user = get_user_model().objects.create_superuser("root", password=None)
    client = Client()
    client.force_login(user)
    return client


@pytest.mark.parametrize("page", ["", "{}/change/", "{}/delete/", "{}/history/", "add/"])
def test_the_admin_shows_no_value(admin: Client, patient: Any, page: str) -> None:
    """List, form, confirmation and history of an admin that is as it comes."""
    answer = admin.get(f"/admin/hospital/patient/{page.format(patient.pk)}")
    assert answer.status_code == 200
    assert traces(answer.content.decode()) == []


def test_the_admin_shows_no_value_to_who_may_only_look(patient: Any) -> None:
    """Where all fields are read-only."""
    from django.contrib.auth.models import Permission

    user = get_user_model().objects.create_user("eye", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="view_patient"))
    client = Client()
    client.force_login(user)
    answer = client.get(f"/admin/hospital/patient/{patient.pk}/change/")
    assert answer.status_code == 200
    assert "shown" in answer.content.decode()
    assert traces(answer.content.decode()) == []


def test_the_admin_changes_a_value_and_its_history_does_not_tell_it(
    admin: Client, models: Any, patient: Any
) -> None:
    """The log says that the field was changed."""
    url = f"/admin/hospital/patient/{patient.pk}/"
    data = {"name": "Jiwoo", "nickname": "shown", "note": "canary-two", "seen_0": "", "seen_1": ""}
    answer = admin.post(f"{url}change/", data)
    assert answer.status_code == 302
    assert models.Patient.objects.get().note == "canary-two"
    assert models.Patient.objects.get().email == HIDDEN["email"]
    history = admin.get(f"{url}history/").content.decode()
    assert "Changed Note" in history
    assert traces(history) == []


# Dumps ------------------------------------------------------------------------------------------


@pytest.fixture
def dumped(patient: Any, models: Any, tmp_path: Path, request: Any) -> Path:
    """A dump of all rows."""
    models.Letter.objects.create(body="canary-letter")
    target = tmp_path / f"rows.{request.param}"
    call_command("dumpdata", "hospital", format=request.param, output=str(target), verbosity=0)
    return target


@pytest.mark.parametrize("dumped", ["json", "jsonl", "xml", "yaml"], indirect=True)
def test_a_dump_is_encrypted_and_comes_back(models: Any, patient: Any, dumped: Path) -> None:
    """``dumpdata`` writes messages, and ``loaddata`` takes them back."""
    text = dumped.read_text()
    assert traces(text) == []
    assert "gs1:" in text
    letter = models.Letter.objects.get().pk
    models.Patient.objects.all().delete()
    models.Letter.objects.all().delete()
    call_command("loaddata", str(dumped), verbosity=0)
    read = models.Patient.objects.get()
    assert {name: getattr(read, name) for name in HIDDEN} == HIDDEN
    assert models.Letter.objects.get(pk=letter).body == "canary-letter"


@pytest.mark.parametrize("dumped", ["json"], indirect=True)
def test_nobody_but_loaddata_decrypts_a_dump(models: Any, patient: Any, dumped: Path) -> None:
    """A message from a backup is neither decrypted nor saved in a value's place by others."""
    rows = json.loads(dumped.read_text())
    message = next(row["fields"]["note"] for row in rows if row["model"] == "hospital.patient")
    form = form_of(models, "note")({"note": message}, instance=patient)
    assert "an encrypted value" in str(form.errors["note"])
    rows = [{"model": "hospital.patient", "pk": patient.pk, "fields": {"note": message}}]
    with pytest.raises(DeserializationError, match="only loaddata takes"):
        list(serializers.deserialize("python", rows))
    for name in ("note", "nickname", "history"):
        with pytest.raises(ValidationError, match="only loaddata takes"):
            models.Patient.objects.create(**{name: message})
    assert models.Patient.objects.get().note == HIDDEN["note"]


@pytest.mark.parametrize("dumped", ["json"], indirect=True)
def test_a_dump_whose_values_changed_places_does_not_load(dumped: Path) -> None:
    """A value of another field, or another row's where it is bound, is refused."""
    rows = json.loads(dumped.read_text())
    patient = next(row["fields"] for row in rows if row["model"] == "hospital.patient")
    patient["note"], patient["nickname"] = patient["email"], None
    dumped.write_text(json.dumps(rows))
    with pytest.raises((DeserializationError, InvalidMessage), match=r"hospital\.Patient\.note"):
        call_command("loaddata", str(dumped), verbosity=0)


@pytest.mark.parametrize("dumped", ["json"], indirect=True)
def test_a_dump_opens_where_its_data_keys_were_loaded(
    models: Any, dumped: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Into another database: first the data keys, then the rows."""
    data_keys = tmp_path / "data-keys.json"
    call_command("dumpdata", "glisecrets_encryption", output=str(data_keys), verbosity=0)
    models.Patient.objects.all().delete()
    request.getfixturevalue("no_data_keys")
    with pytest.raises((DeserializationError, InvalidMessage), match="does not have"):
        call_command("loaddata", str(dumped), verbosity=0)
    call_command("loaddata", str(data_keys), verbosity=0)
    call_command("loaddata", str(dumped), verbosity=0)
    assert models.Patient.objects.get().note == HIDDEN["note"]


def test_a_plain_fixture_loads_encrypted(models: Any, stored: Any, tmp_path: Path) -> None:
    """Fixtures written by hand hold values."""
    rows = [{"model": "hospital.patient", "pk": 1, "fields": {"name": "a", "note": "by hand"}}]
    file = tmp_path / "rows.json"
    file.write_text(json.dumps(rows))
    call_command("loaddata", str(file), verbosity=0)
    assert models.Patient.objects.get().note == "by hand"
    assert stored(models.Patient, "note")[:1] == b"\x01"


@pytest.mark.parametrize("format_", ["json", "jsonl", "xml", "yaml"])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("diary", value) for value in ({"a": 1}, [], {}, 0, False, "", "text")),
        ("nickname", "gs1:hello"),
        ("nickname", "gs1:AQE="),
        ("nickname", ""),
        ("note", "gs1:hello"),
        ("history", 0),
    ],
)
def test_a_value_comes_back_from_a_dump_of_each_format(
    models: Any, tmp_path: Path, format_: str, name: str, value: Any
) -> None:
    """Also one that begins as a message does, and JSON, which XML cannot hold."""
    models.Patient.objects.create(**{name: value})
    target = tmp_path / f"rows.{format_}"
    call_command("dumpdata", "hospital", format=format_, output=str(target), verbosity=0)
    models.Patient.objects.all().delete()
    call_command("loaddata", str(target), verbosity=0)
    read = getattr(models.Patient.objects.get(), name)
    assert (read, type(read)) == (value, type(value))


def test_an_unmasked_field_is_dumped_as_it_is(models: Any) -> None:
    """``masked=False`` is a decision for all of these places."""
    models.Patient.objects.create(nickname="shown")
    output = io.StringIO()
    call_command("dumpdata", "hospital", stdout=output, verbosity=0)
    assert '"nickname": "shown"' in output.getvalue()


# Logs and repr ----------------------------------------------------------------------------------


def test_queries_are_logged_encrypted(
    models: Any, patient: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither Django's query log nor ``connection.queries`` holds a value."""
    with (
        caplog.at_level(logging.DEBUG, "django.db.backends"),
        CaptureQueriesContext(connection) as q,
    ):
        patient.note = "canary-two"
        patient.save()
        models.Patient.objects.update(note="canary-three")
        models.Patient.objects.bulk_update([patient], ["note", "history"])
        models.Patient.objects.bulk_create([models.Patient(**HIDDEN)] * 3)
    logged = caplog.text + repr(q.captured_queries)
    assert "hospital_patient" in logged
    assert traces(logged) == []


def test_reprs_show_nothing(models: Any) -> None:
    """Of the field, of a sealed value, of the mask and of a data key's row."""
    from glisecrets.django_integration.encryption.models import DataKey

    letter = models.Letter.objects.create(body="canary-letter")
    sealed = models.Letter.objects.values_list("body", flat=True).get()
    key = DataKey.objects.first()
    shown = [models.Letter._meta.get_field("body"), sealed, model_to_dict(letter), key, str(key)]
    assert traces(repr(shown)) == []
    assert bytes(key.wrapped).hex() not in repr(key)


def test_a_pickled_bound_value_stays_sealed(models: Any) -> None:
    """An instance that a cache keeps holds the message, until its value was asked for."""
    models.Letter.objects.create(body="canary-letter")
    kept = pickle.dumps(models.Letter.objects.get())
    assert b"canary" not in kept
    assert pickle.loads(kept).body == "canary-letter"


def test_rest_framework_shows_no_value(models: Any, patient: Any) -> None:
    """Its ModelSerializer gives the message, and takes a new value."""
    from rest_framework.serializers import ModelSerializer

    class PatientSerializer(ModelSerializer):
        class Meta:
            model = models.Patient
            fields = ("name", "note", "born", "history", "smokes")

    shown = PatientSerializer(patient).data
    assert traces(repr(shown)) == []
    change = PatientSerializer(patient, {"born": "2001-02-03"}, partial=True)
    assert change.is_valid(), change.errors
    change.save()
    assert models.Patient.objects.get().born == date(2001, 2, 3)
    whole = PatientSerializer(patient, PatientSerializer(patient).data)
    assert not whole.is_valid()
    assert set(whole.errors) == {"note", "born", "history", "smokes"}
    assert traces(repr(whole.errors)) == []


def test_an_answer_that_is_none_is_not_repeated(models: Any, patient: Any) -> None:
    """A choice that a browser would not send."""
    form = form_of(models, "smokes")({"smokes": "canary"}, instance=patient)
    assert not form.is_valid()
    assert traces(str(form.errors)) == []
