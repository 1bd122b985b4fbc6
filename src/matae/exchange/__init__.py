"""Training data out and in.

An export is planned, looked at, then run; so is an import. Importing this package loads none of the libraries that
read or write the formats.
"""

from __future__ import annotations

from matae.exchange.clip import Progress
from matae.exchange.export.findings import Finding
from matae.exchange.export.plan import plan_export
from matae.exchange.export.plan_record import Counts, ExportPlan, Preview
from matae.exchange.export.run import run_export
from matae.exchange.imports import ImportPlan, ImportResult, plan_import, run_import
from matae.exchange.naming import UnknownClassError
from matae.exchange.registry import FORMATS, Format
from matae.exchange.release import Comparison, ExportedRelease, compare_releases, read_manifest, verify_release

__all__ = [
    "FORMATS",
    "Comparison",
    "Counts",
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
