"""Exports opened by code that is not ours: few-line readers of the conventions, and the field's own libraries."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
from typing import TYPE_CHECKING

import numpy as np
import pytest
from exchange_makers import COUNT, ED, ES, cavity, dice, fan

from matae.exchange.names import Pseudonyms

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from matae.exchange import ExportedRelease
    from matae.store import Study


def echonet_masks(root: Path) -> dict[str, list[tuple[int, NDArray[np.uint8]]]]:
    """Read as EchoNet-Dynamic's own loader does: header to the letter, first frame small, last frame large."""
    from skimage.draw import polygon

    lines = (root / "VolumeTracings.csv").read_text().splitlines()
    assert lines[0].split(",") == ["FileName", "X1", "Y1", "X2", "Y2", "Frame"]
    frames: dict[str, list[int]] = {}
    trace: dict[tuple[str, int], list[list[float]]] = {}
    for line in lines[1:]:
        name, x1, y1, x2, y2, frame = line.split(",")
        if (name, int(frame)) not in trace:
            frames.setdefault(name, []).append(int(frame))
        trace.setdefault((name, int(frame)), []).append([float(x1), float(y1), float(x2), float(y2)])
    found: dict[str, list[tuple[int, NDArray[np.uint8]]]] = {}
    for name, numbers in frames.items():
        for number in numbers:
            x1, y1, x2, y2 = np.array(trace[name, number]).T
            assert len(x1) == 21
            x, y = np.concatenate((x1[1:], np.flip(x2[1:]))), np.concatenate((y1[1:], np.flip(y2[1:])))
            r, c = polygon(np.rint(y).astype(int), np.rint(x).astype(int), (112, 112))
            mask = np.zeros((112, 112), np.uint8)
            mask[r, c] = 1
            found.setdefault(name, []).append((number, mask))
    return found


def test_echonet_dynamic(released: Callable[..., ExportedRelease]) -> None:
    import imageio.v3 as iio

    release = released("echonet")
    with (release.folder / "FileList.csv").open() as file:
        rows = list(csv.DictReader(file))
    columns = ["FileName", "EF", "ESV", "EDV", "FrameHeight", "FrameWidth", "FPS", "NumberOfFrames", "Split"]
    assert list(rows[0]) == columns
    masks = echonet_masks(release.folder)
    assert {f"{row['FileName']}.avi" for row in rows} == masks.keys()
    for row in rows:
        assert row["Split"] in {"TRAIN", "VAL", "TEST"}
        assert (row["FrameHeight"], row["FrameWidth"], row["NumberOfFrames"]) == ("112", "112", str(COUNT))
        assert float(row["FPS"]) == pytest.approx(50)
        ef, edv, esv = (float(row[key]) for key in ("EF", "EDV", "ESV"))
        assert ef == pytest.approx(100 * (edv - esv) / edv, abs=1e-3)
        video = iio.imread(release.folder / "Videos" / f"{row['FileName']}.avi", plugin="pyav")
        assert video.shape == (COUNT, 112, 112, 3)
        assert int(np.ptp(video.astype(int), axis=-1).max()) <= 2  # three equal channels
        traced = masks[f"{row['FileName']}.avi"]
        assert (traced[0][0], traced[-1][0]) == (ES, ED)
        assert traced[0][1].sum() == min(mask.sum() for _, mask in traced)
        # The tracing lies on the dark of nothing, but on the heart: the speckle is as bright inside as around.
        assert video[ED][traced[-1][1] > 0].mean() > 40


def test_echonet_pictures_are_those_of_the_clip(released: Callable[..., ExportedRelease], home: Study) -> None:
    import imageio.v3 as iio

    from matae.exchange.placing import placement_from_json
    from matae.read import open_cine

    release = released("echonet")
    keys = {Pseudonyms(home.secret).key(summary.content_id): summary.content_id for summary in home.cines()}
    clip = release.manifest["clips"][0]
    frames = open_cine(home.path_of(keys[clip["key"]])).frames
    fit = placement_from_json(clip["fit"], "")
    video = iio.imread(release.folder / "Videos" / f"{clip['name']}.avi", plugin="pyav")[..., 0]
    for t in (0, COUNT - 1):
        assert np.abs(video[t].astype(int) - fit.image(frames[t])).mean() < 6  # speckle is the worst case of JPEG


def test_camus(released: Callable[..., ExportedRelease]) -> None:
    import SimpleITK as sitk  # noqa: N813

    root = released("camus").folder
    listed = {p for f in (root / "database_split").glob("*.txt") for p in f.read_text().split()}
    patients = sorted(p.name for p in (root / "database_nifti").iterdir())
    assert listed == set(patients)
    for patient in patients:
        folder = root / "database_nifti" / patient
        cfg = dict(line.split(": ") for line in (folder / "Info_4CH.cfg").read_text().splitlines())
        sequence = sitk.ReadImage(str(folder / f"{patient}_4CH_half_sequence.nii.gz"))
        assert sequence.GetSize() == (160, 120, int(cfg["NbFrame"]))
        assert sequence.GetSpacing() == pytest.approx((0.8, 0.8, 0.02))
        frames = sitk.GetArrayFromImage(sequence)
        for phase, t in (("ED", ED), ("ES", ES)):
            image = sitk.ReadImage(str(folder / f"{patient}_4CH_{phase}.nii.gz"))
            label = sitk.ReadImage(str(folder / f"{patient}_4CH_{phase}_gt.nii.gz"))
            assert image.GetDimension() == label.GetDimension() == 2
            assert image.GetSpacing() == label.GetSpacing() == pytest.approx((0.8, 0.8))
            np.testing.assert_array_equal(sitk.GetArrayFromImage(label), cavity(t))
            np.testing.assert_array_equal(sitk.GetArrayFromImage(image), frames[int(cfg[phase]) - 1])
        assert 0 < float(cfg["EF"]) < 100
        assert float(cfg["FrameRate"]) == pytest.approx(50)
        whole = folder / f"{patient}_4CH_half_sequence_gt.nii.gz"
        if whole.exists():
            masks = sitk.GetArrayFromImage(sitk.ReadImage(str(whole)))
            np.testing.assert_array_equal(masks, [cavity(t) for t in range(ED, ES + 1)])


