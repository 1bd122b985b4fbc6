"""Planning an export: what is refused, what is left out and why, what is shown before anything leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import imageio.v3 as iio
import numpy as np
import pytest
from exchange_makers import add_clip, cavity, dicom, heart
from typer.testing import CliRunner

from matae.cli import app
from matae.errors import ExchangeError
from matae.exchange import Counts, plan_export, run_export
from matae.read import open_cine
from matae.store import Edit, FrameStatus

if TYPE_CHECKING:
    from pathlib import Path

    from matae.store import Study


def test_an_empty_study_says_what_to_do(other: Study) -> None:
    with pytest.raises(ExchangeError, match="review some frames first"):
        plan_export(other, "png")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"format": "xls"}, "no format 'xls'"),
        ({"format": "png", "name": "../up"}, "cannot be called"),
        ({"format": "png", "name": ""}, "cannot be called"),
        ({"format": "png", "name": "con"}, "cannot be called"),
        ({"format": "png", "statuses": ("machine",)}, "Only accepted and edited"),
        ({"format": "png", "statuses": ()}, "Only accepted and edited"),
        ({"format": "png", "size": 5}, "size of 5"),
        ({"format": "camus", "size": 112}, "native pixels in camus"),
        ({"format": "png", "cines": []}, "review some frames"),
        ({"format": "png", "view": "Dr. Smith"}, "no view 'Dr. Smith'"),
    ],
)
def test_what_makes_no_sense_is_refused(home: Study, options: dict[str, object], said: str) -> None:
    with pytest.raises(ExchangeError, match=said):
        plan_export(home, **options)  # type: ignore[arg-type]


def test_only_what_a_person_looked_at_leaves(other: Study, tmp_path: Path) -> None:
    from matae.read import open_cine

    cine = open_cine(dicom(tmp_path / "a.dcm", heart()))
    other.add_cine(cine, subject="P")
    other.put_proposals(cine.content_id, {t: cavity(t) for t in range(5)}, model="m", width="1")
    with pytest.raises(ExchangeError, match="no accepted frame"):
        plan_export(other, "npz")
    other.set_status(cine.content_id, [0], FrameStatus.ACCEPTED)
    other.set_status(cine.content_id, [1], FrameStatus.REJECTED)
    other.put_edits(cine.content_id, [Edit(2, cavity(3), other.frames(cine.content_id)[2].revision)])
    assert [clip.frames for clip in plan_export(other, "npz").clips] == [(0,)]
    assert [clip.frames for clip in plan_export(other, "npz", statuses=("accepted", "edited")).clips] == [(0, 2)]


def test_what_a_format_has_no_place_for_is_said(other: Study, tmp_path: Path) -> None:
    add_clip(other, tmp_path / "two.dcm", subject="A", seed=5, frames=(1, 6), ViewName="A2C")
    add_clip(other, tmp_path / "none.dcm", subject="B", seed=6, frames=(1,), ViewName="")
    add_clip(other, tmp_path / "none2.dcm", subject="C", seed=7, frames=(1, 3, 6), ViewName="", marks=False)
    add_clip(other, tmp_path / "nobody.dcm", subject=None, seed=8)
    echonet = plan_export(other, "echonet")
    said = " ".join(finding.sentence for finding in echonet.findings)
    assert "two: it is left out, since it shows A2C" in said
    assert "1 clip with one traced frame" in said
    assert "nobody is left out: nobody has said which patient it shows" in said
    assert "without marked ED and ES" in said
    assert len(echonet.clips) == 2
    camus = plan_export(other, "camus")
    assert [clip.view for clip in camus.clips] == ["A2C"]
    assert "Say which with --view" in " ".join(finding.sentence for finding in camus.findings)
    assert len(plan_export(other, "camus", view="A4C").clips) == 3
    release = run_export(camus, tmp_path / "out")
    assert any(path.name.endswith("_2CH_ED.nii.gz") for path in release.folder.rglob("*"))


def test_a_plan_changes_nothing(home: Study) -> None:
    before = home.sequence
    plan_export(home, "npz")
    assert home.sequence == before


def test_a_plan_shows_what_will_leave(home: Study) -> None:
    plan = plan_export(home, "png", size=64)
    assert plan.n_frames == 11
    assert len(plan.previews) == 3
    for preview in plan.previews:
        assert preview.picture.shape == preview.mask.shape == (64, 64)
        assert preview.mask.any()
        assert 0.2 < preview.blanked < 0.9
    fields = dict(plan.fields)
    assert fields["patient (pseudonym)"].startswith("patient")
    assert "Doe" not in str(plan.fields)
    assert plan.bytes_needed > 11 * 64 * 64


def test_the_preview_is_drawn(home: Study) -> None:
    from matae.exchange.export.contact_sheet import draw_sheet

    picture = draw_sheet(plan_export(home, "npz").previews)
    assert picture.width > 700
    assert len(picture.getcolors(1 << 20)) > 100


def test_every_side_of_the_split_is_counted(home: Study) -> None:
    plan = plan_export(home, "png")
    assert list(plan.splits)[:3] == ["train", "val", "test"]
    assert sum(counts.frames for counts in plan.splits.values()) == plan.n_frames
    assert sum(counts.clips for counts in plan.splits.values()) == len(plan.clips)
    empty = {side for side in plan.splits if side not in {clip.split for clip in plan.clips}}
    assert all(plan.splits[side] == Counts() for side in empty)


def test_no_more_pictures_are_drawn_than_are_looked_at(home: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("matae.exchange.export.plan._PREVIEWS", 2)
    plan = plan_export(home, "png")
    assert len(plan.clips) == 3
    assert len(plan.previews) == 2


@pytest.mark.parametrize("by_command", [False, True], ids=["from Python", "by the command line"])
def test_a_stored_outline_hides_burned_in_text_in_every_export(other: Study, tmp_path: Path, by_command: bool) -> None:
    frames = heart()
    frames[:, 22:40, 60:100] = np.where(np.random.default_rng(9).random((18, 40)) < 0.5, 255, 0)  # in the fan
    cine = open_cine(dicom(tmp_path / "a.dcm", frames))
    other.add_cine(cine, subject="P1")
    other.put_edits(cine.content_id, [Edit(t, cavity(t), 0, FrameStatus.ACCEPTED) for t in (1, 3, 6)])
    other.set_override(cine.content_id, "sector", ((44, 40), (44, 120), (104, 120), (104, 40)))
    folder = tmp_path / "out"
    if by_command:
        words = ("export", "--study", other.target, "--format", "png", "--native", "--out", folder, "--looked")
        done = CliRunner().invoke(app, [str(word) for word in words])
        assert done.exit_code == 0, done.output
    else:
        plan = plan_export(other, "png", native=True)
        assert [clip.sector.source for clip in plan.clips] == ["user"]
        run_export(plan, folder, looked=True)
    pictures = [iio.imread(path) for path in (folder / "images").rglob("*.png")]
    assert len(pictures) == 3
    assert all(picture.max() < 255 for picture in pictures)  # the speckle of the heart stays below
