"""Importing: conflicts are listed and kept, other people's folders are read, a person is never overwritten."""

from __future__ import annotations

import json
import zipfile
from typing import TYPE_CHECKING

import numpy as np
import pytest
from exchange_makers import ED, ES, cavity, contents, heart, labels

from matae.errors import ExchangeError
from matae.exchange import UnknownClassError, plan_import, run_import
from matae.read import open_cine
from matae.store import Edit, FrameStatus, Study, SubjectSource

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from matae.exchange import ExportedRelease


def write_png(path: Path, pixels: np.ndarray) -> Path:
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.ascontiguousarray(pixels)).save(path)
    return path


def flat_folder(root: Path, *, split: bool = True) -> Path:
    """Pairs as others keep them: flat, with an index of three columns."""
    lines = ["frame,patient,split"]
    for number in range(3):
        write_png(root / "images" / f"f{number}.png", heart(1, seed=number)[0])
        write_png(root / "masks" / f"f{number}.png", 255 * cavity(number))
        lines.append(f"f{number},p{number // 2},{'train' if split else ''}")
    (root / "index.csv").write_text("\n".join(lines) + "\n")
    return root


def test_what_is_no_training_data_is_refused(other: Study, tmp_path: Path) -> None:
    with pytest.raises(ExchangeError, match="does not exist"):
        plan_import(other, tmp_path / "nothing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ExchangeError, match="laid out like none"):
        plan_import(other, tmp_path / "empty")
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(ExchangeError, match="no training data"):
        plan_import(other, tmp_path / "a.txt")


def test_a_plan_changes_nothing(other: Study, released: Callable[..., ExportedRelease]) -> None:
    before = other.sequence
    plan = plan_import(other, released("coco").folder)
    assert (plan.n_new, plan.n_patients, len(plan.clips)) == (11, 2, 3)
    assert other.sequence == before


def test_a_persons_label_stays_and_the_conflict_is_listed(
    study: Study, released: Callable[..., ExportedRelease]
) -> None:
    content_id = study.cines()[0].content_id
    mine = cavity(1)
    mine[50:60, 80:90] = 0
    study.put_edits(content_id, [Edit(1, mine, study.frames(content_id)[1].revision)])
    study.set_status(content_id, [3], FrameStatus.REJECTED)
    study.put_edits(content_id, [Edit(6, None, study.frames(content_id)[6].revision)])
    before = study.frames(content_id)
    plan = plan_import(study, released("png").folder)
    (clip,) = [clip for clip in plan.clips if clip.content_id == content_id]
    assert clip.conflicts == (1,)
    assert clip.new == (6,)
    assert f"Kept as they are: {clip.clip.name}, frames 2." in plan.describe()
    result = run_import(plan)
    assert (result.stored, result.conflicts) == (1, 1)
    np.testing.assert_array_equal(study.mask(content_id, 1), mine)
    after = study.frames(content_id)
    assert {t: after[t] for t in (1, 3)} == {t: before[t] for t in (1, 3)}


def test_a_proposal_of_a_machine_gives_way(other: Study, released: Callable[..., ExportedRelease], home: Study) -> None:
    run_import(plan_import(other, released("npz").folder))
    content_id = other.cines()[0].content_id
    frames = list(other.frames(content_id))
    other.put_edits(content_id, [Edit(frames[0], None, other.frames(content_id)[frames[0]].revision)])
    other.put_proposals(content_id, {frames[0]: np.zeros_like(cavity(0))}, model="m", width="1")
    assert not other.mask(content_id, frames[0]).any()
    result = run_import(plan_import(other, released("npz").folder))
    assert result.stored == 1
    assert other.mask(content_id, frames[0]).any()
    assert other.frames(content_id)[frames[0]].status is FrameStatus.ACCEPTED


def test_somebody_who_is_faster_wins(other: Study, released: Callable[..., ExportedRelease]) -> None:
    run_import(plan_import(other, released("png").folder))
    content_id = other.cines()[0].content_id
    for t, info in other.frames(content_id).items():
        other.put_edits(content_id, [Edit(t, None, info.revision)])
    plan = plan_import(other, released("png").folder)
    assert plan.n_new > 1
    with Study.open(other.target, rater="faster") as second:
        mine = np.ones_like(cavity(0))
        second.put_edits(content_id, [Edit(0, mine, 0)])
    result = run_import(plan)
    assert (result.stored, result.conflicts) == (plan.n_new - 1, 1)
    np.testing.assert_array_equal(other.mask(content_id, 0), mine)


def test_flat_pairs_of_others(other: Study, tmp_path: Path) -> None:
    plan = plan_import(other, flat_folder(tmp_path / "data"))
    assert (plan.format, plan.n_new, plan.n_patients) == ("png", 3, 2)
    assert run_import(plan).stored == 3
    assert {summary.subject for summary in other.cines()} == {"p0", "p1"}
    assert other.splits() == {"p0": "train", "p1": "train"}
    assert all(mask.max() == 1 for masks in labels(other).values() for mask in masks.values())


def test_sides_of_the_data_set_are_taken_for_new_patients(other: Study, tmp_path: Path) -> None:
    other.assign_splits(shares={"test": 1.0})
    result = run_import(plan_import(other, flat_folder(tmp_path / "data")))
    assert (result.stored, result.problems) == (3, [])
    assert other.splits() == {"p0": "train", "p1": "train"}


def test_sides_of_the_study_win(other: Study, tmp_path: Path) -> None:
    folder = flat_folder(tmp_path / "data")
    for subject in ("p0", "p1"):
        other.add_subject(subject, "test")
    result = run_import(plan_import(other, folder))
    assert result.stored == 3
    assert "no subject changes side" in result.problems[0]
    assert set(other.splits().values()) == {"test"}
    assert len(result.problems) == 2


def test_one_patient_on_two_sides_is_refused(other: Study, tmp_path: Path) -> None:
    folder = flat_folder(tmp_path / "data")
    text = (folder / "index.csv").read_text().replace("f1,p0,train", "f1,p0,val")
    (folder / "index.csv").write_text(text)
    with pytest.raises(ExchangeError, match="Patient p0 is on two sides"):
        plan_import(other, folder)


def test_one_bad_clip_does_not_stop_the_others(other: Study, tmp_path: Path) -> None:
    folder = flat_folder(tmp_path / "data")
    write_png(folder / "masks" / "f0.png", np.zeros((20, 30), np.uint8))
    (folder / "images" / "f1.png").unlink()
    plan = plan_import(other, folder)
    assert plan.n_new == 1
    said = " ".join(plan.problems)
    assert "f0.png is 30 x 20 pixels, its picture 160 x 120" in said
    assert "images/f1.png is missing" in said
    assert run_import(plan).stored == 1


def labelme(folder: Path, name: str, points: object, **changes: object) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    write_png(folder / f"{name}.png", heart(1, seed=len(name))[0])
    values = {
        "version": "5.4.1", "flags": {}, "imagePath": f"{name}.png", "imageData": None,
        "imageHeight": 120, "imageWidth": 160,
        "shapes": [{"label": "LV", "points": points, "group_id": None, "shape_type": "polygon", "flags": {}}],
    }  # fmt: skip
    path = folder / f"{name}.json"
    path.write_text(json.dumps(values | changes))
    return path


SQUARE = [[60, 30], [100, 30], [100, 80], [60, 80]]


def test_labelme_polygons(other: Study, tmp_path: Path) -> None:
    labelme(tmp_path / "a", "case7_frame3", SQUARE)
    labelme(tmp_path / "a", "case7_frame11", SQUARE)
    labelme(tmp_path / "a", "case8_frame100", SQUARE)
    labelme(tmp_path / "a", "case9_frame200", SQUARE)
    plan = plan_import(other, tmp_path / "a")
    assert (plan.format, plan.n_new, plan.n_patients) == ("labelme", 3, 0)
    assert plan.n_unknown == 3
    assert plan.problems == ("case9_frame200.png shows the same pixels as case8_frame100.png; it is left out.",)
    assert run_import(plan).stored == 3
    assert {cine.known_subject for cine in other.cines()} == {None}  # whatever the files are called
    for masks in labels(other).values():
        assert masks[0].sum() == 41 * 51
        assert masks[0][30:81, 60:101].all()


def test_a_single_labelme_file_and_one_from_windows(other: Study, tmp_path: Path) -> None:
    path = labelme(tmp_path / "x" / "labels", "p1", SQUARE, imagePath="..\\pictures\\p1.png")
    (tmp_path / "x" / "pictures").mkdir()
    (tmp_path / "x" / "labels" / "p1.png").rename(tmp_path / "x" / "pictures" / "p1.png")
    assert plan_import(other, tmp_path / "x").n_new == 1
    with pytest.raises(ExchangeError, match="outside the folder"):
        plan_import(other, path)


def test_labelme_names_decide_the_class(other: Study, tmp_path: Path) -> None:
    shapes = [
        {"label": "Left Ventricle", "points": SQUARE, "shape_type": "polygon"},
        {"label": "myocardium", "points": [[50, 20], [110, 20], [110, 90], [50, 90]], "shape_type": "polygon"},
    ]
    labelme(tmp_path / "a", "p1", SQUARE, shapes=shapes)
    run_import(plan_import(other, tmp_path / "a"))
    ((mask,),) = (masks.values() for masks in labels(other).values())
    assert mask[50, 80] == 1
    assert mask[25, 55] == 2


def test_coco_polygons_of_others(other: Study, tmp_path: Path) -> None:
    from pycocotools import mask as coco

    write_png(tmp_path / "images" / "a.png", heart(1)[0])
    (tmp_path / "annotations").mkdir()
    runs = coco.encode(np.asfortranarray(cavity(ES)))
    values = {
        "images": [{"id": 7, "file_name": "a.png", "width": 160, "height": 120}],
        "categories": [{"id": 1, "name": "lv"}, {"id": 5, "name": "other"}],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 1, "segmentation": {**runs, "counts": runs["counts"].decode()}},
            {"id": 2, "image_id": 7, "category_id": 5, "segmentation": [[10, 10, 20, 10, 20, 20, 10, 20]]},
        ],
    }
    (tmp_path / "annotations" / "instances.json").write_text(json.dumps(values))
    with pytest.raises(UnknownClassError, match="the class 'other', which is none of") as error:
        plan_import(other, tmp_path)
    assert error.value.names == ("other",)
    assert run_import(plan_import(other, tmp_path, classes={"other": "left atrium"})).stored == 1
    ((mask,),) = (masks.values() for masks in labels(other).values())
    np.testing.assert_array_equal(mask == 1, cavity(ES) == 1)
    assert mask[15, 15] == 3


