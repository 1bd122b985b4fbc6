"""Training data out and in.

An export is planned, looked at, then run; so is an import. Importing this package loads none of the libraries that
read or write the formats, nor numpy: the command line reads its options from here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from matae.exchange.options import ExportOptions
from matae.exchange.registry import FORMATS, Format

if TYPE_CHECKING:
    from typing import Any

    from matae.exchange.clip import Progress
    from matae.exchange.export.findings import Finding
    from matae.exchange.export.plan import plan_export
    from matae.exchange.export.plan_record import Counts, ExportPlan, Preview
    from matae.exchange.export.run import run_export
    from matae.exchange.imports import ImportPlan, ImportResult, plan_import, run_import
    from matae.exchange.naming import UnknownClassError
    from matae.exchange.release import Comparison, ExportedRelease, compare_releases, read_manifest, verify_release

__all__ = [
    "FORMATS",
    "Comparison",
    "Counts",
    "ExportOptions",
    "ExportPlan",
    "ExportedRelease",
    "Finding",
    "Format",
    "ImportPlan",
    "ImportResult",
    "Preview",
    "Progress",
    "UnknownClassError",
    "compare_releases",
    "plan_export",
    "plan_import",
    "read_manifest",
    "run_export",
    "run_import",
    "verify_release",
]

_WHERE = {
    "Comparison": "release",
    "Counts": "export.plan_record",
    "ExportPlan": "export.plan_record",
    "ExportedRelease": "release",
    "Finding": "export.findings",
    "ImportPlan": "imports",
    "ImportResult": "imports",
    "Preview": "export.plan_record",
    "Progress": "clip",
    "UnknownClassError": "naming",
    "compare_releases": "release",
    "plan_export": "export.plan",
    "plan_import": "imports",
    "read_manifest": "release",
    "run_export": "export.run",
    "run_import": "imports",
    "verify_release": "release",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for, when it is."""
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
