"""The pure parts of ``glisecrets check`` and ``glisecrets init``: they read, and print nothing."""

from .dialects import lint_dotenv
from .drift import template_drift
from .finding import Finding, Severity
from .init_scan import scan_project, scan_source
from .render import render_settings, render_template
from .repository import check_file_modes, check_repository
from .uses import Use, merge_uses

__all__ = [
    "Finding",
    "Severity",
    "Use",
    "check_file_modes",
    "check_repository",
    "lint_dotenv",
    "merge_uses",
    "render_settings",
    "render_template",
    "scan_project",
    "scan_source",
    "template_drift",
]
