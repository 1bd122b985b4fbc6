"""Files that mean harm: refused in a sentence, in bounded memory and time, and nothing outside is touched."""

from __future__ import annotations

import gzip
import json
import shutil
import struct
import time
import tracemalloc
import zipfile
import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from test_exchange_import import SQUARE, flat_folder, labelme, write_png

from matae.errors import ExchangeError, MataeError
from matae.exchange import plan_import

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from matae.exchange import ExportedRelease
    from matae.store import Study


@contextmanager
def bounded(megabytes: float = 60, seconds: float = 30) -> Iterator[None]:
    """Hold the block to a peak of memory and a time that even a busy machine keeps."""
    tracemalloc.start()
    started = time.perf_counter()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < megabytes * 1e6
        assert time.perf_counter() - started < seconds
    finally:
        tracemalloc.stop()


def refused(other: Study, folder: Path, said: str) -> None:
    before = other.sequence
    with bounded(), pytest.raises(ExchangeError, match=said) as error:
        plan_import(other, folder)
    assert "\n" not in str(error.value)
    assert str(error.value).endswith(".")
    assert other.sequence == before


def rewritten(folder: Path, name: str, change: Callable[[str], str]) -> Path:
    path = folder / name
    path.write_text(change(path.read_text()))
    return folder


@pytest.fixture
def echonet(released: Callable[..., ExportedRelease], tmp_path: Path) -> Path:
    folder = tmp_path / "echonet"
    shutil.copytree(released("echonet").folder, folder)
    (folder / "release.json").unlink()
    return folder


@pytest.mark.parametrize("cell", ["=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(1)", "|calc"])
def test_formula_cells(other: Study, tmp_path: Path, cell: str) -> None:
    folder = rewritten(flat_folder(tmp_path / "data"), "index.csv", lambda text: text.replace("p0", f'"{cell}"'))
    refused(other, folder, "begins like a spreadsheet formula")


def test_no_cell_we_write_is_a_formula(released: Callable[..., ExportedRelease]) -> None:
    import csv

    for format_name in ("png", "echonet"):
        for path in released(format_name).folder.rglob("*.csv"):
            with path.open() as file:
                for row in csv.reader(file):
                    for cell in row:
                        # A coordinate may be negative: that is a number, which no spreadsheet runs.
                        assert not cell.startswith(("=", "+", "@", "\t", "\r", "|"))
                        assert not cell.startswith("-") or float(cell) < 0


@pytest.mark.parametrize(
    "name", ["../../secret", "/etc/passwd", "a/../../b", "..\\..\\x", "C:\\x", "a//b", "./a", "nul", "x\x00y"]
)
def test_paths_that_leave_the_folder(other: Study, tmp_path: Path, name: str) -> None:
    write_png(tmp_path / "secret.png", np.zeros((9, 9), np.uint8))
    folder = rewritten(flat_folder(tmp_path / "data"), "index.csv", lambda text: text.replace("f0", name))
    refused(other, folder, "stay inside|control characters|cannot be read|formula")


@pytest.mark.parametrize("name", ["../x", "a/b", ".hidden", "=x"])
def test_names_of_videos_that_are_paths(other: Study, echonet: Path, name: str) -> None:
    first = (echonet / "FileList.csv").read_text().splitlines()[1].split(",")[0]
    for table in ("FileList.csv", "VolumeTracings.csv"):
        rewritten(echonet, table, lambda text: text.replace(first, name))
    refused(other, echonet, "no name of a video|formula")


@pytest.mark.parametrize("value", ["1e9", "-99999", "nan", "inf", "x", "", "1e400"])
def test_absurd_coordinates(other: Study, echonet: Path, value: str) -> None:
    lines = (echonet / "VolumeTracings.csv").read_text().splitlines()
    cells = lines[5].split(",")
    cells[1] = value
    lines[5] = ",".join(cells)
    (echonet / "VolumeTracings.csv").write_text("\n".join(lines))
    refused(other, echonet, "no sensible number")


