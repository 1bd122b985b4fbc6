"""Single pictures (PNG, JPEG, BMP, WebP, JPEG 2000) as their viewers show them, at the depth they are stored with.

Turned as Exif says, colours of a palette looked up, and laid on black where they are transparent.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from matae.errors import ReadError
from matae.read._formats import MOST_PIXELS, quiet
from matae.read._grey import on_black

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any

    from numpy.typing import NDArray

__all__ = ["Facts", "picture_facts", "pictures_of", "values_of"]

_PNG = b"\x89PNG\r\n\x1a\n"
_DEFLATE_RATIO = 1032  # zlib never compresses further: a PNG that claims more is damaged
_LEAST_ASPECT, _MOST_ASPECT = 0.2, 5.0


class Facts(NamedTuple):
    """What a picture file states beside its pixels.

    Parameters
    ----------
    aspect
        Width of a pixel over its height as shown; 1 where nothing sound is stated.
    delays_ms
        Time each picture of an animation is shown, empty for a still; 0 where it is not stated.
    """

    aspect: float = 1.0
    delays_ms: tuple[float, ...] = ()


def pictures_of(path: Path) -> Iterator[NDArray[Any]]:
    """Yield the picture of a file, or those of an animation, as `values_of` gives them.

    Raises
    ------
    ReadError
        If the file is damaged.
    """
    from PIL import Image

    with quiet():
        try:
            with Image.open(path) as image:
                _check_size(path, image)
                if (deep := _deep_png(path)) is not None:
                    yield deep
                    return
                for index in range(_count(image)):
                    image.seek(index)
                    yield values_of(image)
        except ReadError:
            raise
        except Image.DecompressionBombError as error:
            raise ReadError(
                f"{path.name} claims far more pixels than a picture has; its header is damaged, so export it again."
            ) from error
        except MemoryError:
            raise
        except Exception as error:  # Pillow's readers raise whatever a broken file leads them to
            raise ReadError(f"{path.name} is a damaged picture; copy or export it again.") from error


def picture_facts(path: Path) -> Facts:
    """Return what a picture file states beside its pixels; nothing for one that is damaged."""
    from PIL import Image

    with quiet():
        try:
            with Image.open(path) as image:
                count = _count(image)
                delays = []
                for index in range(count if count > 1 else 0):
                    image.seek(index)
                    image.load()  # WebP tells only then
                    delays.append(float(image.info.get("duration", 0) or 0))
                return Facts(_aspect(image), tuple(delays))
        except Exception:  # noqa: BLE001 - whoever reads the pixels says what is wrong
            return Facts()


def _count(image: Any) -> int:
    # The other pictures of an MPO file are of other sizes, or seen with the other eye.
    return 1 if image.format in ("MPO", "TIFF") else int(getattr(image, "n_frames", 1))


def _check_size(path: Path, image: Any) -> None:
    width, height = image.size
    channels = len(image.getbands())
    beyond = image.format == "PNG" and width * height * channels > 8 * _DEFLATE_RATIO * path.stat().st_size
    if width * height > MOST_PIXELS or beyond:
        raise ReadError(f"{path.name} claims {width}x{height} pixels; its header is damaged, so export it again.")


def values_of(image: Any) -> NDArray[Any]:  # noqa: PLR0911 - one return a kind of pixels
    """Return a Pillow image as it is shown: (Y, X) or (Y, X, 3), 8 bits, or the stored depth where it is more."""
    from PIL import ImageOps

    image.load()
    image = ImageOps.exif_transpose(image)
    if image.mode in ("L", "RGB") and "transparency" not in image.info:
        return np.asarray(image)
    if image.mode.startswith("I") or image.mode == "F":
        return np.asarray(image)
    if image.mode == "1":
        return np.asarray(image.convert("L"))
    if image.mode in ("La", "RGBa"):  # on black already
        bands = np.asarray(image)[..., :-1]
        return bands[..., 0] if bands.shape[-1] == 1 else bands
    if image.mode in ("LA", "L"):
        return on_black(np.asarray(image.convert("LA")), is_stated=True)
    if image.mode in ("RGBA", "PA") or "transparency" in image.info:
        return on_black(np.asarray(image.convert("RGBA")), is_stated=True)
    return np.asarray(image.convert("RGB"))


def _deep_png(path: Path) -> NDArray[Any] | None:
    """Return a PNG with colours or opacity of 16 bits, which Pillow would cut to the upper 8; None for all others."""
    with path.open("rb") as file:
        head = file.read(26)
    if not head.startswith(_PNG) or len(head) < 26 or head[24] != 16 or head[25] == 0:
        return None
    import av

    decoder = av.CodecContext.create("png", "r")
    decoder.options = {"max_pixels": str(MOST_PIXELS)}
    try:
        pictures = [*decoder.decode(av.Packet(path.read_bytes())), *decoder.decode(None)]
    except av.FFmpegError as error:
        raise ReadError(f"{path.name} is a damaged picture; copy or export it again.") from error
    if not pictures:
        raise ReadError(f"{path.name} is a damaged picture; copy or export it again.")
    (picture,) = pictures[:1]
    opaque = "a" not in picture.format.name
    values: NDArray[Any] = picture.reformat(format="rgb48le" if opaque else "rgba64le").to_ndarray()
    return on_black(values, is_stated=True)


def _aspect(image: Any) -> float:
    """Return the width of a pixel over its height as the file's densities say; fewer to the inch are wider."""
    info = image.info
    # JFIF and PNG can state the ratio alone, without a unit.
    pair = info.get("aspect") or (info.get("jfif_density") if info.get("jfif_unit") == 0 else None) or info.get("dpi")
    try:
        x, y = (float(value) for value in pair)
        ratio = y / x
    except (TypeError, ValueError, ZeroDivisionError):
        return 1.0
    if not math.isfinite(ratio) or abs(ratio - 1) < 0.005 or not _LEAST_ASPECT <= ratio <= _MOST_ASPECT:
        return 1.0
    return 1 / ratio if image.getexif().get(0x0112, 1) in (5, 6, 7, 8) else ratio
