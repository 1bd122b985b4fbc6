"""LabelMe, EchoNet-Dynamic, PNG pairs and NumPy files as they lie on other people's disks."""

from __future__ import annotations

import base64
import csv
import io
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest
from exchange_makers import cavity, labels
from foreign_makers import ATRIUM, ENDO, EPI, SHAPE, drawn, labelme, picture, shape
from PIL import Image, ImageDraw

from matae.errors import ExchangeError
from matae.exchange import UnknownClassError, plan_import, run_import

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from matae.exchange import ExportedRelease
    from matae.store import Study


def traced(ring: list[float]) -> NDArray[np.bool_]:
    """What LabelMe itself draws of an outline (labelme/utils/shape.py): Pillow's polygon with its outline."""
    canvas = Image.new("L", (SHAPE[1], SHAPE[0]))
    ImageDraw.Draw(canvas).polygon(list(zip(ring[::2], ring[1::2], strict=True)), outline=1, fill=1)
    return np.asarray(canvas, bool)


def only(study: Study) -> NDArray[np.uint8]:
    ((mask,),) = (masks.values() for masks in labels(study).values())
    return mask


# --- LabelMe ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["point", "line", "linestrip", "rectangle", "circle", "points"])
def test_shapes_beside_the_polygon_are_no_mask(other: Study, tmp_path: Path, kind: str) -> None:
    picture(tmp_path / "p1.png")
    beside = shape("apex", [64, 19, 70, 25] if kind != "point" else [64, 19], kind)
    labelme(tmp_path / "p1.json", [beside, shape("LV", ENDO)], "p1.png")
    run_import(plan_import(other, tmp_path))
    np.testing.assert_array_equal(only(other), traced(ENDO))


def test_points_alone_are_no_label(other: Study, tmp_path: Path) -> None:
    for number in (1, 2):
        picture(tmp_path / f"p{number}.png", number)
    labelme(tmp_path / "p1.json", [shape("apex", [64, 19], "point")], "p1.png")
    labelme(tmp_path / "p2.json", [shape("LV", ENDO)], "p2.png")
    plan = plan_import(other, tmp_path)
    assert plan.n_new == 1
    assert plan.problems == ("p1.json has no polygon (point is no mask), so no label; draw the outline as one.",)


def test_names_decide_and_unknown_ones_are_asked_for(other: Study, tmp_path: Path) -> None:
    picture(tmp_path / "p1.png")
    labelme(
        tmp_path / "p1.json", [shape("endocardium", ENDO), shape("RV free", ATRIUM), shape("epicardium", EPI)], "p1.png"
    )
    with pytest.raises(UnknownClassError, match="'RV free'"):
        plan_import(other, tmp_path)
    run_import(plan_import(other, tmp_path, classes={"rv_free": "skip"}))
    np.testing.assert_array_equal(only(other), np.where(traced(ENDO), 1, np.where(traced(EPI), 2, 0)))


@pytest.mark.parametrize("name", ["RV", "object", "1", "polygon"])
def test_a_lone_label_is_not_taken_for_the_ventricle(other: Study, tmp_path: Path, name: str) -> None:
    picture(tmp_path / "p1.png")
    labelme(tmp_path / "p1.json", [shape(name, ENDO)], "p1.png")
    with pytest.raises(UnknownClassError, match=f"'{name}'"):
        plan_import(other, tmp_path)


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("sizes", ["shown", "stored", "unstated"])
def test_a_picture_that_is_shown_turned(other: Study, tmp_path: Path, turn: int, sizes: str) -> None:
    """The mask lies over what a person saw; where the file states the size as stored, over what is stored."""
    from matae.read import open_cine

    exif = Image.Exif()
    exif[0x0112] = turn
    picture(tmp_path / "p1.jpg", exif=exif, quality=95)
    wide = turn < 5
    stated = {"shown": SHAPE if wide else SHAPE[::-1], "stored": SHAPE, "unstated": None}[sizes]
    labelme(tmp_path / "p1.json", [shape("LV", ENDO)], "p1.jpg", stated)
    if sizes == "unstated" and not wide:
        pytest.skip("an outline of the stored picture leaves the shown one")
    run_import(plan_import(other, tmp_path))
    mask, frame = only(other), open_cine(tmp_path / "p1.jpg").frames[0]
    with Image.open(tmp_path / "p1.jpg") as stored:
        assert mask.shape == frame.shape == (SHAPE if wide else SHAPE[::-1])
        if sizes == "stored" and not wide:
            as_drawn = Image.fromarray(traced(ENDO).astype(np.uint8) * 255)
            as_drawn.getexif()[0x0112] = turn
            buffer = io.BytesIO()
            as_drawn.save(buffer, "PNG", exif=exif)
            from PIL import ImageOps

            expected = np.asarray(ImageOps.exif_transpose(Image.open(buffer))) > 0
            np.testing.assert_array_equal(mask, expected)
        else:
            canvas = Image.new("L", mask.shape[::-1])
            ImageDraw.Draw(canvas).polygon(list(zip(ENDO[::2], ENDO[1::2], strict=True)), outline=1, fill=1)
            np.testing.assert_array_equal(mask, np.asarray(canvas))
        assert stored.size == (128, 96)


