"""Every file is read back by code that shares nothing with the writer."""

from __future__ import annotations

import gzip
import hashlib
import json
import struct

import av
import numpy as np
import pytest
from by_hand import TIMES, make_cine, make_result
from PIL import Image

from matae import RESEARCH_USE, __version__
from matae.output import write_results
from matae.output.draw import COLOURS, picture_size
from matae.output.still import MARKS
from matae.output.video import _strictly_rising


def read_nifti(path) -> tuple[np.ndarray, tuple[float, ...]]:
    data = gzip.decompress(path.read_bytes())
    assert struct.unpack_from("<i", data, 0)[0] == 348
    dim = struct.unpack_from("<8h", data, 40)
    assert dim[0] == 3
    assert struct.unpack_from("<h", data, 70)[0] == 2  # uint8
    offset = int(struct.unpack_from("<f", data, 108)[0])
    pixels = np.frombuffer(data, np.uint8, offset=offset).reshape(dim[3], dim[2], dim[1])
    return pixels, struct.unpack_from("<3f", data, 80)


def read_video(path) -> tuple[list[np.ndarray], list[float]]:
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    return [f.to_ndarray(format="rgb24") for f in frames], [float(f.pts * f.time_base) for f in frames]


def near(picture: np.ndarray, colour: tuple[int, int, int], tolerance: int = 60) -> np.ndarray:
    return (np.abs(picture.astype(int) - colour) < tolerance).all(-1)


def test_mask(tmp_path, cine, result) -> None:
    pixels, spacing = read_nifti(write_results(cine, result, tmp_path).files["mask"])
    assert (pixels == result.masks).all()
    assert spacing == pytest.approx((0.25, 0.5, 0.02))


def test_mask_without_calibration_or_rate(tmp_path) -> None:
    cine = make_cine(timed=False, calibrated=False)
    written = write_results(cine, make_result(cine), tmp_path)
    assert read_nifti(written.files["mask"])[1] == (1.0, 1.0, 1.0)
    record = json.loads(written.files["record"].read_text("utf-8"))
    assert record["spacing_mm"] is None
    assert "no sound pixel calibration" in record["spacing_note"]
    assert record["frame_rate"] is None
    assert "does not state the frame times" in record["frame_rate_note"]
    assert record["area_mm2"] is None
    assert record["overlay"]["playback_rate"] == 25
    assert any("25 frames a second, which is not a measurement" in notice for notice in record["notices"])
    assert written.notices == (record["notices"][-1],)


def test_record(tmp_path, cine, result) -> None:
    written = write_results(cine, result, tmp_path)
    text = written.files["record"].read_text("utf-8")
    record = json.loads(text)
    assert "a persons name" not in text
    assert str(tmp_path) not in text
    assert record["source"] == "clip.avi"
    digest = hashlib.sha256(np.array(cine.frames.shape, "<i8").tobytes() + cine.frames.tobytes()).hexdigest()
    assert record["content_id"] == digest
    assert (record["n_frames"], record["height"], record["width"]) == (6, 45, 61)
    assert record["frame_rate"] == pytest.approx(50)
    assert record["frame_times"] == TIMES.tolist()
    assert record["spacing_mm"] == {"y": 0.5, "x": 0.25}
    assert record["sector"] == {
        "polygon_yx": [[0, 0], [0, 60], [44, 30]], "source": "user", "apex_down": True, "confidence": None,
        "unsure": False,
    }  # fmt: skip
    assert record["run"] == result.run
    assert record["area_px"] == [int(mask.sum()) for mask in result.masks]
    assert record["area_mm2"] == [a * 0.125 for a in record["area_px"]]
    assert record["empty_frames"] == []
    assert record["warnings"] == ["Something the reader saw."]
    assert record["notices"] == ["Memory ran out."]
    assert record["research_use"] == RESEARCH_USE
    assert record["tool_version"] == __version__
    for kind, file in record["files"].items():
        path = written.files[kind]
        assert path.name == file["name"]
        assert hashlib.sha256(path.read_bytes()).hexdigest() == file["sha256"]


