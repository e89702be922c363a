"""The admin as it is with few options: what it shows by itself."""

from __future__ import annotations

from django.contrib import admin

from .models import Letter, Patient

admin.site.register(Letter)


@admin.register(Patient)
class PatientAdmin(admin.ModelAdmin):
    list_display = ("name", "note", "born", "visits", "smokes", "history")
    readonly_fields = ("email", "weight")
    sortable_by = ("name",)