def test_coco(released: Callable[..., ExportedRelease]) -> None:
    from PIL import Image
    from pycocotools.coco import COCO

    root = released("coco").folder
    count = 0
    for path in (root / "annotations").glob("instances_*.json"):
        data = COCO(str(path))
        assert [category["name"] for category in data.loadCats(data.getCatIds())] == ["left ventricular cavity"]
        for image in data.loadImgs(data.getImgIds()):
            (annotation,) = data.loadAnns(data.getAnnIds(imgIds=[image["id"]]))
            mask = data.annToMask(annotation)
            np.testing.assert_array_equal(mask, cavity(image["frame"]))
            y, x = np.nonzero(mask)
            assert annotation["bbox"] == [x.min(), y.min(), np.ptp(x) + 1, np.ptp(y) + 1]
            assert annotation["area"] == mask.sum()
            with Image.open(root / "images" / image["file_name"]) as picture:
                assert picture.size == (image["width"], image["height"])
            count += 1
    assert count == 11


def test_numpy(released: Callable[..., ExportedRelease]) -> None:
    root = released("npz").folder
    for path in (root / "clips").glob("*.npz"):
        with np.load(path, allow_pickle=False) as data:
            assert data["frames"].shape == data["masks"].shape
            for number, mask in zip(data["frame_numbers"], data["masks"], strict=True):
                np.testing.assert_array_equal(mask, cavity(int(number)))


def test_png_pairs(released: Callable[..., ExportedRelease]) -> None:
    from PIL import Image

    root = released("png").folder
    masks = sorted((root / "masks").rglob("*.png"))
    assert len(masks) == 11
    for path in masks:
        with Image.open(path) as mask, Image.open(root / "images" / path.relative_to(root / "masks")) as picture:
            np.testing.assert_array_equal(np.asarray(mask), 255 * cavity(int(path.stem)))
            image = np.asarray(picture)
        assert image.shape == (120, 160)
        assert not image[~fan()][:20].any()


def test_the_trainer_reads_the_folder_as_it_is(released: Callable[..., ExportedRelease]) -> None:
    from matae.train.data import load_frames

    release = released("png", size=64)
    for split, counts in release.manifest["splits"].items():
        if counts["frames"]:
            frames = load_frames(release.folder, split)
            assert frames.images.shape == (counts["frames"], 64, 64)
            assert frames.classes == 1
            assert len(set(frames.patients)) == counts["patients"]
            assert np.isfinite(frames.spacing).all()
            assert {"ED", "ES"} <= set(frames.phases)


def test_dicom_by_highdicom_and_pydicom(released: Callable[..., ExportedRelease]) -> None:
    import highdicom
    from pydicom import dcmread

    root = released("dicom-seg").folder
    images = {dataset.SOPInstanceUID: dataset for dataset in map(dcmread, (root / "images").glob("*.dcm"))}
    segs = sorted((root / "segmentations").glob("*.dcm"))
    assert len(segs) == 11
    for path in segs:
        seg = highdicom.seg.segread(path)
        ((study_uid, _, image_uid),) = seg.get_source_image_uids()
        image = images[image_uid]
        assert study_uid == image.StudyInstanceUID
        number = seg.PerFrameFunctionalGroupsSequence[0].DerivationImageSequence[0].SourceImageSequence[0]
        frame = int(number.ReferencedFrameNumber)
        planes = seg.get_pixels_by_source_frame(image_uid, [frame])
        np.testing.assert_array_equal(planes[0, ..., 0], cavity(int(path.stem.rpartition("_")[2])))
        assert image.pixel_array.reshape(-1, 120, 160)[frame - 1].shape == planes.shape[1:3]
        assert seg.get_segment_description(1).segment_label == "left ventricular cavity"


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy (Debian's dicom3tools) is not installed")
def test_dciodvfy_finds_no_error(released: Callable[..., ExportedRelease]) -> None:
    files = sorted(released("dicom-seg").folder.rglob("*.dcm"))
    assert len(files) == 14
    for path in files:
        said = subprocess.run(["dciodvfy", path], capture_output=True, text=True, check=False).stderr
        assert "Segmentation" in said or "USMultiFrameImage" in said
        assert "Error" not in said


def test_dice_of_an_independent_reader(released: Callable[..., ExportedRelease]) -> None:
    # Whole pixels on a cavity 30 pixels wide: the reader's rounding alone costs some hundredths.
    from matae.exchange.placing import placement_from_json

    release = released("echonet")
    masks = echonet_masks(release.folder)
    for clip in release.manifest["clips"]:
        fit = placement_from_json(clip["fit"], "")
        for number, mask in masks[f"{clip['name']}.avi"]:
            assert dice(mask, fit.mask(cavity(number))) > 0.92


def test_manifest_is_plain_json(released: Callable[..., ExportedRelease]) -> None:
    values = json.loads((released("coco").folder / "release.json").read_text())
    assert values["release"]["name"] == "release"
    assert "Research use only" in values["research_use"]