def test_record_of_frames_not_segmented_is_strict_json(tmp_path, cine, result) -> None:
    result.area_px[2] = np.nan
    result.masks[3] = 0
    result.area_px[3] = 0

    def refuse(text: str) -> None:
        raise ValueError(text)

    text = write_results(cine, result, tmp_path).files["record"].read_text("utf-8")
    record = json.loads(text, parse_constant=refuse)
    assert record["area_px"][2] is None
    assert record["area_mm2"][2] is None
    assert record["empty_frames"] == [3]


def test_overlay_plays_at_the_recorded_times(tmp_path, cine, result) -> None:
    frames, times = read_video(write_results(cine, result, tmp_path).files["overlay"])
    assert times == pytest.approx(TIMES, abs=1e-4)
    height, width = frames[0].shape[:2]
    assert height % 2 == width % 2 == 0
    assert width > 4 * 61  # enlarged: the clip has 61 columns
    # The outline is where the edge of the disc is: twice as far from the middle down as across, pixels being so.
    shown = near(frames[0], COLOURS[0])
    rows, columns = np.nonzero(shown)
    assert np.ptp(rows) / np.ptp(columns) == pytest.approx(2, rel=0.1)
    first, last = shown.sum(), near(frames[-1], COLOURS[0]).sum()
    assert last > 1.2 * first


def test_overlay_without_h264(tmp_path, cine, result, monkeypatch) -> None:
    monkeypatch.setattr("matae.output.video._codec", lambda: "mpeg4")
    written = write_results(cine, result, tmp_path)
    frames, times = read_video(written.files["overlay"])
    assert times == pytest.approx(TIMES, abs=1e-4)
    assert near(frames[0], COLOURS[0]).any()
    assert json.loads(written.files["record"].read_text())["overlay"]["codec"] == "mpeg4"


def test_overlay_of_unknown_rate(tmp_path) -> None:
    cine = make_cine(timed=False)
    _, times = read_video(write_results(cine, make_result(cine), tmp_path).files["overlay"])
    assert times == pytest.approx(np.arange(6) / 25)


def test_frames_closer_than_a_tick_are_all_kept() -> None:
    assert _strictly_rising(np.array([0, 0, 0, 5, 5, 20])).tolist() == [0, 1, 2, 5, 6, 20]


def test_no_overlay_when_not_asked_or_a_single_frame(tmp_path, cine, result) -> None:
    assert "overlay" not in write_results(cine, result, tmp_path / "a", overlay=False).files
    still = make_cine(1)
    written = write_results(still, make_result(still), tmp_path / "b")
    assert sorted(path.name for path in (tmp_path / "b").iterdir()) == [
        "clip.json",
        "clip_mask.nii.gz",
        "clip_still.png",
    ]
    assert json.loads(written.files["record"].read_text())["overlay"] is None


@pytest.mark.parametrize(
    "radii", [[8, 9, 10, 11, 12, 13], [0, 9, 0, 11, 12, 0], [0] * 6, [9] * 6], ids=["usual", "gaps", "empty", "same"]
)
def test_still(tmp_path, cine, radii) -> None:
    result = make_result(cine, radii)
    with Image.open(write_results(cine, result, tmp_path, overlay=False).files["still"]) as picture:
        pixels = np.asarray(picture.convert("RGB"))
    assert min(pixels.shape[:2]) > 400
    orange, blue = (near(pixels, colour, 8).sum() for colour in MARKS)
    assert orange > 100  # outline or curve
    assert (blue > 50) == (len(set(radii) - {0}) > 1)  # the mark of the smallest frame


@pytest.mark.parametrize("shape", [(3, 400), (1200, 1600), (112, 112)])
@pytest.mark.parametrize("n_frames", [1, 2])
def test_any_size_can_be_drawn(tmp_path, shape, n_frames) -> None:
    cine = make_cine(n_frames, shape, calibrated=False, name="a very long name " * 9 + ".avi")
    written = write_results(cine, make_result(cine, [3.0] * n_frames), tmp_path)
    with Image.open(written.files["still"]) as picture:
        assert picture.width < 2000
    assert read_nifti(written.files["mask"])[0].shape == cine.frames.shape


def test_picture_keeps_the_finer_pixels_and_the_shape() -> None:
    assert picture_size(make_cine(shape=(300, 400), calibrated=False), 200) == (400, 300)
    assert picture_size(make_cine(shape=(300, 400)), 200) == (400, 600)  # rows twice as far apart
    assert picture_size(make_cine(shape=(112, 112), calibrated=False), 720) == (720, 720)
