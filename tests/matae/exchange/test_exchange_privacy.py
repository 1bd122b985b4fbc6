"""Nothing that could name a person leaves: not in any byte, not in any pixel, not by any name."""

from __future__ import annotations

import gzip
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from exchange_makers import ED, ES, cavity, dicom, fan, heart

from matae.errors import ExchangeError
from matae.exchange import plan_export, run_export
from matae.exchange.registry import FORMATS
from matae.read import open_cine
from matae.store import Edit, FrameStatus, Study

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MARK = "Zyxwvu"
DATE = "19430217"
TIME = "134711"
UID = "1.2.840.99999.4242.4242"


def planted(dataset: Any) -> None:
    """Put the marker into every text attribute that DICOM knows, and into private ones."""
    from pydicom.datadict import DicomDictionary, keyword_for_tag

    values = {
        "LO": MARK, "SH": MARK, "PN": f"{MARK}^{MARK}", "LT": MARK, "ST": MARK, "UT": MARK, "UC": MARK, "DA": DATE,
        "TM": TIME, "DT": DATE + TIME, "AS": "077Y", "AE": MARK, "UI": UID, "UR": MARK,
    }  # fmt: skip
    kept = {tag.tag for tag in dataset}
    for tag, (vr, _, _, retired, _) in DicomDictionary.items():
        group = tag >> 16
        if vr in values and tag not in kept and not retired and group >= 8 and keyword_for_tag(tag):
            dataset.add_new(tag, vr, values[vr])
    block = dataset.private_block(0x0009, MARK, create=True)
    for number in range(4):
        block.add_new(number, "LO", MARK)
    dataset.PatientName, dataset.PatientID = f"{MARK}^{MARK}", MARK


def margins() -> np.ndarray:
    """Frames with a checkered pattern burned into the margins, where a scanner writes names."""
    frames = heart()
    pattern = np.kron(np.random.default_rng(9).random((5, 20)) < 0.5, np.ones((2, 2))).astype(bool)
    for rows, columns in ((slice(8, 18), slice(0, 40)), (slice(100, 110), slice(118, 158))):
        frames[:, rows, columns][:, pattern] = 255
    return frames


@pytest.fixture(scope="module")
def exposed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Study]:
    from pydicom import dcmread

    folder = tmp_path_factory.mktemp("exposed") / f"{MARK}_{DATE}"
    folder.mkdir()
    path = dicom(folder / f"{MARK}.dcm", margins())
    dataset = dcmread(path)
    planted(dataset)
    dataset.save_as(path)
    cine = open_cine(path)
    with Study.create(folder / f"{MARK}.matae", rater=MARK) as study:
        study.add_cine(cine, subject=MARK)
        study.put_proposals(cine.content_id, {ED: cavity(ED), ES: cavity(ES)}, model=f"{MARK}-net", width="1/2")
        study.set_status(cine.content_id, [ED, ES], FrameStatus.ACCEPTED)
        study.put_edits(cine.content_id, [Edit(ED, cavity(ED), study.frames(cine.content_id)[ED].revision,
                                               FrameStatus.ACCEPTED)], note=MARK)  # fmt: skip
        study.set_marks(cine.content_id, ed=ED, es=ES)
        yield study


