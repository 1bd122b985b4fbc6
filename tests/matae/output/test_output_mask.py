"""A mask saved by hand, from the viewer."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
from by_hand import disc, make_cine

from matae.errors import OutputError
from matae.output import write_mask


@pytest.mark.parametrize("name", ["mask.png", "mask", "mask.gz"])
def test_other_formats_are_refused(tmp_path, name) -> None:
    with pytest.raises(OutputError, match=r"end it in \.nii\.gz"):
        write_mask(tmp_path / name, disc((8, 8), 3))


@pytest.mark.parametrize(
    "masks", [np.zeros((2, 2, 2, 2), int), np.zeros((0, 4, 4), int), np.full((1, 4, 4), 256), np.full((1, 4, 4), -1)]
)
def test_no_masks_are_refused(tmp_path, masks) -> None:
    with pytest.raises(OutputError, match="classes 0 to 255"):
        write_mask(tmp_path / "mask.nii.gz", masks)


def test_masks_of_another_cine_are_refused(tmp_path) -> None:
    with pytest.raises(OutputError, match=r"save its own masks"):
        write_mask(tmp_path / "mask.nii.gz", np.zeros((6, 45, 60), int), make_cine())
    assert not list(tmp_path.iterdir())


def test_folder_that_is_a_file(tmp_path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OutputError, match="is a file"):
        write_mask(tmp_path / "file" / "mask.nii", disc((8, 8), 3))


@pytest.mark.parametrize("name", ["mask.nii", "mask.nii.gz", "Mask.NII.GZ"])
def test_read_back(tmp_path, name) -> None:
    cine = make_cine()
    masks = np.stack([disc(cine.shape, 5 + t) for t in range(6)]).astype(np.int64)
    for _ in range(2):  # the second time over the first
        write_mask(tmp_path / name, masks, cine)
    data = (tmp_path / name).read_bytes()
    data = gzip.decompress(data) if name.lower().endswith("gz") else data
    assert (np.frombuffer(data, np.uint8, offset=352).reshape(masks.shape) == masks).all()
    assert np.frombuffer(data, "<f4", 3, 80) == pytest.approx([0.25, 0.5, 0.02])
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["mask.nii", "mask.nii.gz"])
@pytest.mark.parametrize(
    ("calibrated", "timed", "units"), [(True, True, 10), (True, False, 2), (False, True, 8), (False, False, 0)]
)
def test_units_are_stated_only_where_they_are_known(tmp_path, *, name, calibrated, timed, units) -> None:
    import SimpleITK

    from matae.read import open_cine

    cine = make_cine(calibrated=calibrated, timed=timed)
    masks = np.stack([disc(cine.shape, 5 + t) for t in range(6)])
    write_mask(tmp_path / name, masks, cine)
    data = (tmp_path / name).read_bytes()
    data = gzip.decompress(data) if name.endswith("gz") else data
    assert data[123] == units
    image = SimpleITK.ReadImage(str(tmp_path / name))
    assert (SimpleITK.GetArrayFromImage(image) == masks).all()
    expected = (*((0.25, 0.5) if calibrated else (1, 1)), 0.02 if timed else 1)
    assert image.GetSpacing() == pytest.approx(expected)
    assert open_cine(tmp_path / name).spacing == cine.spacing
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_single_frame_without_cine(tmp_path) -> None:
    write_mask(tmp_path / "mask.nii", disc((9, 7), 3))
    data = (tmp_path / "mask.nii").read_bytes()
    assert np.frombuffer(data, "<f4", 3, 80).tolist() == [1, 1, 1]
    assert (np.frombuffer(data, np.uint8, offset=352).reshape(9, 7) == disc((9, 7), 3)).all()
