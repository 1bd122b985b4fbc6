"""The worklist as records: for JSON, and as CSV for a spreadsheet. It holds pseudonyms and names of files, no path."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

from matae.store.types import FrameStatus

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from typing import Any

    from matae.store import WorklistRow

__all__ = ["COLUMNS", "as_json", "as_records", "write_csv"]

COLUMNS = (
    "clip", "content_id", "subject", "view", "frames", "status", "frames_predicted", "frames_edited",
    "frames_accepted", "frames_rejected", "flags", "ef_percent", "ef_low", "ef_high", "ef_reliable", "ef_doubts",
    "ef_provisional", "ef_stale", "ef_model", "ef_at", "edv_ml", "esv_ml", "by", "touched", "open_by", "note",
)  # fmt: skip
"""What a record holds."""


def as_records(rows: Iterable[WorklistRow]) -> list[dict[str, Any]]:
    """Return a record a clip, JSON values, keys as in `COLUMNS`; None where nothing is known."""
    return [_record(row) for row in rows]


def as_json(rows: Iterable[WorklistRow]) -> str:
    """Return the records as JSON text."""
    return json.dumps(as_records(rows), indent=1)


def write_csv(path: Path, rows: Iterable[WorklistRow]) -> int:
    """Write a row a clip as CSV, whole or not at all; return how many.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    from matae.files import write_atomic, writing_to
    from matae.measure.record import safe_cell

    records = as_records(rows)
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, COLUMNS, lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows({key: safe_cell(value) for key, value in record.items()} for record in records)
    with writing_to(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, buffer.getvalue().encode("utf-8", "surrogatepass"))
    return len(records)


def _record(row: WorklistRow) -> dict[str, Any]:
    measured = row.measurement
    record: dict[str, Any] = dict.fromkeys(COLUMNS)
    record |= {
        "clip": row.stem, "content_id": row.content_id or None, "subject": row.subject, "view": row.view,
        "frames": row.n_frames, "status": row.status.value,
        "frames_predicted": row.counts.get(FrameStatus.MACHINE, 0),
        "frames_edited": row.counts.get(FrameStatus.EDITED, 0),
        "frames_accepted": row.counts.get(FrameStatus.ACCEPTED, 0),
        "frames_rejected": row.counts.get(FrameStatus.REJECTED, 0), "flags": row.n_flags, "by": row.by or None,
        "touched": None if row.touched is None else row.touched.isoformat(timespec="seconds"),
        "open_by": "; ".join(claim.rater or "somebody" for claim in row.claims) or None, "note": row.note or None,
    }  # fmt: skip
    if measured is not None:
        record |= {
            "ef_percent": _rounded(measured.ef), "ef_low": _rounded(measured.ef_low),
            "ef_high": _rounded(measured.ef_high),
            "ef_reliable": None if measured.ef is None else measured.reliable,
            "ef_doubts": " ".join(measured.doubts) or None, "ef_provisional": measured.provisional,
            "ef_stale": measured.stale, "ef_model": measured.model or None,
            "ef_at": None if measured.at is None else measured.at.isoformat(timespec="seconds"),
            "edv_ml": _rounded(measured.edv_ml), "esv_ml": _rounded(measured.esv_ml),
        }  # fmt: skip
    return record


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