@pytest.fixture(scope="module", params=list(FORMATS))
def sent(request: pytest.FixtureRequest, exposed: Study, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    plan = plan_export(exposed, request.param)
    return request.param, run_export(plan, tmp_path_factory.mktemp("sent") / "out", looked=True).folder


def unpacked(path: Path) -> bytes:
    """The bytes of a file, and of what is packed in it."""
    data = path.read_bytes()
    if path.suffix == ".gz":
        data += gzip.decompress(data)
    if path.suffix == ".npz":
        with zipfile.ZipFile(path) as archive:
            data += b"".join(archive.read(name) + name.encode() for name in archive.namelist())
    return data


def test_the_marker_is_in_the_source(exposed: Study) -> None:
    source = exposed.path_of(exposed.cines()[0].content_id)
    data = source.read_bytes()
    assert data.count(MARK.encode()) > 500
    assert data.count(DATE.encode()) > 50
    assert UID.encode() in data


def test_no_byte_names_anybody(exposed: Study, sent: tuple[str, Path]) -> None:
    _, folder = sent
    content_id = exposed.cines()[0].content_id
    secrets = [MARK, MARK.lower(), DATE, TIME, UID, content_id, exposed.secret.hex(), str(exposed.path_of(content_id))]
    needles = [text.encode(code) for text in secrets for code in ("utf-8", "utf-16-le", "utf-32-le")]
    for path in folder.rglob("*"):
        assert MARK.lower() not in path.name.lower()
        if path.is_file():
            data = unpacked(path)
            lowered = data.lower()
            assert not [needle for needle in needles if needle.lower() in lowered]
            assert exposed.secret not in data


def frames_of(format_name: str, folder: Path) -> list[np.ndarray]:
    """Every picture that left, read by somebody else's code."""
    import imageio.v3 as iio
    import SimpleITK as sitk  # noqa: N813
    from pydicom import dcmread

    if format_name in {"png", "coco"}:
        return [iio.imread(path) for path in (folder / "images").rglob("*.png")]
    if format_name == "npz":
        return [frame for path in (folder / "clips").glob("*.npz") for frame in np.load(path)["frames"]]
    if format_name == "camus":
        files = [path for path in folder.rglob("*.nii.gz") if not path.name.endswith("_gt.nii.gz")]
        stacks = [sitk.GetArrayFromImage(sitk.ReadImage(str(path))) for path in files]
        return [frame for stack in stacks for frame in stack.reshape(-1, *stack.shape[-2:])]
    if format_name == "dicom-seg":
        stacks = [dcmread(path).pixel_array for path in (folder / "images").glob("*.dcm")]
        return [frame for stack in stacks for frame in stack]
    return [frame[..., 0] for path in folder.rglob("*.avi") for frame in iio.imread(path, plugin="pyav")]


def test_no_pixel_outside_the_sector(exposed: Study, sent: tuple[str, Path]) -> None:
    format_name, folder = sent
    frames = frames_of(format_name, folder)
    assert len(frames) >= 2
    from scipy import ndimage

    near = ndimage.binary_dilation(fan(), iterations=6)
    (clip,) = plan_export(exposed, format_name).clips
    outside = ~near if clip.fit.is_native else clip.fit.mask((~near).astype(np.uint8)) > 0
    dark = 0 if format_name != "echonet" else 12  # the ringing of JPEG beside the edge
    for frame in frames:
        assert frame[outside].max() <= dark
        assert frame.max() > 100


def test_dates_of_the_export_itself_stay_too(sent: tuple[str, Path]) -> None:
    from datetime import UTC, datetime

    today = datetime.now(UTC)
    _, folder = sent
    for path in folder.rglob("*"):
        if path.is_file():
            data = unpacked(path)
            for form in ("%Y-%m-%d", "%Y%m%d", "%d.%m.%Y", "%b %d"):
                assert today.strftime(form).encode() not in data


def test_pseudonyms_differ_between_studies(tmp_path: Path) -> None:
    cine = open_cine(dicom(tmp_path / "a.dcm", heart()))
    names = []
    for number in range(2):
        with Study.create(tmp_path / f"{number}.matae") as study:
            study.add_cine(cine, subject="4711")
            study.put_edits(cine.content_id, [Edit(0, cavity(0), 0, FrameStatus.ACCEPTED)])
            (clip,) = plan_export(study, "png").clips
            names.append((clip.patient, clip.name, clip.key))
    assert not set(names[0]) & set(names[1])


def test_text_inside_the_sector_is_reported_and_held_back(tmp_path: Path) -> None:
    from PIL import Image, ImageDraw, ImageFont

    picture = Image.new("L", (160, 120))
    ImageDraw.Draw(picture).text((62, 60), "DOE JANE", fill=255, font=ImageFont.load_default(10))
    written = np.asarray(picture)
    frames = np.maximum(heart(), written)
    assert (written[fan()] > 0).sum() > 50
    cine = open_cine(dicom(tmp_path / "a.dcm", frames))
    with Study.create(tmp_path / "s.matae") as study:
        study.add_cine(cine, subject="P")
        study.put_edits(cine.content_id, [Edit(0, cavity(0), 0, FrameStatus.ACCEPTED)])
        plan = plan_export(study, "png")
        (finding,) = [finding for finding in plan.findings if finding.kind == "text"]
        (box, *_) = finding.boxes
        assert box.y0 >= 55
        assert box.y1 <= 78
        assert plan.needs_look
        assert plan.previews[0].text
        with pytest.raises(ExchangeError, match="look at the preview"):
            run_export(plan, tmp_path / "out")
        assert not (tmp_path / "out").exists()
        assert run_export(plan, tmp_path / "out", looked=True).folder.is_dir()


def test_forgetting_a_patient_clears_what_the_study_remembers(study: Study, tmp_path: Path) -> None:
    release = run_export(plan_export(study, "png"), tmp_path / "out")
    patient = {clip["split"]: clip["patient"] for clip in release.manifest["clips"]}
    study.forget_subject("Doe")
    left = [clip for kept in study.releases() for clip in kept.manifest.get("clips", [])]
    assert {clip["subject"] for clip in left} <= {"Roe"}
    assert patient


def test_whatever_must_be_looked_at_can_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("matae.exchange.export.plan._PREVIEWS", 0)
    plain = open_cine(dicom(tmp_path / "plain.dcm", heart()))
    whole = np.random.default_rng(0).integers(90, 200, (4, 120, 160), dtype=np.uint8)
    whole[:, :14, :14] = whole[:, :14, -14:] = 0  # dark corners, but no sector to find: nothing would be blanked
    np.save(tmp_path / "whole.npy", whole)
    with Study.create(tmp_path / "s.matae") as study:
        for number, cine in enumerate((plain, open_cine(tmp_path / "whole.npy"))):
            study.add_cine(cine, subject=f"P{number}")
            study.put_edits(cine.content_id, [Edit(0, cavity(0), 0, FrameStatus.ACCEPTED)])
        plan = plan_export(study, "png")
    must = {finding.clip for finding in plan.findings if finding.needs_look}
    assert len(must) == 1
    assert {preview.clip for preview in plan.previews} == must