def test_a_tracing_outside_its_picture(other: Study, echonet: Path) -> None:
    import csv

    with (echonet / "VolumeTracings.csv").open() as file:
        rows = list(csv.DictReader(file))
    with (echonet / "VolumeTracings.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows({**row, "X1": str(float(row["X1"]) + 500)} for row in rows)
    refused(other, echonet, "lies outside the picture")


@pytest.mark.parametrize("frame", ["-1", "100000", "2.7e9", "x"])
def test_absurd_frames(other: Study, echonet: Path, frame: str) -> None:
    lines = (echonet / "VolumeTracings.csv").read_text().splitlines()
    lines[3] = lines[3].rpartition(",")[0] + f",{frame}"
    (echonet / "VolumeTracings.csv").write_text("\n".join(lines))
    refused(other, echonet, "no sensible number")


def test_a_million_rows_of_tracings(other: Study, echonet: Path) -> None:
    with (echonet / "VolumeTracings.csv").open("a") as file:
        line = (echonet / "VolumeTracings.csv").read_text().splitlines()[1]
        for _ in range(100):
            file.write(f"{line}\n" * 10_000)
    refused(other, echonet, "more rows than a tracing|more than .* rows")
    rewritten(
        echonet, "VolumeTracings.csv", lambda text: text.splitlines()[0] + "\n" + "\n".join([line] * 20 + [""] * 10**6)
    )
    refused(other, echonet, "no label that can be imported|more than")


def test_a_million_rows_of_an_index(other: Study, tmp_path: Path) -> None:
    folder = flat_folder(tmp_path / "data")
    with (folder / "index.csv").open("a") as file:
        for first in range(100):
            file.writelines(f"g{first * 10_000 + row},p,train\n" for row in range(10_000))
    refused(other, folder, "more than 500,000 rows")


def test_one_endless_line(other: Study, tmp_path: Path) -> None:
    folder = flat_folder(tmp_path / "data")
    with (folder / "index.csv").open("a") as file:
        file.write('"' + "x" * 30_000_000)
    refused(other, folder, "line of more than")
    (folder / "index.csv").write_text('frame,patient\n"' + "x\n" * 100_000)
    refused(other, folder, "cannot be read|cells|too large|more than 200|characters")


def test_bytes_that_are_no_text(other: Study, tmp_path: Path) -> None:
    folder = flat_folder(tmp_path / "data")
    (folder / "index.csv").write_bytes(b"frame,patient\n\xff\xfe\x00,p\n")
    refused(other, folder, "cannot be read")
    (folder / "index.csv").write_text(",".join(f"c{n}" for n in range(500)) + "\n")
    refused(other, folder, "500 columns")
    (folder / "index.csv").write_text("frame\nx\n")
    refused(other, folder, "needs the columns")
    (folder / "index.csv").write_text("frame,patient\nf0\n")
    refused(other, folder, "row 2 has 1 cells, not 2")


@pytest.mark.parametrize(
    ("points", "said"),
    [
        ([[60, 30], [100, 80], [100, 30], [60, 80]], "crosses itself"),
        ([[0, 0], [10, 10]], "3 to 5000 points"),
        ([[0, 0], [10, 10], [20, 20]], "no area"),
        ([[0, 0], [1e9, 0], [5, 5]], "outside its picture"),
        ([[0, 0], [float("nan"), 0], [5, 5]], "no pairs of numbers"),
        ([[0, 0], ["x", 0], [5, 5]], "no pairs of numbers"),
        ([[0, 0], [1, 2, 3], [5, 5]], "no pairs of numbers"),
        ([[1, 1]] * 9, "no area"),
        ([[n % 150, n // 150] for n in range(6000)], "3 to 5000 points"),
        ("abc", "3 to 5000 points"),
        (None, "3 to 5000 points"),
    ],
)
def test_polygons_nobody_draws(other: Study, tmp_path: Path, points: object, said: str) -> None:
    labelme(tmp_path / "data", "p1", points)
    refused(other, tmp_path / "data", said)


def test_a_polygon_of_many_points_is_checked_in_time(other: Study, tmp_path: Path) -> None:
    angle = np.linspace(0, 2 * np.pi, 5000, endpoint=False)
    circle = np.stack([80 + 40 * np.cos(angle), 60 + 40 * np.sin(angle)], 1)
    labelme(tmp_path / "data", "p1", circle.tolist())
    with bounded():
        assert plan_import(other, tmp_path / "data").n_new == 1
    circle[[100, 3000]] = circle[[3000, 100]]
    labelme(tmp_path / "data", "p1", circle.tolist())
    refused(other, tmp_path / "data", "crosses itself")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"imagePath": "../../../etc/passwd"}, "outside the folder"),
        ({"imagePath": "/etc/passwd"}, "outside the folder"),
        ({"imagePath": "missing.png"}, "needs its picture"),
        ({"imagePath": 5}, "names no picture"),
        ({"shapes": 5}, "no list of shapes"),
        ({"imageHeight": 10, "imageWidth": 10}, "was drawn on a picture of 10 x 10"),
        ({"shapes": [{"label": "LV", "points": SQUARE, "shape_type": "circle"}]}, "no polygon"),
    ],
)
def test_labelme_files_that_lie(other: Study, tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    labelme(tmp_path / "data" / "deep", "p1", SQUARE, **changes)
    refused(other, tmp_path / "data", said)


def test_json_of_endless_depth(other: Study, tmp_path: Path) -> None:
    path = labelme(tmp_path / "data", "p1", SQUARE)
    path.write_text('{"shapes": ' + "[" * 200_000 + '"image')
    refused(other, tmp_path / "data", "damaged")


def nifti_header(shape: tuple[int, ...], datatype: int = 2) -> bytes:
    header = bytearray(352)
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, len(shape), *shape, *([1] * (7 - len(shape))))
    struct.pack_into("<2h", header, 70, datatype, 8)
    struct.pack_into("<8f", header, 76, 1, 1, 1, 1, 1, 1, 1, 1)
    struct.pack_into("<f", header, 108, 352)
    header[344:348] = b"n+1\0"
    return bytes(header)


