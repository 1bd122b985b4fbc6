"""Lines of a worklist, made up, for what is shown of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from matae.store import Claim, ClipStatus, FrameStatus, StoredMeasurement, WorklistRow

__all__ = ["NOW", "line", "lines"]

NOW = datetime(2026, 3, 4, 12, 30, tzinfo=UTC)


def line(number: int, status: ClipStatus = ClipStatus.SEGMENTED, **more: object) -> WorklistRow:
    ef = None if number % 5 == 0 else 40.0 + number % 30
    row = WorklistRow(
        content_id=f"{number:064x}", place=f"/clips/{number}.avi", subject=f"p{number % 7}", stem=f"clip{number:05}",
        view=("A4C", "A2C")[number % 2], n_frames=60, status=status, counts={FrameStatus.MACHINE: 60},
        n_flags=number % 4, measurement=StoredMeasurement(ef, 30.0, 70.0, at=NOW, stale=number % 3 == 0),
        by=("", "anna", "bela")[number % 3], touched=NOW + timedelta(minutes=number),
        claims=(Claim("bela", NOW),) if number == 2 else (),
    )  # fmt: skip
    return row._replace(**more)


def lines(count: int) -> list[WorklistRow]:
    statuses = [ClipStatus.SEGMENTED, ClipStatus.IN_REVIEW, ClipStatus.ACCEPTED]
    return [line(number, statuses[number % 3]) for number in range(count)]
