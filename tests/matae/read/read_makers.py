"""Files for the reader tests, made on the spot."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import Any

    from numpy.typing import NDArray

BITS = 8


def coded_frames(count: int, shape: tuple[int, int] = (64, 96)) -> NDArray[np.uint8]:
    """Frames that carry their own number as a row of black and white bars, safe from lossy codecs."""
    frames = np.full((count, *shape), 60, np.uint8)
    width = shape[1] // BITS
    for number in range(count):
        for bit in range(BITS):
            frames[number, : shape[0] // 2, bit * width : (bit + 1) * width] = 230 if number >> bit & 1 else 20
    return frames


def read_codes(frames: NDArray[np.uint8]) -> list[int]:
    """Read the numbers back."""
    width = frames.shape[2] // BITS
    rows = frames[:, 8 : frames.shape[1] // 2 - 8]
    return [
        sum(1 << bit for bit in range(BITS) if frame[:, bit * width + 3 : (bit + 1) * width - 3].mean() > 125)
        for frame in rows
    ]


def grey_clip(count: int = 6, shape: tuple[int, int] = (16, 24), seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (count, *shape), dtype=np.uint8)


def write_video(
    path: Path,
    frames: NDArray[np.uint8],
    codec: str = "mjpeg",
    *,
    rate: int = 50,
    pix_fmt: str = "yuvj420p",
    options: dict[str, str] | None = None,
    stamps_ms: Sequence[int] | None = None,
) -> Path:
    """Encode grey (T, Y, X) or RGB (T, Y, X, 3) frames."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = pix_fmt
        stream.options = options or {}
        base = Fraction(1, rate) if stamps_ms is None else Fraction(1, 1000)
        stream.codec_context.time_base = base
        for index, frame in enumerate(frames):
            rgb = frame if frame.ndim == 3 else np.repeat(frame[..., np.newaxis], 3, axis=2)
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
            picture.pts = index if stamps_ms is None else stamps_ms[index]
            picture.time_base = base
            for packet in stream.encode(picture):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path


def repeat_video(source: Path, path: Path, times: int) -> Path:
    """Write the packets of an intra-coded video again and again, which is quicker than encoding."""
    import av

    with av.open(str(source)) as original, av.open(str(path), "w") as container:
        track = original.streams.video[0]
        stream = container.add_stream_from_template(track)
        pieces = [bytes(packet) for packet in original.demux(track) if packet.size]
        for index in range(times * len(pieces)):
            packet = av.Packet(pieces[index % len(pieces)])
            packet.stream = stream
            packet.time_base = track.time_base
            packet.pts = packet.dts = index
            packet.is_keyframe = True
            container.mux(packet)
    return path


def write_sound(path: Path) -> Path:
    """Write an MP4 with sound only."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000, layout="mono")
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        silence.sample_rate = 8000
        for index in range(8):
            silence.pts = index * 1024
            for packet in stream.encode(silence):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path


def dataset(frames: NDArray[Any], syntax: str = "1.2.840.10008.1.2.1", **elements: Any) -> Any:
    """Make an uncompressed ultrasound multi-frame data set: (T, Y, X) or (T, Y, X, 3)."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import UID

    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = UID(syntax)
    made.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.3.1"
    made.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    made.SOPClassUID = "1.2.840.10008.5.1.4.1.1.3.1"
    made.SOPInstanceUID = "1.2.3.4"
    made.Modality = "US"
    made.PatientName = "Doe^Jane"
    made.PatientID = "secret-id"
    made.StudyDate = "20200102"
    made.NumberOfFrames = len(frames)
    made.Rows, made.Columns = frames.shape[1:3]
    colour = frames.ndim == 4
    made.SamplesPerPixel = 3 if colour else 1
    made.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
    if colour:
        made.PlanarConfiguration = 0
    made.BitsAllocated = made.BitsStored = frames.dtype.itemsize * 8
    made.HighBit = made.BitsStored - 1
    made.PixelRepresentation = int(frames.dtype.kind == "i")
    made.PixelData = frames.tobytes() + b"\0" * (frames.nbytes % 2)
    made["PixelData"].VR = "OB" if made.BitsAllocated == 8 else "OW"
    for keyword, value in elements.items():
        setattr(made, keyword, value)
    return made


def save(made: Any, path: Path) -> Path:
    made.save_as(path, enforce_file_format=True)
    return path


def encapsulated(made: Any, syntax: str, streams: Sequence[bytes]) -> Any:
    """Replace the pixel data by compressed frames."""
    from pydicom.encaps import encapsulate
    from pydicom.uid import UID

    made.file_meta.TransferSyntaxUID = UID(syntax)
    made.PixelData = encapsulate(list(streams))
    made["PixelData"].VR = "OB"
    made["PixelData"].is_undefined_length = True
    return made


def region(x0: int, y0: int, x1: int, y1: int, delta: float = 0.02, **elements: Any) -> Any:
    """One item of Sequence of Ultrasound Regions; 2-D tissue in centimetres unless said otherwise."""
    from pydicom.dataset import Dataset

    item = Dataset()
    item.RegionSpatialFormat, item.RegionDataType, item.RegionFlags = 1, 1, 0
    item.RegionLocationMinX0, item.RegionLocationMinY0 = x0, y0
    item.RegionLocationMaxX1, item.RegionLocationMaxY1 = x1, y1
    item.PhysicalUnitsXDirection = item.PhysicalUnitsYDirection = 3
    item.PhysicalDeltaX = item.PhysicalDeltaY = delta
    for keyword, value in elements.items():
        setattr(item, keyword, value)
    return item


def doppler_clip(count: int = 8, shape: tuple[int, int] = (96, 128)) -> NDArray[np.uint8]:
    """RGB frames: moving grey speckle with a red and blue jet that comes and goes."""
    rng = np.random.default_rng(1)
    frames = np.repeat(rng.integers(20, 160, (count, *shape, 1), dtype=np.uint8), 3, axis=3)
    for index in range(count):
        if index % 2:
            frames[index, 30:60, 40:60] = (220, 40, 30)
            frames[index, 30:60, 60:80] = (30, 60, 220)
    return frames
