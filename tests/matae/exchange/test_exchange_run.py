"""Running an export: refused in a sentence, whole or not at all, with the time left."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

import numpy as np
import pytest
from exchange_makers import add_clip, cavity, dicom, heart

from matae.errors import ExchangeError, OutputError
from matae.exchange import Progress, plan_export, plan_import, run_export
from matae.store import Edit, FrameStatus, Study

if TYPE_CHECKING:
    from pathlib import Path


def left_behind(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.endswith(".part") or path.name == "out")


def test_clips_that_are_gone_or_changed_are_left_out(other: Study, tmp_path: Path) -> None:
    add_clip(other, tmp_path / "gone.dcm", subject="A", seed=5)
    add_clip(other, tmp_path / "changed.dcm", subject="B", seed=6)
    add_clip(other, tmp_path / "there.dcm", subject="C", seed=7)
    (tmp_path / "gone.dcm").unlink()
    dicom(tmp_path / "changed.dcm", heart(seed=99))
    plan = plan_export(other, "npz")
    assert len(plan.clips) == 1
    said = sorted(finding.sentence for finding in plan.findings if finding.kind == "left out")
    assert "other pixels than were labelled" in said[0]
    assert "not where it was" in said[1]
    (tmp_path / "there.dcm").unlink()
    with pytest.raises(ExchangeError, match="Nothing was exported"):
        run_export(plan, tmp_path / "out")
    assert left_behind(tmp_path) == []


def test_nothing_is_overwritten(home: Study, tmp_path: Path) -> None:
    plan = plan_export(home, "npz")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("keep")
    with pytest.raises(ExchangeError, match="there already"):
        run_export(plan, tmp_path / "out")
    assert (tmp_path / "out" / "mine.txt").read_text() == "keep"
    (tmp_path / "empty").mkdir()
    assert (run_export(plan, tmp_path / "empty").folder / "release.json").is_file()
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError):
        run_export(plan, tmp_path / "file" / "out")


def test_labels_that_changed_since_the_preview_stop_it(study: Study, tmp_path: Path) -> None:
    plan = plan_export(study, "npz")
    content_id = study.cines()[0].content_id
    info = study.frames(content_id)[1]
    study.put_edits(content_id, [Edit(1, cavity(4), info.revision, FrameStatus.ACCEPTED)])
    with pytest.raises(ExchangeError, match="changed since the preview"):
        run_export(plan, tmp_path / "out")
    assert left_behind(tmp_path) == []


def test_no_space_is_said_before_anything_is_written(
    home: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_export(home, "npz")
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
    with pytest.raises(ExchangeError, match=r"needs about .* MB and .* has .* left"):
        run_export(plan, tmp_path / "out")
    assert left_behind(tmp_path) == []


@pytest.mark.parametrize("after", [0, 1, 7])
def test_stopping_leaves_nothing(home: Study, tmp_path: Path, after: int) -> None:
    calls = 0

    def stop() -> bool:
        nonlocal calls
        calls += 1
        return calls > after

    plan = plan_export(home, "coco")
    before = home.releases()
    with pytest.raises(ExchangeError, match="Stopped"):
        run_export(plan, tmp_path / "out", should_stop=stop)
    assert left_behind(tmp_path) == []
    assert home.releases() == before
    with pytest.raises(ExchangeError, match="Stopped"):
        plan_export(home, "coco", should_stop=lambda: True)


def test_progress_tells_the_time_left(home: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("matae.exchange.export.run._REPORT_SECONDS", 0.0)
    told: list[Progress] = []
    plan = plan_export(home, "png", progress=told.append)
    assert [p.done for p in told] == [0, 1, 2, 3]
    told.clear()
    run_export(plan, tmp_path / "out", progress=told.append)
    frames = [p for p in told if p.what == "Writing frames"]
    assert [p.done for p in frames] == list(range(1, 12))
    assert all(p.total == 11 and p.seconds_left is not None and p.seconds_left >= 0 for p in frames)
    assert told[-1] == Progress(11, 11, 0.0, "Done")


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is a POSIX signal")
def test_killed_in_the_middle_nothing_half_made_stands_there(home: Study, tmp_path: Path) -> None:
    script = textwrap.dedent(
        """
        import itertools, sys, time
        from pathlib import Path
        from matae.exchange import plan_export, run_export
        from matae.store import Study
        study = Study.open(sys.argv[1])
        steps = itertools.count()
        def slow():
            print("at work", flush=True)
            if next(steps) == 3:
                time.sleep(3600)  # until it is killed
            return False
        run_export(plan_export(study, "png"), Path(sys.argv[2]), should_stop=slow)
        """
    )
    home.backup(tmp_path / "copy.matae")
    command = [sys.executable, "-c", script, str(tmp_path / "copy.matae"), str(tmp_path / "place" / "out")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for _ in range(4):
            assert process.stdout is not None
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
    (hidden,) = (tmp_path / "place").iterdir()
    assert hidden.name.endswith(".part")
    with Study.open(tmp_path / "copy.matae") as study:
        run_export(plan_export(study, "png"), tmp_path / "place" / "out")
    assert [path.name for path in (tmp_path / "place").iterdir()] == ["out"]


def test_a_heart_that_hangs_upside_down_leaves_apex_up(other: Study, tmp_path: Path) -> None:
    import csv

    from exchange_makers import dice

    from matae.exchange.placing import placement_from_json
    from matae.measure.tracing import mask_of_tracing
    from matae.read import open_cine
    from matae.segment.sector import sector_from_polygon

    cine = open_cine(dicom(tmp_path / "a.dcm", heart()[:, ::-1].copy()))
    other.add_cine(cine, subject="P")
    other.put_edits(cine.content_id, [Edit(1, cavity(1)[::-1].copy(), 0, FrameStatus.ACCEPTED)])
    sector = sector_from_polygon([[111, 80], [40, 20], [14, 80], [40, 140]], apex_down=True)
    plan = plan_export(other, "echonet", sectors={cine.content_id: sector})
    release = run_export(plan, tmp_path / "out", looked=True)
    with (release.folder / "VolumeTracings.csv").open() as file:
        rows = np.array([[float(row[key]) for key in ("X1", "Y1", "X2", "Y2")] for row in csv.DictReader(file)])
    assert rows.shape == (21, 4)
    assert rows[0, 1] < rows[0, 3]  # the apex is above the base
    assert rows[1, 1] < rows[20, 1]
    fit = placement_from_json(release.manifest["clips"][0]["fit"], "")
    assert fit.flip
    assert dice(mask_of_tracing(rows, (112, 112)), fit.mask(cavity(1)[::-1].copy())) > 0.92
    assert plan_import(other, release.folder).n_same == 1


def test_a_view_that_is_any_text_does_not_leave(other: Study, tmp_path: Path) -> None:
    from dataclasses import replace

    from matae.read import open_cine

    cine = replace(open_cine(dicom(tmp_path / "a.dcm", heart())), view="Jane Doe, room 7")
    other.add_cine(cine, subject="P")
    other.put_edits(cine.content_id, [Edit(1, cavity(1), 0, FrameStatus.ACCEPTED)])
    release = run_export(plan_export(other, "png"), tmp_path / "out")
    assert b"Jane" not in b"".join(path.read_bytes() for path in release.folder.rglob("*") if path.is_file())


def test_a_clip_of_unknown_patient_stays_until_somebody_says_who_it_is(other: Study, tmp_path: Path) -> None:
    content_id = add_clip(other, tmp_path / "a.dcm", subject=None)
    with pytest.raises(ExchangeError, match="nobody has said which patient it shows"):
        plan_export(other, "npz")
    assert other.cine(content_id).subject is None
    assert other.splits() == {}
    other.set_subject(content_id, "P7")
    run_export(plan_export(other, "npz"), tmp_path / "out")
    assert other.split_of("P7") is not None
