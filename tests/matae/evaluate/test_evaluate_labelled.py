"""Labelled data on disk: every way a folder can be wrong, then what is read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from evaluate_makers import (
    phantom,
    phases,
    read_rows,
    write_camus_folder,
    write_echonet_folder,
    write_index_folder,
    write_rows,
)  # fmt: skip
from PIL import Image

from matae.errors import ReadError
from matae.labelled import LabelledError, open_labelled
from matae.measure import tracing


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_index_folder(tmp_path / "data")


# --- what goes wrong ---------------------------------------------------------------------------------------


def test_what_is_no_data_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LabelledError, match="is no folder; name one"):
        open_labelled(tmp_path / "nowhere")
    with pytest.raises(LabelledError, match=r"has no index\.csv and is neither a CAMUS nor"):
        open_labelled(tmp_path)


@pytest.mark.parametrize("content", [b"", b"frame,patient\n", b"\xff\xfe\x00\x01", b'"' + b"x" * 200_000])
def test_an_index_without_rows_is_refused(folder: Path, content: bytes) -> None:
    (folder / "index.csv").write_bytes(content)
    with pytest.raises(LabelledError, match=r"index\.csv"):
        open_labelled(folder)


@pytest.mark.parametrize("column", ["frame", "patient"])
def test_a_missing_column_is_named(folder: Path, column: str) -> None:
    write_rows(folder, [{k: v for k, v in row.items() if k != column} for row in read_rows(folder)])
    with pytest.raises(LabelledError, match=f"lacks {column}; add the column"):
        open_labelled(folder)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"patient": ""}, "no patient in line 2"),
        ({"frame": " "}, "no frame or no patient in line 2"),
        ({"frame": "p0_ES"}, "names the frame p0_ES twice"),
        ({"frame": "../other"}, "outside the folder"),
        ({"frame": "/etc/other"}, "outside the folder"),
        ({"frame": "absent"}, r"masks/absent\.png is named"),
        ({"split": "train"}, "is in both 'train' and 'val'; give each patient one split"),
        ({"spacing_y_mm": "wide"}, "spacing_y_mm is 'wide'"),
        ({"spacing_x_mm": "0"}, "spacing_x_mm is '0'"),
        ({"spacing_x_mm": "-1"}, "spacing_x_mm is '-1'"),
        ({"spacing_x_mm": "inf"}, "spacing_x_mm is 'inf'"),
    ],
)
def test_a_row_that_makes_no_sense_is_refused(folder: Path, change: dict, words: str) -> None:
    rows = read_rows(folder)
    write_rows(folder, [rows[0] | change, *rows[1:]])
    with pytest.raises(LabelledError, match=words):
        open_labelled(folder)


def test_a_split_or_view_that_is_not_there_names_those_that_are(folder: Path) -> None:
    with pytest.raises(LabelledError, match=r"no frame with split 'test': it has val \(4\), train \(2\); choose one"):
        open_labelled(folder, "test")
    with pytest.raises(LabelledError, match=r"no frame of the view A2C: it has A4C \(6\)"):
        open_labelled(folder, view="A2C")
    write_rows(folder, [{k: v for k, v in row.items() if k != "split"} for row in read_rows(folder)])
    with pytest.raises(LabelledError, match="it states none; choose all"):
        open_labelled(folder, "val")
    assert open_labelled(folder).n_frames == 6


@pytest.mark.parametrize("part", ["images", "masks"])
def test_a_folder_without_pictures_or_masks_is_refused(folder: Path, part: str) -> None:
    (folder / part).rename(folder / "elsewhere")
    with pytest.raises(LabelledError, match=f"data has no {part}/; add it"):
        open_labelled(folder)


@pytest.mark.parametrize("part", ["images", "masks"])
def test_pictures_that_are_missing_damaged_or_of_another_size_are_refused(folder: Path, part: str) -> None:
    path = folder / part / "p1_ES.png"
    whole = path.read_bytes()
    path.write_bytes(b"")
    with pytest.raises(LabelledError, match=rf"{part}/p1_ES\.png is damaged"):
        open_labelled(folder, "val")
    assert open_labelled(folder, "train").n_frames == 2, "other frames do not matter"
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(LabelledError, match="is damaged"):
        [ref.read() for ref in open_labelled(folder, "val").refs]
    Image.new("L", (72, 90)).save(path)  # the sides exchanged
    with pytest.raises(LabelledError, match=r"p1_ES: the image is \d+ x \d+ pixels and its mask \d+ x \d+"):
        open_labelled(folder, "val")
    Image.new("RGB", (90, 72)).save(path)
    with pytest.raises(LabelledError, match="8-bit grey PNG, not one of mode RGB"):
        [ref.read() for ref in open_labelled(folder, "val").refs]
    path.unlink()
    with pytest.raises(LabelledError, match="but missing"):
        open_labelled(folder, "val")


@pytest.mark.parametrize("value", [21, 254])
def test_a_mask_of_values_that_are_no_classes_is_refused(folder: Path, value: int) -> None:
    mask = np.zeros((72, 90), np.uint8)
    mask[3, 3] = value
    Image.fromarray(mask).save(folder / "masks" / "p0_ED.png")
    with pytest.raises(LabelledError, match=f"has the value {value}"):
        open_labelled(folder)


def test_camus_without_masks_or_with_odd_ones_is_refused(tmp_path: Path) -> None:
    import SimpleITK

    folder = write_camus_folder(tmp_path / "camus")
    mask = folder / "patient0001" / "patient0001_4CH_ED_gt.nii.gz"
    whole = mask.read_bytes()
    mask.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ReadError, match="damaged or incomplete"):
        open_labelled(folder).refs[0].read()
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(np.ones((90, 72), np.float32)), str(mask))
    with pytest.raises(LabelledError, match="is 72 x 90 pixels and its mask 90 x 72"):
        open_labelled(folder).refs[0].read()
    for path in folder.rglob("*_gt*"):
        path.unlink()
    with pytest.raises(LabelledError, match="has no reference mask"):
        open_labelled(folder)


def test_a_patient_on_two_lists_of_camus_is_refused(tmp_path: Path) -> None:
    folder = write_camus_folder(tmp_path / "database_nifti")
    lists = tmp_path / "database_split"
    lists.mkdir()
    for name in ("training", "testing"):
        (lists / f"subgroup_{name}.txt").write_text("patient0001\n")
    with pytest.raises(LabelledError, match="patient0001 is in both 'train' and 'test' of database_split"):
        open_labelled(folder)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: "", "lacks FileName, Frame, X1"),
        (lambda text: text.replace("X1", "A1"), "lacks X1"),
        (lambda text: text.split("\n", 1)[0] + "\n", "has two traced frames"),
        (lambda text: text + "0X0000.avi,1,2,three,4,5\n", "cannot be read in line 86"),
        (lambda text: text + "0X0000.avi,1,2,nan,4,5\n", "cannot be read in line 86"),
        (lambda text: text + "0X0000.avi,1,2\n", "cannot be read in line 86"),
    ],
)
def test_tracings_that_make_no_sense_are_refused(tmp_path: Path, change: object, words: str) -> None:
    path = write_echonet_folder(tmp_path / "echo") / "VolumeTracings.csv"
    path.write_text(change(path.read_text()))
    with pytest.raises(LabelledError, match=words):
        open_labelled(path.parent)


def test_echonet_without_tracings_has_no_masks(tmp_path: Path) -> None:
    folder = write_echonet_folder(tmp_path / "echo")
    (folder / "VolumeTracings.csv").unlink()
    with pytest.raises(LabelledError, match=r"has no VolumeTracings\.csv, so no masks"):
        open_labelled(folder)


def test_a_tracing_beyond_the_end_of_its_video_is_refused(tmp_path: Path) -> None:
    path = write_echonet_folder(tmp_path / "echo", videos=1) / "VolumeTracings.csv"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines, *(",".join([*line.split(",")[:-1], "99"]) for line in lines[1:22])]) + "\n")
    with pytest.raises(LabelledError, match=r"has 12 frames, but frame 99 of the table \(counted from 0\) is traced"):
        open_labelled(path.parent).refs[0].read()


# --- what is read ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("classes", [1, 3])
def test_frames_of_an_index_are_read_as_they_are(tmp_path: Path, classes: int) -> None:
    folder = write_index_folder(tmp_path / "data", classes=classes, shapes=((72, 90), (64, 64)))
    found = open_labelled(folder, "val")
    assert (found.kind, found.n_frames, found.notices) == ("index", 4, ())
    assert list(found.classes) == list(range(1, classes + 1))
    assert found.classes[1] == "left ventricular cavity"
    for ref, (seed, shape) in zip(found.refs, [(0, (72, 90))] * 2 + [(1, (64, 64))] * 2, strict=True):
        made, case = phantom(seed, shape), ref.read()
        t = phases(made)[ref.phase]
        np.testing.assert_array_equal(case.cine.frames[0], made.cine.frames[t])
        np.testing.assert_array_equal(case.masks[0], made.labels[t] * (made.labels[t] <= classes))
        assert case.cine.spacing == made.cine.spacing
        assert (ref.patient, ref.view, ref.reference_ef) == (f"p{seed}", "A4C", 50 + seed)
        assert case.phases == {0: ref.phase}


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"spacing_mm": "0.5"}, (0.5, 0.5)),
        ({"spacing_mm": ""}, None),
        ({"spacing_mm": "nan"}, None),
        ({"spacing_y_mm": "0.3", "spacing_x_mm": ""}, None),
        ({"spacing_y_mm": "0.3", "spacing_x_mm": "0.6", "spacing_mm": "9"}, (0.3, 0.6)),
        ({}, None),
    ],
)
def test_spacing_is_that_of_the_index_or_unknown(folder: Path, columns: dict, expected: object) -> None:
    write_rows(folder, [{"frame": row["frame"], "patient": row["patient"], **columns} for row in read_rows(folder)])
    assert open_labelled(folder).refs[0].read().cine.spacing == expected


def test_frames_in_folders_of_their_clip_and_in_any_order_come_together(folder: Path) -> None:
    for part in ("images", "masks"):
        (folder / part / "clip").mkdir()
        for path in (folder / part).glob("*.png"):
            path.rename(path.parent / "clip" / path.name)
    rows = [row | {"frame": f"clip/{row['frame']}", "clip": row["patient"]} for row in read_rows(folder)]
    write_rows(folder, [*rows[::2], *rows[1::2]])
    assert [ref.patient for ref in open_labelled(folder).refs] == ["p0", "p0", "p1", "p1", "p2", "p2"]


def test_other_views_are_left_out_and_counted(folder: Path) -> None:
    rows = read_rows(folder)
    write_rows(folder, [rows[0] | {"view": "A2C"}, rows[1] | {"view": ""}, *rows[2:]])
    found = open_labelled(folder)
    assert found.n_frames == 5
    assert found.notices == ("1 frames or clips of another view than A4C were left out.",)
    assert open_labelled(folder, view="all").n_frames == 6


@pytest.mark.parametrize("suffix", [".nii.gz", ".mhd"])
def test_camus_is_read_with_its_three_classes_and_official_split(tmp_path: Path, suffix: str) -> None:
    folder = write_camus_folder(tmp_path / "database", suffix=suffix)
    (folder / "database_split").mkdir()
    (folder / "database_split" / "subgroup_testing.txt").write_text("patient0002\npatient0444\n")
    found = open_labelled(folder, "test")
    assert list(found.classes.values()) == ["left ventricular cavity", "myocardium", "left atrium"]
    assert [(ref.id, ref.quality, ref.reference_ef) for ref in found.refs] == [
        (f"patient0002_4CH_{phase}", "Good", 55) for phase in ("ED", "ES")
    ]
    made = phantom(2)
    for ref in found.refs:
        case, t = ref.read(), phases(made)[ref.phase]
        np.testing.assert_array_equal(case.cine.frames[0], made.cine.frames[t])
        np.testing.assert_array_equal(case.masks[0], made.labels[t])
        assert case.cine.spacing == pytest.approx(made.cine.spacing)


def test_a_camus_mask_of_the_cavity_alone_stays_one_class(tmp_path: Path) -> None:
    import SimpleITK

    folder = write_camus_folder(tmp_path / "camus", patients=1)
    path = folder / "patient0001" / "patient0001_4CH_ED_gt.nii.gz"
    cavity = phantom(1).masks[phases(phantom(1))["ED"]]
    for kind in (np.float32, np.uint8):
        SimpleITK.WriteImage(SimpleITK.GetImageFromArray(cavity.astype(kind)), str(path))
        np.testing.assert_array_equal(open_labelled(folder).refs[0].read().masks[0], cavity)


def test_stills_without_a_mask_are_counted(tmp_path: Path) -> None:
    folder = write_camus_folder(tmp_path / "camus")
    (folder / "patient0001" / "patient0001_4CH_ED_gt.nii.gz").unlink()
    found = open_labelled(folder)
    assert (found.n_frames, found.notices) == (3, ("1 stills without a reference mask were left out.",))


def test_echonet_is_drawn_from_its_tracings(tmp_path: Path) -> None:
    from skimage.draw import polygon

    folder = write_echonet_folder(tmp_path / "echo", videos=3)
    with (folder / "FileList.csv").open("a") as file:
        file.write("0XABSENT,50,40,80,112,112,12,12,TEST\n")
    found = open_labelled(folder, "test")
    assert [ref.id for ref in found.refs] == ["0X0000", "0X0002"]
    assert found.n_frames == 4
    made, case = phantom(0, (112, 112)), found.refs[0].read()
    assert case.cine.n_frames == 12
    assert {phase: t for t, phase in case.phases.items()} == phases(made)
    for t, mask in case.masks.items():
        rows = np.rint(tracing(made.masks[t])[1:])
        expected = np.zeros((112, 112), np.uint8)
        outline = np.concatenate([rows[:, :2], rows[::-1, 2:]])
        expected[polygon(outline[:, 1], outline[:, 0], (112, 112))] = 1
        np.testing.assert_array_equal(mask, expected)


def test_a_video_with_one_traced_frame_is_left_out(tmp_path: Path) -> None:
    path = write_echonet_folder(tmp_path / "echo") / "VolumeTracings.csv"
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:22] + lines[43:]) + "\n")
    found = open_labelled(path.parent)
    assert [ref.id for ref in found.refs] == ["0X0001"]
    assert found.notices == ("1 videos with fewer than two traced frames were left out.",)