def test_echonet_frames_with_other_rows_are_said(
    other: Study, released: Callable[..., ExportedRelease], tmp_path: Path
) -> None:
    import shutil

    folder = tmp_path / "data"
    shutil.copytree(released("echonet").folder, folder)
    (folder / "release.json").unlink()
    lines = (folder / "VolumeTracings.csv").read_text().splitlines()
    (folder / "VolumeTracings.csv").write_text("\n".join([lines[0], *lines[2:]]) + "\n")
    plan = plan_import(other, folder)
    assert plan.n_new == 10
    assert "has 20 rows instead of 21" in plan.problems[0]


def test_a_zip_is_unpacked_beside_itself(
    other: Study, released: Callable[..., ExportedRelease], tmp_path: Path
) -> None:
    folder = released("png").folder
    with zipfile.ZipFile(tmp_path / "data.zip", "w") as archive:
        for name, data in contents(folder).items():
            archive.writestr(f"png/{name}", data)
    plan = plan_import(other, tmp_path / "data.zip")
    assert plan.n_new == 11
    assert contents(tmp_path / "data") == contents(folder)
    assert run_import(plan).stored == 11
    with pytest.raises(ExchangeError, match="there already"):
        plan_import(other, tmp_path / "data.zip")


def test_stopping_keeps_what_is_stored_and_goes_on(other: Study, released: Callable[..., ExportedRelease]) -> None:
    folder = released("png").folder
    with pytest.raises(ExchangeError, match="Stopped"):
        plan_import(other, folder, should_stop=lambda: True)
    calls = iter([False, True])
    result = run_import(plan_import(other, folder), should_stop=lambda: next(calls))
    assert 0 < result.stored < 11
    assert "import again to go on" in result.problems[0]
    assert run_import(plan_import(other, folder)).stored == 11 - result.stored


