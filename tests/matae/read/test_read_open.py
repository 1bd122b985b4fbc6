from __future__ import annotations

import pickle
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from PIL import Image
from read_makers import coded_frames, dataset, grey_clip, save, write_video

from matae.errors import ReadError
from matae.read import can_read, is_supported_suffix, list_cines, open_cine
from matae.read._formats import natural_key, view_from_text

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def camus(tmp_path: Path) -> Path:
    for suffix, patient in ((".nii.gz", "patient0001"), (".mhd", "patient0002")):
        folder = tmp_path / "camus" / patient
        folder.mkdir(parents=True)
        for view in ("2CH", "4CH"):
            (folder / f"Info_{view}.cfg").write_text(
                "ED: 1\nES: 5\nNbFrame: 6\nImageQuality: Good\nEF: 54\nFrameRate: 50\n"
            )
            for what, count in (("ED", 1), ("ES", 1), ("half_sequence", 6)):
                for tail in ("", "_gt"):
                    image = sitk.GetImageFromArray(grey_clip(count))
                    image.SetSpacing((0.3, 0.15, 1.5))
                    sitk.WriteImage(image, str(folder / f"{patient}_{view}_{what}{tail}{suffix}"))
    return tmp_path / "camus"


@pytest.fixture
def echonet(tmp_path: Path) -> Path:
    folder = tmp_path / "EchoNet-Dynamic"
    (folder / "Videos").mkdir(parents=True)
    write_video(folder / "Videos" / "0XA.avi", coded_frames(10), rate=50)
    write_video(folder / "Videos" / "0XB.avi", coded_frames(10), rate=50)
    (folder / "FileList.csv").write_text(
        "FileName,EF,ESV,EDV,FrameHeight,FrameWidth,FPS,NumberOfFrames,Split\n"
        "0XA,55.5,40,90,768,1024,50,10,TRAIN\n"
        "0XB.avi,,x,nan,112,112,30,12,TEST\n"
        "0XC,50,1,2,112,112,50,10,VAL\n"
    )
    return folder


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="does not exist; check the path"):
        open_cine(tmp_path / "no.avi")
    assert not can_read(tmp_path / "no.avi")
    assert not can_read(tmp_path)


def test_unknown_format_and_bare_data(tmp_path: Path) -> None:
    (tmp_path / "a.docx").write_bytes(b"PK" * 300)
    with pytest.raises(ReadError, match=r"a\.docx is in no format that can be read; open a DICOM"):
        open_cine(tmp_path / "a.docx")
    (tmp_path / "a.raw").write_bytes(bytes(300))
    with pytest.raises(ReadError, match=r"open the \.mhd or \.nhdr header"):
        open_cine(tmp_path / "a.raw")
    assert not can_read(tmp_path / "a.docx")


def test_content_beats_the_name(tmp_path: Path) -> None:
    frames = coded_frames(5)
    write_video(tmp_path / "a.avi", frames).rename(tmp_path / "a.dcm")
    assert open_cine(tmp_path / "a.dcm").n_frames == 5
    save(dataset(frames), tmp_path / "b.avi")
    np.testing.assert_array_equal(open_cine(tmp_path / "b.avi").frames, frames)


def test_folder_of_clips(tmp_path: Path) -> None:
    frames = grey_clip()
    (tmp_path / "DICOM" / "S1").mkdir(parents=True)
    for number in (10, 9):
        save(dataset(frames), tmp_path / "DICOM" / "S1" / f"IM{number}")
    write_video(tmp_path / "loop.avi", coded_frames(3))
    (tmp_path / "DICOMDIR").write_bytes(bytes(128) + b"DICM" + bytes(300))
    (tmp_path / "notes.txt").write_text("no clip")
    (tmp_path / "loop_mask.nii.gz").write_bytes(b"x")
    (tmp_path / "stills").mkdir()
    for index in range(3):
        Image.fromarray(frames[index]).save(tmp_path / "stills" / f"{index}.png")
    found = list_cines(tmp_path)
    assert [(ref.label, ref.kind) for ref in found] == [
        ("DICOM/S1/IM9", "dicom"),
        ("DICOM/S1/IM10", "dicom"),
        ("loop", "video"),
        ("stills", "image-folder"),
    ]
    assert [ref.open().n_frames for ref in found] == [6, 6, 3, 3]
    with pytest.raises(ReadError, match="holds 4 clips; choose one of them"):
        open_cine(tmp_path)
    assert can_read(tmp_path)


def test_camus_folder(camus: Path) -> None:
    found = list_cines(camus)
    assert len(found) == 12
    assert not any("_gt" in ref.label for ref in found)
    assert [ref.label for ref in found[:3]] == [
        f"patient0001/patient0001_2CH_{what}" for what in ("half_sequence", "ED", "ES")
    ]
    assert len(list_cines(camus / "patient0001")) == 6
    assert len(list_cines(camus.parent)) == 12
    sequence = next(ref for ref in found if "4CH_half" in ref.label)
    assert sequence.info["patient"] == "patient0001"
    assert (sequence.info["view"], sequence.info["phase"]) == ("A4C", "sequence")
    cine = sequence.open()
    assert (cine.view, cine.n_frames, cine.ed_frame, cine.es_frame) == ("A4C", 6, 0, 4)
    assert cine.frame_rate == pytest.approx(50)
    assert cine.spacing == pytest.approx((0.15, 0.3))
    assert cine.info["image_quality"] == "Good"
    assert cine.info["reference_ef"] == 54
    still = open_cine(camus / "patient0002" / "patient0002_2CH_ES.mhd")
    assert (still.view, still.ed_frame, still.es_frame) == ("A2C", None, 0)


