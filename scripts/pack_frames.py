"""Pack labelled frames into one file, to take them to a machine with a GPU for a few minutes.

    python scripts/pack_frames.py --data CAMUS-A4C --data CAMUS-A2C --out runs/frames.npz [--size 224]

All views, phases, structures and sides of the split; each frame is placed as a network sees it, at the size of the
network's grid: a picture that was scaled twice would look otherwise at training than at inference. The file holds
pictures of patients: keep it out of the repository (``runs/`` and ``*.npz`` are ignored), under the terms of its data.
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path
from typing import Any

from matae.errors import MataeError
from matae.labelled import open_labelled
from matae.labelled.packed import write_packed

LICENCES = ("LICENCE.txt", "LICENSE.txt", "LICENCE", "LICENSE")
MOST = 40e6  # bytes: what is taken along with the source must be small
CAMUS = (
    "CAMUS, CC BY-NC-SA 4.0; non-commercial scientific research only; cite S. Leclerc et al., IEEE Transactions on "
    "Medical Imaging 38(9):2198-2210, 2019, doi 10.1109/TMI.2019.2900516."
)


def frames_of(folder: Path, size: int) -> Any:
    """Yield picture, labels and facts of each frame of a data set."""
    for ref in open_labelled(folder, view="all", structures=True).refs:
        found = ref.read()
        placement = found.placement(size)
        pixel = placement.pixel_size(found.cine.spacing)
        for number, mask in found.masks.items():
            facts = {
                "frame": f"{ref.id}_{number}" if ref.is_clip else ref.id, "patient": ref.patient, "view": ref.view,
                "phase": found.phases.get(number, "") or ref.phase, "split": ref.split, "quality": ref.quality,
                "clip": ref.clip, "reference_ef": ref.reference_ef,
                "spacing_mm": None if pixel is None else round(math.sqrt(pixel[0] * pixel[1]), 6),
            }  # fmt: skip
            yield placement.image(found.cine.frames[number]), placement.mask(mask), facts


def licence_of(folder: Path) -> str:
    """Return the terms of a data set: its own file, or those of CAMUS where its folder is called so."""
    for name in LICENCES:
        if (folder / name).is_file():
            return (folder / name).read_text("utf-8", errors="replace").strip()
    return CAMUS if "camus" in folder.resolve().name.lower() else ""


def main() -> int:
    """Pack."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--data", type=Path, action="append", required=True, help="data set; may be given several times"
    )
    parser.add_argument("--out", type=Path, required=True, help="file to write, .npz")
    parser.add_argument("--size", type=int, default=224, help="side of the frames in pixels: a network's grid")
    args = parser.parse_args()
    if args.out.suffix != ".npz":
        parser.error("--out must end in .npz")
    try:
        frames = [frame for folder in args.data for frame in frames_of(folder, args.size)]
        terms = "\n\n".join(dict.fromkeys(filter(None, map(licence_of, args.data))))
        images, labels, facts = (list(part) for part in zip(*frames, strict=True)) if frames else ([], [], [])
        size = write_packed(args.out, images, labels, facts, terms)
    except MataeError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    views = sorted({one["view"] for one in facts})
    sys.stdout.write(
        f"{args.out}: {len(facts)} frames of {', '.join(views)}, {args.size} pixels, {size / 1e6:.1f} MB\n"
    )
    if size > MOST:
        sys.stderr.write(f"That is more than {MOST / 1e6:.0f} MB; take a smaller --size.\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