def test_marks_come_along_and_statuses_too(study: Study, other: Study, tmp_path: Path) -> None:
    from matae.exchange import plan_export, run_export

    content_id = study.cines()[0].content_id
    study.put_edits(content_id, [Edit(2, cavity(2), 0)])
    for format_name in ("png", "coco", "npz"):
        plan = plan_export(study, format_name, statuses=("accepted", "edited"), cines=[content_id])
        folder = run_export(plan, tmp_path / format_name).folder
        with Study.create(tmp_path / f"{format_name}.matae") as new:
            run_import(plan_import(new, folder))
            (summary,) = new.cines()
            assert [str(i.status) for i in new.frames(summary.content_id).values()] == [
                "accepted", "edited", "accepted", "accepted",
            ]  # fmt: skip
            marks = new.marks(summary.content_id)
            assert (marks.ed, marks.es) == (0, 3)
    assert ED == 1


def test_a_dicom_segmentation_and_its_clip_are_one_patient(
    home: Study, other: Study, released: Callable[..., ExportedRelease]
) -> None:
    folder = released("dicom-seg").folder
    plan = plan_import(other, folder)
    assert plan.n_unknown == 0
    image = open_cine(next(path for path in sorted(folder.rglob("*.dcm")) if is_image(path)))
    before = other.add_as_stated(image).subject
    run_import(plan)
    subjects = {cine.content_id: cine.subject for cine in other.cines()}
    assert subjects[image.content_id] == before
    assert len(set(subjects.values())) == plan.n_patients == 2
    assert {cine.subject_source for cine in other.cines()} == {SubjectSource.FILE}


