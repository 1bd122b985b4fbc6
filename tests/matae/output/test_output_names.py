"""Names: the same source is replaced, anybody else's file is kept."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from by_hand import make_cine, make_result

from matae.output import is_own_result, write_results
from matae.read import file_stem


def stem(written) -> str:
    return written.files["record"].stem


def test_same_source_again_is_replaced(tmp_path, cine, result) -> None:
    first = write_results(cine, result, tmp_path)
    again = write_results(cine, make_result(cine, [3.0] * 6), tmp_path)
    assert again.files == first.files
    assert again.notices == ()
    assert json.loads(again.files["record"].read_text())["area_px"][0] == int(make_result(cine, [3.0] * 6).area_px[0])
    assert len(list(tmp_path.iterdir())) == 4


def test_same_source_again_without_overlay_drops_the_old_video(tmp_path, cine, result) -> None:
    write_results(cine, result, tmp_path)
    write_results(cine, result, tmp_path, overlay=False)
    assert not list(tmp_path.glob("*.mp4"))


def test_other_source_of_the_same_name_gets_its_own(tmp_path, cine, result) -> None:
    first = write_results(cine, result, tmp_path)
    before = {path: path.read_bytes() for path in first.files.values()}
    other = make_cine(seed=1)
    second = write_results(other, make_result(other), tmp_path)
    assert stem(second) == f"clip-{other.content_id[:8]}"
    assert "that name holds something else" in second.notices[0]
    assert all(path.read_bytes() == data for path, data in before.items())
    # The same again: each finds its own.
    assert write_results(other, make_result(other), tmp_path).files == second.files
    assert write_results(cine, result, tmp_path).files == first.files


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_names_of_one_run_do_not_depend_on_the_order(tmp_path, order) -> None:
    cines = [make_cine(seed=0), make_cine(seed=1, name="clip.dcm")]
    names = {
        number: stem(write_results(cines[number], make_result(cines[number]), tmp_path, distinguish=True))
        for number in order
    }
    assert names == {number: f"clip-{cine.content_id[:8]}" for number, cine in enumerate(cines)}


def test_same_pixels_in_two_files_are_both_kept(tmp_path) -> None:
    one, two = make_cine(), make_cine(name="clip.dcm")
    first = write_results(one, make_result(one), tmp_path, distinguish=True)
    second = write_results(two, make_result(two), tmp_path, distinguish=True)
    assert stem(second) == f"{stem(first)}-2"


def test_edited_mask_is_never_overwritten(tmp_path, cine, result) -> None:
    first = write_results(cine, result, tmp_path)
    first.files["mask"].write_bytes(b"hours of work")
    second = write_results(cine, result, tmp_path)
    assert first.files["mask"].read_bytes() == b"hours of work"
    assert stem(second) != stem(first)
    assert second.notices


@pytest.mark.parametrize("name", ["clip.json", "clip_mask.nii.gz", "clip_overlay.mp4"])
@pytest.mark.parametrize("content", [b"mine", b'{"a": 1}', b"[1]", b"\xff\xfe"])
def test_foreign_file_is_never_overwritten(tmp_path, cine, result, name, content) -> None:
    (tmp_path / name).write_bytes(content)
    written = write_results(cine, result, tmp_path)
    assert (tmp_path / name).read_bytes() == content
    assert stem(written) == f"clip-{cine.content_id[:8]}"


def test_record_with_strange_files_is_somebody_elses(tmp_path, cine, result) -> None:
    record = {"tool": "napari-matae", "source": "clip.avi", "content_id": cine.content_id}
    (tmp_path / "clip.json").write_text(json.dumps(record | {"files": {"mask": "clip_mask.nii.gz"}}))
    (tmp_path / "clip_mask.nii.gz").write_bytes(b"mine")
    write_results(cine, result, tmp_path)
    assert (tmp_path / "clip_mask.nii.gz").read_bytes() == b"mine"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.nii.gz", "a"),
        ("A.NII.GZ", "A"),
        ("a.b.avi", "a.b"),
        ("IM0001", "IM0001"),
        (".avi", ".avi"),
        (".nii.gz", ".nii.gz"),
        ("1.2.840.113619.2.5.17", "1.2.840.113619.2.5.17"),
        ("1.2.840.17.dcm", "1.2.840.17"),
    ],
)
def test_stem(name, expected) -> None:
    assert file_stem(Path(name)) == expected


def test_own_results_are_known(tmp_path, cine, result) -> None:
    written = write_results(cine, result, tmp_path / "out")
    assert is_own_result(written.files["overlay"])
    assert is_own_result(written.files["still"])
    assert is_own_result(tmp_path / "out")
    (tmp_path / "other_overlay.mp4").write_bytes(np.zeros(4).tobytes())
    assert not is_own_result(tmp_path / "other_overlay.mp4")
    assert not is_own_result(tmp_path)