@pytest.mark.parametrize("shape", [(10_000, 10_000, 10_000), (32_000, 32_000, 1000), (160, 120, 30_000)])
def test_a_nifti_header_that_claims_the_earth(
    other: Study, released: Callable[..., ExportedRelease], tmp_path: Path, shape: tuple[int, int, int]
) -> None:
    folder = tmp_path / "camus"
    shutil.copytree(released("camus").folder, folder)
    (folder / "release.json").unlink()
    bomb = gzip.compress(nifti_header(shape) + bytes(1000))
    # As a mask: its picture says how large it may be. As a picture: its file cannot hold what it claims.
    for end in ("_gt.nii.gz", "ED.nii.gz", "half_sequence.nii.gz"):
        for path in folder.rglob(f"*{end}"):
            path.write_bytes(bomb)
        with bounded():
            try:
                plan = plan_import(other, folder)
            except MataeError as error:
                assert "\n" not in str(error)  # noqa: PT017 - either is right: all refused, or the sound ones kept
            else:
                assert plan.problems
                assert all(problem.endswith(".") for problem in plan.problems)


def test_a_metaimage_that_names_another_file(other: Study, tmp_path: Path) -> None:
    folder = tmp_path / "patient0001"
    folder.mkdir()
    (tmp_path / "secret.raw").write_bytes(bytes(100 * 100))
    for end, data in (("ED", "ED.raw"), ("ED_gt", "../secret.raw")):
        (folder / f"patient0001_4CH_{end}.mhd").write_text(
            "ObjectType = Image\nNDims = 2\nDimSize = 100 100\nElementSpacing = 0.3 0.3\nElementType = MET_UCHAR\n"
            f"ElementDataFile = {data}\n"
        )
    (folder / "ED.raw").write_bytes(bytes(range(100)) * 100)
    refused(other, tmp_path, "does not stay inside")
    path = folder / "patient0001_4CH_ED_gt.mhd"
    path.write_text(path.read_text().replace("../secret.raw", "short.raw"))
    (folder / "short.raw").write_bytes(bytes(10))
    refused(other, tmp_path, "claims more pixels than short.raw holds")


def test_masks_of_another_size(other: Study, released: Callable[..., ExportedRelease], tmp_path: Path) -> None:
    import SimpleITK as sitk  # noqa: N813

    folder = tmp_path / "camus"
    shutil.copytree(released("camus").folder, folder)
    for path in folder.rglob("*_gt.nii.gz"):
        sitk.WriteImage(sitk.GetImageFromArray(np.zeros((10, 10), np.uint8)), str(path))
    refused(other, folder, "a mask must have the size of its picture")
    folder = tmp_path / "coco"
    shutil.copytree(released("coco").folder, folder)
    for path in (folder / "annotations").glob("*.json"):
        path.write_text(path.read_text().replace('"size": [120, 160]', '"size": [100000, 100000]'))
    refused(other, folder, "of another picture")


@pytest.mark.parametrize("counts", ["~~~~~~~~~~~~", "0", "", [10**18], [-1, 5], ["x"], [[1]], None, "o" * 100, [19201]])
def test_run_lengths_that_lie(other: Study, tmp_path: Path, counts: object) -> None:
    write_png(tmp_path / "images" / "a.png", np.zeros((120, 160), np.uint8))
    (tmp_path / "annotations").mkdir()
    values = {
        "images": [{"id": 1, "file_name": "a.png"}], "categories": [{"id": 1, "name": "lv"}],
        "annotations": [{"image_id": 1, "category_id": 1, "segmentation": {"size": [120, 160], "counts": counts}}],
    }  # fmt: skip
    (tmp_path / "annotations" / "a.json").write_text(json.dumps(values))
    refused(other, tmp_path, "run lengths are damaged")