def test_camus_images_hide_no_other_cine(camus: Path) -> None:
    write_video(camus / "patient0001" / "loop.avi", coded_frames(3))
    (camus / "deep" / "er").mkdir(parents=True)
    write_video(camus / "deep" / "er" / "loop.avi", coded_frames(3))
    found = list_cines(camus)
    assert [ref.kind for ref in found] == ["camus"] * 12 + ["video"] * 2
    assert [ref.label for ref in found[12:]] == ["deep/er/loop", "patient0001/loop"]


def test_camus_cfg_that_does_not_fit(camus: Path) -> None:
    (camus / "patient0001" / "Info_4CH.cfg").write_text("ED: 1\nES: 40\nbroken line\nFrameRate: often\n")
    cine = open_cine(camus / "patient0001" / "patient0001_4CH_half_sequence.nii.gz")
    assert (cine.ed_frame, cine.es_frame, cine.frame_times) == (None, None, None)
    assert "outside the 6 frames" in cine.warnings[0]


def test_echonet_folder(echonet: Path) -> None:
    first, second = list_cines(echonet)
    assert first.info["split"] == "train"
    assert first.info["reference_ef"] == 55.5
    assert "reference_ef" not in second.info
    cine = first.open()
    assert (cine.shape, cine.view) == ((64, 96), "A4C")
    assert cine.frame_rate == pytest.approx(50)
    assert cine.info["patient"] == "0XA"
    other = open_cine(echonet / "Videos" / "0XB.avi")
    assert other.frame_times is None
    assert other.info["frame_rate_candidates"] == pytest.approx({"video": 50, "FileList.csv": 30})
    assert "10 of 12 frames" in other.warnings[0]


@pytest.mark.parametrize("inside", ["..", "Videos"])
def test_echonet_list_is_read_once_a_listing(echonet: Path, monkeypatch: pytest.MonkeyPatch, inside: str) -> None:
    import matae.read.echonet

    read: list[Path] = []
    whole = matae.read.echonet.echonet_clips

    def counted(folder: Path) -> dict:
        read.append(folder)
        return whole(folder)

    monkeypatch.setattr(matae.read.echonet, "echonet_clips", counted)
    found = list_cines(echonet.parent if inside == ".." else echonet / inside)
    assert [(ref.kind, ref.info["split"]) for ref in found] == [("echonet", "train"), ("echonet", "test")]
    assert len(read) == 1


def test_echonet_without_videos_or_columns(echonet: Path) -> None:
    for video in (echonet / "Videos").iterdir():
        video.unlink()
    with pytest.raises(ReadError, match="none of its videos is in Videos"):
        list_cines(echonet)
    (echonet / "FileList.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ReadError, match="has no FileName column"):
        list_cines(echonet)


def test_references_travel_to_other_processes(camus: Path) -> None:
    ref = list_cines(camus)[0]
    assert pickle.loads(pickle.dumps(ref)) == ref


def test_importing_and_asking_loads_no_codec(tmp_path: Path) -> None:
    path = save(dataset(grey_clip()), tmp_path / "IM1")
    script = (
        "import sys; from matae.read import can_read; assert can_read(sys.argv[1]);"
        "heavy = {'av', 'pydicom', 'SimpleITK', 'tifffile', 'torch', 'PIL', 'scipy'};"
        "sys.exit(', '.join(heavy & set(sys.modules)) or None)"
    )
    subprocess.run([sys.executable, "-c", script, str(path)], check=True)


def test_suffixes_and_order(tmp_path: Path) -> None:
    assert is_supported_suffix("A.NII.GZ")
    assert not is_supported_suffix("a.gz")
    names = [tmp_path / name for name in ("f10.png", "f9.png", "f1.png")]
    assert [path.name for path in sorted(names, key=natural_key)] == ["f1.png", "f9.png", "f10.png"]


@pytest.mark.parametrize(
    ("text", "view"),
    [
        ("Apical four chamber", "A4C"),
        ("patient0001_2CH_ED", "A2C"),
        ("AP4", "A4C"),
        ("A4C", "A4C"),
        ("4CH", "A4C"),
        ("a3c", "A3C"),
        ("Apical long axis", "A3C"),
        ("Subcostal 4 chamber", "SC4C"),
        ("PLAX", "PLAX"),
        ("Rest", None),
        ("Stage 4", None),
        ("", None),
    ],
)
def test_view_names(text: str, view: str | None) -> None:
    assert view_from_text(text) == view


@pytest.mark.data
def test_real_camus_frames(data_folder: Path) -> None:
    found = list_cines(data_folder / "camus-native" / "nifti")
    assert found
    for ref in found:
        cine = ref.open()
        assert cine.spacing == pytest.approx((0.308, 0.308))
        # Apex up: the sector is narrow above and wide below.
        lit = cine.frames[0] > 0
        assert lit[: len(lit) // 8].mean() < lit[len(lit) // 2 : -len(lit) // 4].mean()
    old = list_cines(data_folder / "camus-native" / "mhd")
    stills = [ref for ref in old if ref.info["phase"] != "sequence"]
    assert all(ref.open().spacing == pytest.approx((0.154, 0.308)) for ref in stills)
    with pytest.raises(ReadError, match=r"needs its data file .*_sequence\.raw, which is missing"):
        next(ref for ref in old if ref.info["phase"] == "sequence").open()


@pytest.mark.data
def test_real_frames_as_a_folder(data_folder: Path) -> None:
    (only,) = list_cines(data_folder / "camus-a4c-256" / "images")
    assert only.kind == "image-folder"
