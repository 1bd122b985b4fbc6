"""Compare our pixels with those of independent readers, and print the tables of docs/formats.md.

    python benchmarks/formats.py

Two sources: files that installed packages bring as test data, and files made here by other programs' writers with many
combinations of options. The reference is what was written (lossless), or what tifffile, Pillow, SimpleITK or ffmpeg's
raw planes give. A picture counts as right when no pixel differs by more than three grey levels.
"""

from __future__ import annotations

import io
import itertools
import sys
import tempfile
import warnings
from collections import defaultdict
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from matae.errors import MataeError
from matae.read import open_cine

if TYPE_CHECKING:
    from collections.abc import Callable

NEAR = 3
Frames = np.ndarray[Any, Any]


@dataclass
class Row:
    """What became of the files of one kind."""

    right: int = 0
    refused: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


class Table:
    """Counts by kind of file and reference."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], Row] = defaultdict(Row)

    def check(self, kind: str, reference: str, path: Path, expected: Callable[[], Frames], name: str = "") -> None:
        row, name = self.rows[kind, reference], name or path.name
        try:
            frames = open_cine(path).frames
        except MataeError as error:
            row.refused.append(f"{name}: {error}")
            return
        try:
            wanted = expected()
        except Exception as error:  # noqa: BLE001 - the reference refuses what it likes
            row.wrong.append(f"{name}: the reference fails ({error})")
            return
        wanted = wanted[np.newaxis] if wanted.ndim == 2 else wanted
        if frames.shape != wanted.shape:
            row.wrong.append(f"{name}: {frames.shape} for {wanted.shape}")
        elif (far := float(np.abs(frames.astype(float) - wanted).max())) > NEAR:
            row.wrong.append(f"{name}: differs by {far:.0f}")
        else:
            row.right += 1

    def print(self) -> None:
        print("| files | compared with | tried | right | refused | wrong |\n| --- | --- | --- | --- | --- | --- |")
        for (kind, reference), row in self.rows.items():
            tried = row.right + len(row.refused) + len(row.wrong)
            print(f"| {kind} | {reference} | {tried} | {row.right} | {len(row.refused)} | {len(row.wrong)} |")
        for title, lists in (("Refused", "refused"), ("Wrong", "wrong")):
            for (kind, _), row in self.rows.items():
                for text in getattr(row, lists):
                    print(f"{title}: {kind}: {text}", file=sys.stderr)


def clip(count: int = 3, rows: int = 32, columns: int = 48) -> Frames:
    """Return smooth frames with full range, so that lossy codecs stay near."""
    y, x, t = np.ogrid[:rows, :columns, :count]
    values = 127.5 + 127.5 * np.sin(y / 9 + t / 2) * np.cos(x / 11)
    return np.rint(values).astype(np.uint8).transpose(2, 0, 1)


def by_pillow(path: Path) -> Frames:
    """Return what Pillow shows, turned, on black."""
    from PIL import Image, ImageOps, ImageSequence

    shown = []
    with Image.open(path) as image:
        for frame in ImageSequence.Iterator(image):
            turned = ImageOps.exif_transpose(frame).convert("RGBA")
            ground = Image.new("RGBA", turned.size, (0, 0, 0, 255))
            shown.append(np.asarray(Image.alpha_composite(ground, turned).convert("L")))
    return np.stack(shown)


def stretched(values: Frames) -> Frames:
    """Bring values from their least and greatest to 0 and 255."""
    low, high = float(values.min()), float(values.max())
    return (values.astype(float) - low) * 255 / (high - low)


# -- files that packages bring ------------------------------------------------------------------------------


def shipped(table: Table) -> None:
    site = Path(np.__file__).parents[1]
    for package in ("skimage", "scipy", "matplotlib", "pyqtgraph", "networkx", "sympy", "napari", "PyQt6", "vispy"):
        for suffix in (".png", ".jpg", ".gif", ".tif", ".tiff", ".bmp", ".webp"):
            for path in sorted((site / package).rglob(f"*{suffix}"))[:60]:
                if path.stat().st_size:
                    kind = f"{package}: {suffix[1:]}"
                    table.check(
                        kind, "tifffile" if suffix == ".tif" else "Pillow", path, lambda path=path: _shown(path)
                    )


def _shown(path: Path) -> Frames:
    import tifffile
    from PIL import Image

    if path.suffix in (".tif", ".tiff"):
        with tifffile.TiffFile(path) as tiff:
            page, values = tiff.pages[0], tiff.asarray()
        if page.photometric == 2 and page.planarconfig == 2:
            top = 255 if values.dtype.kind == "f" and values.max() <= 1 else 1
            return np.moveaxis(values, -3, -1)[..., :3].astype(float) @ [0.299, 0.587, 0.114] * top
        if values.dtype not in (np.uint8, np.bool_):
            return values if values.max() <= 255 else stretched(values)
    with Image.open(path) as image:
        deep = image.mode.startswith(("I", "F"))
    if not deep:
        return by_pillow(path)
    values = np.asarray(Image.open(path))
    return values if values.max() <= 255 else stretched(values)


# -- files made by other writers ----------------------------------------------------------------------------


def tiffs(table: Table, folder: Path) -> None:
    import tifffile

    frames = clip()
    options = itertools.product(
        ("minisblack", "miniswhite", "palette", "rgb", "rgb planes"),
        ("none", "zlib", "lzw", "packbits", "zstd", "lzma"),
        (False, True), (None, (16, 16)), ("<", ">"), (False, True),
    )  # fmt: skip
    for photometric, compression, predictor, tile, order, big in options:
        if predictor and compression in ("none", "packbits"):
            continue
        stored: Frames = frames
        extra: dict[str, Any] = {}
        if photometric == "miniswhite":
            stored = 255 - frames
        elif photometric == "palette":
            extra["colormap"] = np.stack([(255 - np.arange(256)) * 257] * 3).astype(np.uint16)
            stored = 255 - frames
        elif photometric == "rgb":
            stored = np.repeat(frames[..., np.newaxis], 3, axis=3)
        elif photometric == "rgb planes":
            stored = np.repeat(frames[:, np.newaxis], 3, axis=1)
            extra["planarconfig"] = "separate"
        path = folder / "a.tif"
        try:
            tifffile.imwrite(
                path, stored, photometric=photometric.split()[0], predictor=predictor or None, tile=tile,
                byteorder=order, compression=None if compression == "none" else compression, bigtiff=big, **extra,
            )  # fmt: skip
        except (ValueError, KeyError):
            continue
        name = f"{photometric} {compression} predictor={predictor} tile={tile} {order} big={big}"
        table.check(f"TIFF by tifffile, {photometric}, 8 bits", "what was written", path, lambda: frames, name)
    for dtype, order, photometric in itertools.product(
        ("u2", "u4", "i2", "f4", "f8"), ("<", ">"), ("minisblack", "miniswhite")
    ):
        deep = (frames.astype(float) * 9 + 100).astype(dtype)
        stored = deep
        if photometric == "miniswhite":
            if dtype[0] != "u":
                continue
            stored = np.iinfo(dtype).max - deep
        path = folder / "b.tif"
        tifffile.imwrite(path, stored, photometric=photometric, byteorder=order)
        table.check(
            "TIFF by tifffile, 16 to 64 bits", "what was written, scaled", path, lambda: stretched(frames), dtype
        )


def pictures(table: Table, folder: Path) -> None:
    from PIL import Image

    grey = clip(1)[0]
    rgb = np.stack([grey, grey // 2, 255 - grey], axis=2)
    opacity = np.add.outer(np.arange(32) * 4, np.arange(48) * 2).clip(0, 255).astype(np.uint8)
    made = {
        "1": Image.fromarray(grey > 99), "L": Image.fromarray(grey), "LA": Image.fromarray(np.dstack([grey, opacity])),
        "P": Image.fromarray(rgb).quantize(32), "RGB": Image.fromarray(rgb),
        "RGBA": Image.fromarray(np.dstack([rgb, opacity])), "CMYK": Image.fromarray(rgb).convert("CMYK"),
        "YCbCr": Image.fromarray(rgb).convert("YCbCr"), "I;16": Image.fromarray(grey.astype(np.uint16) * 16),
    }  # fmt: skip
    saves: dict[str, list[dict[str, Any]]] = {
        "png": [{}, {"optimize": True}, {"compress_level": 0}],
        "jpg": [{"quality": 95}, {"quality": 95, "progressive": True}, {"quality": 95, "subsampling": 0}],
        "bmp": [{}], "gif": [{}, {"interlace": 0}], "webp": [{"lossless": True}], "jp2": [{}],
        "tif": [
            {"compression": name}
            for name in ("raw", "tiff_lzw", "packbits", "tiff_adobe_deflate", "zstd", "group4")
        ],
    }  # fmt: skip
    for suffix, variants in saves.items():
        for mode, options in itertools.product(made, variants):
            path = folder / f"a.{suffix}"
            try:
                made[mode].save(path, **options)
            except (OSError, ValueError, KeyError):
                continue
            table.check(
                f"{suffix.upper()} by Pillow", "Pillow", path, lambda path=path: _shown(path), f"{mode} {options}"
            )
    for orientation, suffix in itertools.product(range(1, 9), ("jpg", "png", "webp")):
        tag = Image.Exif()
        tag[0x0112] = orientation
        path = folder / f"b.{suffix}"
        made["L"].convert("RGB").save(path, exif=tag, quality=95, lossless=True)
        table.check("Exif orientation by Pillow", "Pillow", path, lambda path=path: by_pillow(path), str(orientation))


def volumes(table: Table, folder: Path) -> None:
    import SimpleITK as sitk  # noqa: N813

    frames = clip(5)
    kinds = ("u1", "i2", "u2", "f4", "f8")
    for suffix, kind, packed, axes, turned in itertools.product(
        (".nii", ".nii.gz", ".mha", ".mhd", ".nrrd", ".nhdr"), kinds, (False, True), (3, 4), (False, True)
    ):
        values = frames.astype(kind)
        image = sitk.GetImageFromArray(values if axes == 3 else values[:, np.newaxis], isVector=False)
        image.SetSpacing((0.3, 0.4, 2.0, 0.02)[:axes])
        if turned and axes == 3:
            image.SetDirection((-1, 0, 0, 0, 0, 1, 0, 1, 0))
        path = folder / f"a{suffix}"
        sitk.WriteImage(image, str(path), useCompression=packed)
        name = f"{kind} packed={packed} {axes} axes turned={turned}"
        table.check(f"{suffix} by SimpleITK", "what was written", path, lambda: frames, name)
    try:
        import nibabel
    except ImportError:
        return
    for kind, slope, flip in itertools.product(("u1", "i2", "f4"), (None, 0.5), (1, -1)):
        stored = np.ascontiguousarray((frames // 2 * 2).transpose(2, 1, 0)).astype(kind)
        image = nibabel.Nifti1Image(stored, np.diag([flip * 0.3, 0.4, 2.0, 1.0]))
        image.header.set_xyzt_units("mm", "sec")
        image.header.set_slope_inter(slope or 1, 0)
        path = folder / "b.nii"
        nibabel.save(image, path)
        wanted = np.asarray(nibabel.load(path).dataobj).transpose(2, 1, 0)
        table.check(".nii by nibabel", "nibabel", path, lambda wanted=wanted: wanted, f"{kind} {slope} {flip}")


def videos(table: Table, folder: Path) -> None:
    import av

    frames = clip(6, 64, 96)
    choices = [
        (".avi", "mjpeg", "yuvj420p"), (".avi", "mjpeg", "yuvj422p"), (".avi", "rawvideo", "bgr24"),
        (".avi", "rawvideo", "bgra"), (".avi", "mpeg4", "yuv420p"), (".avi", "ffv1", "gray"),
        (".avi", "huffyuv", "rgb24"),
        (".avi", "msvideo1", "rgb555le"), (".avi", "png", "rgb24"), (".avi", "libx264", "yuv420p"),
        (".mp4", "libx264", "yuv420p"), (".mp4", "libx264", "yuv444p"), (".mp4", "libx264", "yuvj420p"),
        (".mp4", "libx265", "yuv420p"), (".mp4", "mpeg4", "yuv420p"), (".mov", "libx264", "yuv420p"),
        (".mov", "prores_ks", "yuv422p10le"), (".mov", "qtrle", "rgb24"), (".mov", "png", "rgba"),
        (".mkv", "ffv1", "gray"), (".mkv", "ffv1", "gray16le"), (".mkv", "ffv1", "yuva420p"),
        (".mkv", "libx264", "gray"),
        (".mkv", "libvpx-vp9", "yuv420p"), (".webm", "libvpx", "yuv420p"), (".mpg", "mpeg1video", "yuv420p"),
        (".mpg", "mpeg2video", "yuv420p"), (".wmv", "wmv2", "yuv420p"), (".flv", "flv1", "yuv420p"),
        (".gif", "gif", "gray"),
    ]  # fmt: skip
    for suffix, codec, pix_fmt in choices:
        path = folder / f"a{suffix}"
        try:
            with av.open(str(path), "w") as container:
                stream = container.add_stream(codec, rate=25)
                stream.height, stream.width, stream.pix_fmt = 64, 96, pix_fmt
                for index, frame in enumerate(frames):
                    picture = av.VideoFrame.from_ndarray(np.repeat(frame[..., None], 3, axis=2), format="rgb24")
                    picture.pts, picture.time_base = index, Fraction(1, 25)
                    container.mux(stream.encode(picture))
                container.mux(stream.encode())
        except (av.FFmpegError, ValueError):
            continue
        table.check(
            f"{suffix[1:].upper()} by ffmpeg", "ffmpeg's raw planes", path, lambda path=path: raw_planes(path),
            f"{codec} {pix_fmt}",
        )  # fmt: skip


def raw_planes(path: Path) -> Frames:
    """Return grey from the planes as decoded, by the definitions of the formats."""
    import av

    shown = []
    with av.open(str(path)) as container:
        for picture in container.decode(video=0):
            name = picture.format.name
            plane = picture.planes[0]
            if name.startswith(("yuv", "gray")):
                deep = "10" in name or "16" in name
                values = np.frombuffer(plane, "<u2" if deep else np.uint8).reshape(picture.height, -1)[
                    :, : picture.width
                ]
                top = 2.0 ** (10 if "10" in name else 16) - 1 if deep else 255.0
                level = values / top
                if name.startswith("yuv") and "j" not in name and picture.color_range != 2:
                    level = (level - 16 / 255) * 255 / 219
                shown.append(np.clip(level * 255, 0, 255))
            elif name in ("rgb24", "bgr24", "rgba", "bgra", "bgr0", "rgb0"):
                step = 3 if name in ("rgb24", "bgr24") else 4
                values = np.frombuffer(plane, np.uint8).reshape(picture.height, -1)[:, : picture.width * step]
                colours = values.reshape(picture.height, picture.width, step).astype(float)
                order = [0, 1, 2] if name.startswith("r") else [2, 1, 0]
                shown.append(colours[..., order] @ [0.299, 0.587, 0.114])
            else:
                shown.append(picture.to_ndarray(format="rgb24").astype(float) @ [0.299, 0.587, 0.114])
    return np.stack(shown)


def main() -> None:
    warnings.simplefilter("ignore")
    table = Table()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for make in (tiffs, pictures, volumes, videos):
            make(table, folder)
    shipped(table)
    table.print()


if __name__ == "__main__":
    sys.stdout = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8", line_buffering=True)
    main()