def is_image(path: Path) -> bool:
    from pydicom import dcmread

    return str(dcmread(path, stop_before_pixels=True).Modality) == "US"


@pytest.mark.parametrize("number", ["", "ANONYMOUS", "0000"])
def test_a_segmentation_of_nobody_is_of_unknown_patient(
    other: Study, released: Callable[..., ExportedRelease], tmp_path: Path, number: str
) -> None:
    import shutil

    from pydicom import dcmread

    folder = tmp_path / "seg"
    shutil.copytree(released("dicom-seg").folder, folder)
    for path in folder.rglob("*.dcm"):
        dataset = dcmread(path)
        dataset.PatientID = number
        dataset.save_as(path)
    for path in folder.glob("*.json"):
        path.unlink()
    run_import(plan_import(other, folder))
    assert {cine.known_subject for cine in other.cines()} == {None}
    assert other.assign_splits() == {}


def test_an_array_without_a_patient_is_of_unknown_patient(other: Study, tmp_path: Path) -> None:
    frames = heart(4)
    np.savez(tmp_path / "Doe_Jane.npz", frames=frames, masks=np.stack([cavity(0)] * 4))
    plan = plan_import(other, tmp_path)
    assert plan.n_unknown == 1
    run_import(plan)
    assert [cine.known_subject for cine in other.cines()] == [None]