def test_a_mask_that_labelme_stores_as_a_picture(other: Study, tmp_path: Path) -> None:
    picture(tmp_path / "p1.png")
    inside = drawn(ENDO)
    rows, columns = np.nonzero(inside)
    y0, y1, x0, x1 = rows.min(), rows.max(), columns.min(), columns.max()
    buffer = io.BytesIO()
    Image.fromarray(inside[y0 : y1 + 1, x0 : x1 + 1]).save(buffer, "PNG")
    stencil = base64.b64encode(buffer.getvalue()).decode()
    box = [int(x0), int(y0), int(x1), int(y1)]
    labelme(tmp_path / "p1.json", [shape("LV", box, "mask", mask=stencil)], "p1.png")
    run_import(plan_import(other, tmp_path))
    np.testing.assert_array_equal(only(other), inside)
    for broken in ("%%%", base64.b64encode(b"no picture").decode(), None):
        labelme(tmp_path / "p1.json", [shape("LV", box, "mask", mask=broken)], "p1.png")
        with pytest.raises(ExchangeError, match="mask that is damaged"):
            plan_import(other, tmp_path)


def test_files_with_nothing_drawn_and_older_ones(other: Study, tmp_path: Path) -> None:
    for number in (1, 2):
        picture(tmp_path / f"p{number}.png", number)
    labelme(tmp_path / "p1.json", [], "p1.png")
    old = shape("LV", ENDO)
    old["shape_type"] = None
    labelme(tmp_path / "p2.json", [old], "p2.png", None)
    (tmp_path / "p2.json").write_bytes(b"\xef\xbb\xbf" + (tmp_path / "p2.json").read_bytes())
    plan = plan_import(other, tmp_path)
    assert (plan.n_new, plan.problems) == (1, ("p1.json holds no shape, so no label.",))


def test_a_missing_picture_does_not_stop_the_others(other: Study, tmp_path: Path) -> None:
    picture(tmp_path / "p1.png")
    labelme(tmp_path / "p1.json", [shape("LV", ENDO)], "p1.png")
    labelme(tmp_path / "p2.json", [shape("LV", ENDO)], "p2.png")
    plan = plan_import(other, tmp_path)
    assert plan.n_new == 1
    assert plan.problems == ("p2.json needs its picture p2.png; put it beside the file.",)


# --- EchoNet-Dynamic --------------------------------------------------------------------------------------------


@pytest.fixture
def echonet(released: Callable[..., ExportedRelease], tmp_path: Path) -> Path:
    folder = tmp_path / "echonet"
    shutil.copytree(released("echonet").folder, folder)
    (folder / "release.json").unlink()
    return folder


def videos(folder: Path) -> list[str]:
    with (folder / "FileList.csv").open() as file:
        return [row["FileName"] for row in csv.DictReader(file)]


def kept_rows(folder: Path, table: str, keep: Callable[[str], bool]) -> None:
    lines = (folder / table).read_text().splitlines()
    (folder / table).write_text("\n".join([lines[0], *(line for line in lines[1:] if keep(line))]) + "\n")


def test_a_subset_is_read_and_what_is_missing_is_listed(other: Study, echonet: Path) -> None:
    whole = {clip.clip.name: clip.new for clip in plan_import(other, echonet).clips}
    one, two, three = videos(echonet)
    kept_rows(echonet, "FileList.csv", lambda line: not line.startswith(two))
    (echonet / "Videos" / f"{three}.avi").unlink()
    plan = plan_import(other, echonet)
    assert {clip.clip.name: clip.new for clip in plan.clips} == {one: whole[one]}
    assert plan.problems == (
        f"1 video is listed in FileList.csv but missing in Videos; copy the data again to have them: {three}.",
        f"1 video is traced in VolumeTracings.csv but not listed in FileList.csv; they are left out: {two}.",
    )


