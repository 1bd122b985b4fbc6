"""How long the worklist takes at ten thousand clips: the question to the study, and the table on the screen.

    python benchmarks/worklist.py [--clips 10000] [--frames 60] [--server URL] [--json FILE]

The table is timed against one of a hundred rows side by side, each figure the median of several: the ratios travel, the
milliseconds do not. With `--server`, the URL of an empty PostgreSQL database, the question is timed there too.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matae.store import FrameStatus, Study

if TYPE_CHECKING:
    from collections.abc import Callable

    from matae.store import WorklistRow

FEW = 100
TIMES = 7
STATUSES = (FrameStatus.ACCEPTED, FrameStatus.MACHINE, FrameStatus.EDITED, FrameStatus.ACCEPTED)


def fill(target: str, n_clips: int, n_frames: int) -> None:
    """Make a large study: most clips in review, each measured, a few with flags."""
    import numpy as np
    from sqlalchemy import insert

    from matae.store import schema
    from matae.store.base import new_code
    from matae.store.codec import digest_of, encode_mask
    from matae.store.schema_worklist import Measurement

    mask = np.zeros((60, 80), np.uint8)
    mask[20:40, 30:50] = 1
    png, digest = encode_mask(mask), digest_of(mask)
    with Study.create(target, rater="anna") as study:
        for start in range(0, n_clips, 250):
            numbers = range(start, min(start + 250, n_clips))
            with study._writing() as writing:
                c, at = writing.connection, writing.at
                c.execute(insert(schema.Subject), [
                    {"id": n + 1, "code": new_code(), "pseudonym": f"p{n}", "added_at": at} for n in numbers
                ])  # fmt: skip
                c.execute(insert(schema.Cine), [
                    {"id": n + 1, "code": new_code(), "content_id": hashlib.sha256(str(n).encode()).hexdigest(),
                     "subject_id": n + 1, "subject_source": "person", "stated_subject": None, "stem": f"clip{n:05}",
                     "path": f"/clips/{n}.avi", "n_frames": n_frames, "height": 60, "width": 80,
                     "view": ("A4C", "A2C")[n % 2], "added_at": at, "sequence": writing.sequence, "session": ""}
                    for n in numbers])  # fmt: skip
                c.execute(insert(schema.Mask), [
                    {"id": n + 1, "cine_id": n + 1, "sha256": digest, "area": 400, "png": png} for n in numbers
                ])  # fmt: skip
                c.execute(insert(schema.Label), [
                    {"cine_id": n + 1, "frame": k, "status": _status(n, k).value, "revision": 1, "mask_id": n + 1,
                     "area": 400, "model": "matae-lv", "width": "1", "model_sha256": "ab" * 32, "newest": 1,
                     "original": 1, "original_mask_id": n + 1, "newest_mask_id": n + 1,
                     "rater_id": None if _status(n, k) is FrameStatus.MACHINE else writing.rater_id, "seconds": 1.0,
                     "updated_at": at}
                    for n in numbers for k in range(n_frames)])  # fmt: skip
                c.execute(insert(schema.Flag), [
                    {"cine_id": n + 1, "frame": k, "score": 0.5, "reason": "flagged"}
                    for n in numbers for k in (1, 9)])  # fmt: skip
                c.execute(insert(Measurement), [
                    {"cine_id": n + 1, "ef": 40.0 + n % 30, "ef_low": 35.0, "ef_high": 65.0, "doubts": "",
                     "provisional": False, "method": "single-plane disks", "model": "matae-lv", "width": "1",
                     "masks": (n + 1) * n_frames * (n_frames + 1) // 2, "settings": 0, "at": at,
                     "sequence": writing.sequence}
                    for n in numbers])  # fmt: skip


def _status(clip: int, frame: int) -> FrameStatus:
    return FrameStatus.MACHINE if clip % 3 == 0 else STATUSES[frame % 4] if clip % 3 == 1 else FrameStatus.ACCEPTED


def median(deed: Callable[[], Any], times: int = TIMES) -> float:
    """Return the median time of some runs, in seconds."""
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        deed()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def question(target: str) -> tuple[list[WorklistRow], dict[str, float]]:
    """Time what the study is asked."""
    with Study.open(target, rater="bela") as study:
        study.claim(study.cines()[3].content_id)
        found = {
            "worklist_s": median(study.worklist), "cines_s": median(study.cines), "claims_s": median(study.clips_open),
        }  # fmt: skip
        return study.worklist(), found


def table(rows: list[WorklistRow]) -> dict[str, Any]:
    """Time the table on the screen with all rows against a few: shown, scrolled, sorted by EF, filtered by letters."""
    from qtpy.QtCore import Qt
    from qtpy.QtWidgets import QApplication

    from napari_matae.worklist.columns import COLUMNS
    from napari_matae.worklist.model import WorklistFilter, WorklistModel
    from napari_matae.worklist.view import WorklistTable

    application = QApplication.instance() or QApplication([])
    ef = [column.title for column in COLUMNS].index("EF")
    orders = (Qt.SortOrder.AscendingOrder, Qt.SortOrder.DescendingOrder)
    letters = ("", "1", "12", "a4c 1")

    def deeds(size: int) -> tuple[WorklistTable, dict[str, Callable[[int], object]]]:
        model = WorklistModel()
        lines = WorklistFilter(model)
        view = WorklistTable(lines)
        view.resize(1180, 640)
        view.show()
        return view, {
            "show and paint": lambda _: model.show_rows(rows[:size]),
            "scroll a page": lambda turn: view.verticalScrollBar().setValue(600 * (turn % 5)),
            "sort": lambda turn: view.sortByColumn(ef, orders[turn % 2]),
            "type a letter": lambda turn: lines.look_for(letters[turn % 4]),
        }

    made = {size: deeds(size) for size in (FEW, len(rows))}
    found: dict[str, Any] = {}
    for name in made[FEW][1]:
        times: dict[int, list[float]] = {size: [] for size in made}
        for turn in range(2 * TIMES):
            for size, (view, deed) in made.items():  # side by side: a busy computer is busy for both
                start = time.perf_counter()
                deed[name](turn)
                view.viewport().repaint()
                application.processEvents()
                times[size].append(time.perf_counter() - start)
        few, many = (1000 * statistics.median(times[size]) for size in made)
        found[name] = {f"{FEW} rows, ms": round(few, 2), f"{len(rows)} rows, ms": round(many, 2),
                       "ratio": round(many / few, 2)}  # fmt: skip
    return found


def main() -> None:
    """Measure, and say it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=10_000)
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--server", default="")
    parser.add_argument("--no-table", action="store_true", help="Ask the study only.")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found: dict[str, Any] = {"clips": options.clips, "frames": options.frames, "load": os.getloadavg()[0]}
    with tempfile.TemporaryDirectory() as folder:
        target = str(Path(folder) / "large.matae")
        fill(target, options.clips, options.frames)
        rows, found["sqlite"] = question(target)
        if options.server:
            fill(options.server, options.clips, options.frames)
            _, found["postgresql"] = question(options.server)
    assert not any(row.measurement.stale for row in rows if row.measurement is not None)
    if not options.no_table:
        found["table"] = table(rows)
    text = json.dumps(found, indent=1)
    print(text)
    if options.json:
        options.json.write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    main()