def png_bomb(path: Path, side: int) -> None:
    """A PNG that claims a huge picture and holds almost nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">2I5B", side, side, 8, 0, 0, 0, 0))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b""))


def test_pictures_that_claim_the_earth(other: Study, tmp_path: Path) -> None:
    folder = flat_folder(tmp_path / "data")
    for name in ("f0", "f1", "f2"):
        png_bomb(folder / "masks" / f"{name}.png", 60_000)
    refused(other, folder, "damaged picture|size of its picture")
    for name in ("f0", "f1", "f2"):
        png_bomb(folder / "images" / f"{name}.png", 60_000)
    refused(other, folder, "far more pixels than a picture has; its header is damaged")


def npz(path: Path, shape: tuple[int, ...], data: bytes = b"", descr: str = "|u1") -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("frames", "masks"):
            with archive.open(f"{name}.npy", "w") as out:
                np.lib.format.write_array_header_1_0(out, {"descr": descr, "fortran_order": False, "shape": shape})
                out.write(data)


@pytest.mark.parametrize(
    ("shape", "descr", "said"),
    [
        ((10**4, 10**4, 10**4), "|u1", "claims more than the file can hold"),
        ((2, 10, 10), "|O", "missing, damaged or of another type"),
        ((2, 10, 10), "<f8", "missing, damaged or of another type"),
        ((10, 10), "|u1", "frames, rows, columns"),
        ((-1, 10, 10), "|u1", "missing, damaged|claims|frames, rows|no label"),
    ],
)
def test_numpy_files_that_lie(other: Study, tmp_path: Path, shape: tuple[int, ...], descr: str, said: str) -> None:
    npz(tmp_path / "a.npz", shape, bytes(200), descr)
    refused(other, tmp_path, said)


def test_a_numpy_file_of_zeros_that_unpack_to_gigabytes(other: Study, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, shape in (("frames", (2, 8, 8)), ("masks", (300, 1000, 1000))):
            with archive.open(f"{name}.npy", "w") as out:
                np.lib.format.write_array_header_1_0(out, {"descr": "|u1", "fortran_order": False, "shape": shape})
                for _ in range(shape[0]):
                    out.write(bytes(shape[1] * shape[2]))
    refused(other, tmp_path, "both need")


def zipped(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


@pytest.mark.parametrize(
    "name", ["../evil.txt", "/evil.txt", "a/../../evil.txt", "..\\evil.txt", "C:/evil.txt", "a/nul"]
)
def test_archives_that_reach_out(other: Study, tmp_path: Path, name: str) -> None:
    (tmp_path / "in").mkdir()
    path = zipped(tmp_path / "in" / "data.zip", {"index.csv": b"frame,patient\n", name: b"x"})
    refused(other, path, "stay inside")
    assert not [p for p in tmp_path.rglob("*evil*") if p.is_file()]
    assert [p.name for p in (tmp_path / "in").iterdir()] == ["data.zip"]


def test_archives_that_burst_or_link(other: Study, tmp_path: Path) -> None:
    info = zipfile.ZipInfo("link")
    info.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "link.zip", "w") as archive:
        archive.writestr(info, "/etc/passwd")
    refused(other, tmp_path / "link.zip", "holds a link")
    (tmp_path / "broken.zip").write_bytes(b"PK\x03\x04 nothing")
    refused(other, tmp_path / "broken.zip", "damaged")
    data = bytearray(zipped(tmp_path / "lie.zip", {"a.bin": bytes(5_000_000)}).read_bytes())
    # The directory claims a thousand times more than deflate can pack.
    place = data.rfind(b"PK\x01\x02")
    data[place + 24 : place + 28] = struct.pack("<I", 4_000_000_000)
    (tmp_path / "lie.zip").write_bytes(data)
    refused(other, tmp_path / "lie.zip", "claims more than it can hold")
    assert not (tmp_path / "lie").exists()


def test_a_manifest_that_lies(other: Study, released: Callable[..., ExportedRelease], tmp_path: Path) -> None:
    folder = tmp_path / "data"
    shutil.copytree(released("png", size=64).folder, folder)
    whole = json.loads((folder / "release.json").read_text())
    for change in (
        {"fit": {"shape": [10**9, 10**9], "box": [0, 0, 10**9, 10**9], "aspect": [1, 1], "size": 64, "flip": False}},
        {"fit": {"shape": [120, 160], "box": [0, 0, 10, 10], "aspect": [1e300, 1e-300], "size": 64, "flip": False}},
        {"fit": None},
        {"frames": [{"frame": "x", "status": "accepted"}]},
        {"patient": "=1"},
        {"key": None},
    ):
        values = {**whole, "clips": [{**clip, **change} for clip in whole["clips"]]}
        (folder / "release.json").write_text(json.dumps(values))
        refused(other, folder, "placing|damaged|formula|name is missing")