def test_other_columns_orders_and_capitals(other: Study, echonet: Path) -> None:
    expected = [(clip.clip.name, clip.new) for clip in plan_import(other, echonet).clips]
    with (echonet / "VolumeTracings.csv").open() as file:
        rows = list(csv.DictReader(file))
    with (echonet / "VolumeTracings.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["Note", "filename", "FRAME", "x1", "Y1", "X2", "y2"])  # and a comma at the end of each row
        for row in rows:
            name = row["FileName"].replace(".avi", ".AVI")
            writer.writerow(["", name, row["Frame"], row["X1"], row["Y1"], row["X2"], row["Y2"], ""])
    text = (echonet / "FileList.csv").read_text()
    (echonet / "FileList.csv").write_text(
        text.replace("FileName", "filename").replace("NumberOfFrames", "numberofframes")
    )
    for path in (echonet / "Videos").iterdir():
        path.rename(path.with_suffix(".AVI"))
    (echonet / "Videos").rename(echonet / "videos")
    (echonet / "FileList.csv").rename(echonet / "filelist.CSV")
    assert [(clip.clip.name, clip.new) for clip in plan_import(other, echonet).clips] == expected


def test_the_same_folder_is_labelled_data(echonet: Path) -> None:
    from matae.labelled import open_labelled

    whole = {ref.id for ref in open_labelled(echonet).refs}
    name = videos(echonet)[0]
    for table in ("FileList.csv", "VolumeTracings.csv"):
        path = echonet / table
        path.write_text(path.read_text().replace(".avi", ".AVI").replace("Frame\n", "FRAME\n", 1))
    for path in (echonet / "Videos").iterdir():
        path.rename(path.with_suffix(".AVI"))
    found = open_labelled(echonet)
    assert {ref.id for ref in found.refs} == whole
    kept_rows(echonet, "FileList.csv", lambda line: not line.startswith(name))
    found = open_labelled(echonet)
    assert {ref.id for ref in found.refs} == whole - {name}
    assert found.notices == ("1 traced videos are not there or not listed, and were left out.",)


# --- pairs of pictures, NumPy files -----------------------------------------------------------------------------


def pairs(root: Path, mask: Image.Image, **more: str) -> Path:
    picture(root / "images" / "f0.png")
    (root / "masks").mkdir()
    mask.save(root / "masks" / "f0.png")
    (root / "index.csv").write_text(
        f"frame,patient{''.join(f',{key}' for key in more)}\nf0,p0{''.join(f',{value}' for value in more.values())}\n"
    )
    return root


def test_a_mask_in_the_alpha_channel(other: Study, tmp_path: Path) -> None:
    inside = drawn(ENDO)
    values = np.full((*SHAPE, 4), 255, np.uint8)
    values[..., 3] = inside * 255
    run_import(plan_import(other, pairs(tmp_path / "a", Image.fromarray(values))))
    np.testing.assert_array_equal(only(other), inside)


def test_an_empty_mask_is_a_label_only_where_somebody_said_so(other: Study, tmp_path: Path) -> None:
    nothing = Image.new("L", SHAPE[::-1])
    with pytest.raises(ExchangeError, match=r"no label that can be imported.*nothing is drawn"):
        plan_import(other, pairs(tmp_path / "a", nothing))
    assert plan_import(other, pairs(tmp_path / "b", nothing, status="accepted")).n_new == 1


def test_a_legend_says_what_the_numbers_mean(other: Study, tmp_path: Path) -> None:
    values = np.where(drawn(ENDO), 3, np.where(drawn(ATRIUM), 1, 0)).astype(np.uint8)
    folder = pairs(tmp_path / "a", Image.fromarray(values))
    (folder / "classes.csv").write_text("value,name\n0,background\n1,LA\n3,Left Ventricle\n")
    run_import(plan_import(other, folder))
    np.testing.assert_array_equal(only(other), np.where(drawn(ENDO), 1, np.where(drawn(ATRIUM), 3, 0)))
    # Training and evaluation read the same folder by the same names.
    from matae.labelled import LabelledError, open_labelled

    read = open_labelled(folder).refs[0].read().masks[0]
    np.testing.assert_array_equal(read, only(other))
    (folder / "classes.csv").write_text("value,name\n1,LA\n3,thing\n")
    with pytest.raises(LabelledError, match=r"the value 3, 'thing' in classes\.csv"):
        open_labelled(folder)
    with pytest.raises(UnknownClassError, match="'thing'"):
        plan_import(other, folder)
    (folder / "classes.csv").write_text("value,name\n1,LA\n")
    with pytest.raises(ExchangeError, match="holds the value 3, which its legend does not name"):
        plan_import(other, folder)


def test_a_missing_mask_does_not_stop_the_others(other: Study, tmp_path: Path) -> None:
    folder = pairs(tmp_path / "a", Image.fromarray(drawn(ENDO)))
    picture(folder / "images" / "f1.png", 1)
    with (folder / "index.csv").open("a") as file:
        file.write("f1,p1\n")
    plan = plan_import(other, folder)
    assert (plan.n_new, plan.problems) == (1, ("masks/f1.png is missing; copy the data again.",))


def test_names_in_a_numpy_file(other: Study, tmp_path: Path) -> None:
    frames = np.random.default_rng(0).integers(0, 255, (3, *SHAPE), np.uint8)
    masks = np.zeros((3, *SHAPE), np.uint8)
    masks[1] = np.where(drawn(ENDO), 2, np.where(drawn(ATRIUM), 1, 0))
    names = {"class_values": np.array([1, 2]), "class_names": np.array(["left atrium", "LV"])}
    np.savez_compressed(tmp_path / "a.npz", frames=frames, masks=masks, **names)
    plan = plan_import(other, tmp_path)
    # Two of three frames are empty: nobody says that they were looked at.
    assert plan.n_new == 1
    assert plan.problems == ("a: 2 frames have a mask in which nothing is drawn, so no label.",)
    run_import(plan)
    np.testing.assert_array_equal(only(other), np.where(drawn(ENDO), 1, np.where(drawn(ATRIUM), 3, 0)))
    np.savez(
        tmp_path / "a.npz", frames=frames, masks=masks, class_values=np.array([1]), class_names=np.array(["a", "b"])
    )
    with pytest.raises(ExchangeError, match="do not fit each other"):
        plan_import(other, tmp_path)


@pytest.mark.parametrize("format_name", ["png", "npz", "coco", "dicom-seg"])
def test_what_we_export_names_its_classes(study: Study, tmp_path: Path, format_name: str) -> None:
    """With three classes, read by the names alone: the manifest and every number are exchanged."""
    from exchange_makers import add_clip

    from matae.exchange import plan_export, run_export
    from matae.store import Study as OpenStudy

    content_id = add_clip(study, tmp_path / "d.dcm", subject="Poe", seed=9, classes=3)
    folder = run_export(plan_export(study, format_name, cines=[content_id]), tmp_path / "out").folder
    (folder / "release.json").unlink()
    with OpenStudy.create(tmp_path / "new.matae") as new:
        plan = plan_import(new, folder)
        assert plan.notes == ()
        run_import(plan)
        masks = list(next(iter(labels(new).values())).values())
    np.testing.assert_array_equal(masks[0], cavity(1, classes=3))


# --- CAMUS ------------------------------------------------------------------------------------------------------


def test_a_reference_mask_that_was_turned(other: Study, tmp_path: Path) -> None:
    import SimpleITK as sitk  # noqa: N813

    from matae.labelled import open_labelled

    folder = tmp_path / "patient0001"
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (1, *SHAPE), np.uint8)
    mask = drawn(ENDO).astype(np.uint8)[None]
    made = [sitk.GetImageFromArray(values) for values in (pixels, mask)]
    for image in made:
        image.SetSpacing((0.3, 0.3, 1))
        image.SetOrigin((10, 20, 0))
        image.SetDirection((-1, 0, 0, 0, -1, 0, 0, 0, 1))
    sitk.WriteImage(made[0], str(folder / "patient0001_4CH_ED.nii.gz"))
    sitk.WriteImage(sitk.DICOMOrient(made[1], "LPS"), str(folder / "patient0001_4CH_ED_gt.nii.gz"))
    run_import(plan_import(other, tmp_path))
    np.testing.assert_array_equal(only(other), mask[0])
    np.testing.assert_array_equal(open_labelled(tmp_path).refs[0].read().masks[0], mask[0])
