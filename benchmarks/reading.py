"""Compare how fast two checkouts read DICOM: ``reading.py BEFORE AFTER``.

Each clip is written once, then read by either checkout in turns, each in a process of its own. What counts is processor
time, the least of all turns: a busy computer changes it little. The pixels must be the same.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

TURNS = 3
READ = """
import json, sys, time, warnings
from pathlib import Path
warnings.simplefilter("ignore")
from matae.read import open_cine
found = {}
for path in sorted(Path(sys.argv[1]).iterdir()):
    least = 1e9
    for _ in range(3):
        start = time.process_time()
        cine = open_cine(path)
        least = min(least, time.process_time() - start)
    found[path.stem] = (1000 * least / cine.n_frames, cine.content_id)
print(json.dumps(found))
"""


def write_clips(folder: Path) -> None:
    """Write speckle of 600 x 800 in the transfer syntaxes that scanners use."""
    from PIL import Image
    from pydicom import examples
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.encaps import encapsulate
    from pydicom.uid import UID

    rng = np.random.default_rng(0)
    grey = rng.integers(0, 200, (20, 150, 200), dtype=np.uint8).repeat(4, axis=1).repeat(4, axis=2)

    def save(name: str, frames: np.ndarray, syntax: str, streams: list[bytes] | None = None, **more: object) -> None:
        made = Dataset()
        made.file_meta = FileMetaDataset()
        made.file_meta.TransferSyntaxUID = UID(syntax if streams else "1.2.840.10008.1.2.1")
        made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID = "1.2.840.10008.5.1.4.1.1.3.1"
        made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID = "1.2.3"
        made.Modality, made.NumberOfFrames = "US", len(frames)
        made.Rows, made.Columns = frames.shape[1:3]
        made.SamplesPerPixel = frames.shape[3] if frames.ndim == 4 else 1
        made.PhotometricInterpretation = "RGB" if frames.ndim == 4 else "MONOCHROME2"
        made.PlanarConfiguration, made.PixelRepresentation = 0, 0
        made.BitsAllocated = made.BitsStored = 8 * frames.dtype.itemsize
        made.HighBit = made.BitsStored - 1
        made.PixelData = frames.tobytes()
        made["PixelData"].VR = "OB" if made.BitsAllocated == 8 else "OW"
        for key, value in more.items():
            setattr(made, key, value)
        if streams:
            made.PixelData = encapsulate(streams)
            made["PixelData"].is_undefined_length = True
        elif syntax != "1.2.840.10008.1.2.1":
            made.compress(syntax, encoding_plugin="", generate_instance_uid=False)
        made.save_as(folder / f"{name}.dcm", enforce_file_format=True)

    colour = np.repeat(grey[..., np.newaxis], 3, axis=3)
    jpegs = []
    for frame in colour:
        buffer = io.BytesIO()
        Image.fromarray(frame).save(buffer, "JPEG", quality=90)
        jpegs.append(buffer.getvalue())
    root = "1.2.840.10008.1.2"
    save("uncompressed grey", grey, f"{root}.1")
    save("uncompressed colour", colour, f"{root}.1")
    save("uncompressed 16 bit", grey.astype(np.uint16) * 16, f"{root}.1")
    save("jpeg baseline", colour, f"{root}.4.50", jpegs, PhotometricInterpretation="YBR_FULL_422")
    save("jpeg-ls", grey, f"{root}.4.80")
    save("jpeg 2000", grey[:5], f"{root}.4.90")
    save("rle colour", colour[:8], f"{root}.5")
    (folder / "real jpeg.dcm").write_bytes(Path(examples.get_path("ybr_color")).read_bytes())


def main() -> None:
    """Read the clips with both checkouts and print milliseconds a frame."""
    trees = [Path(text).resolve() for text in sys.argv[1:3]]
    if len(trees) != 2:
        sys.exit(__doc__)
    least: list[dict[str, float]] = [{}, {}]
    pixels: list[dict[str, str]] = [{}, {}]
    with tempfile.TemporaryDirectory() as folder:
        write_clips(Path(folder))
        for _ in range(TURNS):
            for tree, times, identities in zip(trees, least, pixels, strict=True):
                environment = {**os.environ, "PYTHONPATH": str(tree / "src"), "OMP_NUM_THREADS": "1"}
                done = subprocess.run(
                    [sys.executable, "-c", READ, folder], env=environment, capture_output=True, text=True, check=True
                )
                for name, (milliseconds, identity) in json.loads(done.stdout).items():
                    times[name] = min(milliseconds, times.get(name, milliseconds))
                    identities[name] = identity
    print(f"{'clip':22}{'before':>10}{'after':>10}{'ratio':>8}  ms of processor time a frame")
    for name, before in least[0].items():
        after = least[1][name]
        same = "" if pixels[0][name] == pixels[1][name] else "  OTHER PIXELS"
        print(f"{name:22}{before:10.2f}{after:10.2f}{after / before:8.2f}{same}")


if __name__ == "__main__":
    main()
