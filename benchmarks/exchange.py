"""How fast training data leaves, and whether memory stays level: every format beside a plain loop that writes PNGs.

    python benchmarks/exchange.py [--frames 10000] [--seg-frames 400] [--json FILE]

A study of synthetic clips is made once. Then each format, and the plain loop, runs in a process of its own on the
same labels: planning (which opens every clip, finds its sector and looks for text) and writing are timed apart, and
the memory of the process is read at every tenth frame. Times are of the processor, so that a busy machine does not
change them; those by the clock on the wall are in the JSON. The plain loop reads the same files and masks and writes
a picture and a mask for each frame, and does nothing else: no blanking, no pseudonyms, no manifest.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

SHAPE, PER_CLIP = (112, 112), 100  # the size of EchoNet-Dynamic
FORMATS = ("png", "coco", "npz", "camus", "echonet", "dicom-seg")


def make_study(folder: Path, frames: int) -> Path:
    """Make clips of moving speckle in a fan, every frame labelled and accepted."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    from matae.read import open_cine
    from matae.store import Edit, FrameStatus, Study

    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    fan = (np.hypot(y - 4, x - 56) < 104) & (np.abs(np.arctan2(x - 56, y - 4)) < np.radians(38))
    path = folder / "study.matae"
    with Study.create(path, rater="bench") as study:
        for number in range(-(-frames // PER_CLIP)):
            rng = np.random.default_rng(number)
            count = min(PER_CLIP, frames - number * PER_CLIP)
            speckle = rng.gamma(2.0, 30.0, (count, *SHAPE)).clip(0, 220)
            made = Dataset()
            made.file_meta = FileMetaDataset()
            made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
            made.SOPClassUID, made.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.3.1", f"1.2.3.{number}"
            made.Modality, made.ViewName, made.FrameTime, made.FrameIncrementPointer = "US", "A4C", 20.0, 0x00181063
            made.NumberOfFrames, made.Rows, made.Columns = speckle.shape
            made.SamplesPerPixel, made.PhotometricInterpretation, made.PixelRepresentation = 1, "MONOCHROME2", 0
            made.BitsAllocated, made.BitsStored, made.HighBit = 8, 8, 7
            made.PixelData = np.where(fan, 20 + speckle, 0).astype(np.uint8).tobytes()
            made["PixelData"].VR = "OB"
            made.save_as(folder / f"{number}.dcm", enforce_file_format=True)
            cine = open_cine(folder / f"{number}.dcm")
            study.add_cine(cine, subject=f"P{number // 2}")
            edits = []
            for t in range(count):
                size = 1 - 0.3 * t / max(1, count - 1)
                mask = ((y - 48) / 27) ** 2 + ((x - 57) / (13 * size)) ** 2 < 1
                edits.append(Edit(t, mask.astype(np.uint8), 0, FrameStatus.ACCEPTED))
            study.put_edits(cine.content_id, edits)
            study.set_marks(cine.content_id, ed=0, es=count - 1)
    return path


def resident() -> float:
    """Memory of this process in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


class Memory:
    """The highest memory in the first quarter of a run, and after it."""

    def __init__(self, total: int) -> None:
        self.total, self.done, self.early, self.late = total, 0, 0.0, 0.0

    def __call__(self) -> bool:
        self.done += 1
        if self.done % 10 == 0:
            if self.done < self.total / 4:
                self.early = max(self.early, resident())
            else:
                self.late = max(self.late, resident())
        return False


def run(format_name: str, study_path: Path, out: Path) -> dict[str, Any]:
    from matae.exchange import plan_export, run_export
    from matae.store import Study

    with Study.open(study_path) as study:
        frames = sum(cine.n_labelled for cine in study.cines())
        memory = Memory(frames)
        if format_name == "plain":
            started = clock()
            plain(study, out, memory)
            return figures(format_name, None, since(started, clock()), memory, out)
        started = clock()
        plan = plan_export(study, format_name)
        planned = clock()
        # The text finder may take synthetic speckle for letters: this run is about speed.
        run_export(plan, out, should_stop=memory, looked=True)
        return figures(format_name, since(started, planned), since(planned, clock()), memory, out)


def plain(study: Any, out: Path, memory: Memory) -> None:
    from PIL import Image
    from pydicom import dcmread

    out.mkdir()
    for cine in study.cines():
        pixels = dcmread(study.path_of(cine.content_id)).pixel_array.reshape(-1, *SHAPE)
        for t in study.frames(cine.content_id):
            Image.fromarray(pixels[t]).save(out / f"{cine.stem}_{t}.png")
            Image.fromarray(study.mask(cine.content_id, t)).save(out / f"{cine.stem}_{t}_mask.png")
            memory()


Times = tuple[float, float]  # by the clock on the wall, and of the processor


def clock() -> Times:
    return time.perf_counter(), time.process_time()


def since(start: Times, end: Times) -> Times:
    return end[0] - start[0], end[1] - start[1]


def figures(name: str, planning: Times | None, writing: Times, memory: Memory, out: Path) -> dict[str, Any]:
    frames = memory.total
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    return {
        "format": name, "frames": frames, "plan_s": planning, "write_s": writing,
        "frames_per_second": frames / writing[1], "megabytes": size / 1e6,
        "memory_first_quarter_mb": memory.early, "memory_rest_mb": memory.late,
    }  # fmt: skip


def table(rows: list[dict[str, Any]]) -> str:
    rate = next(row["frames_per_second"] for row in rows if row["format"] == "plain")
    columns = (
        "format", "frames", "planning", "writing", "frames a second", "of the plain loop", "on disk",
        "memory, first quarter", "memory, rest",
    )  # fmt: skip
    lines = ["| " + " | ".join(columns) + " |", "| " + " | ".join(["---"] * len(columns)) + " |"]
    for row in rows:
        planning = "-" if row["plan_s"] is None else f"{row['plan_s'][1]:.0f} s"
        lines.append(
            f"| {row['format']} | {row['frames']:,} | {planning} | {row['write_s'][1]:.0f} s | "
            f"{row['frames_per_second']:.0f} | {row['frames_per_second'] / rate:.2f} | {row['megabytes']:.0f} MB | "
            f"{row['memory_first_quarter_mb']:.0f} MB | {row['memory_rest_mb']:.0f} MB |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=10_000)
    parser.add_argument("--seg-frames", type=int, default=400, help="of DICOM SEG, which is one file a frame")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--worker", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        name, study, out = options.worker
        print(json.dumps(run(name, Path(study), Path(out))))
        return
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        studies = {}
        for frames in {options.frames, options.seg_frames}:
            place = Path(folder, f"study-{frames}")
            place.mkdir()
            studies[frames] = make_study(place, frames)
        for name in ("plain", *FORMATS):
            study = studies[options.seg_frames if name == "dicom-seg" else options.frames]
            out = Path(folder, f"out-{name}")
            command = [sys.executable, __file__, "--worker", name, str(study), str(out)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            rows.append(json.loads(done.stdout.splitlines()[-1]))
            print(f"{name}: {rows[-1]['frames_per_second']:.0f} frames a second", file=sys.stderr)
            shutil.rmtree(out)
    print(table(rows))
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
