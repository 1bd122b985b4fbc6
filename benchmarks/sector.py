"""How well the sector is found in layouts whose sector is exactly known, and whether the finder knows when it is not.

    python benchmarks/sector.py [--count 25] [--first 7000] [--kinds plain dark] [--json FILE]

The layouts are those of `matae.phantom.layouts`, `--count` seeds of each kind, once as a still and once as a clip of
ten frames. A found outline is compared with the exact one by their intersection over union (IoU), without the margin
that is left around an outline; where the finder is unsure, the whole picture is used and no IoU counts. Of two
pictures side by side, the one that was found counts. Seconds are of processor time, on one thread. The weights of the
confidence come from seeds 1000 to 1017, the finder was made on those and on 2000 to 2005, what it doubts was set on
seeds 3000 to 3039 and 4000 to 4029 as well; others judge it.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from matae.phantom.layout_plan import KINDS
from matae.phantom.layouts import make_layout
from matae.segment import find_sector
from matae.segment.filled import filled_polygon

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matae.phantom.layouts import SectorLayout

GOOD, WRONG = 0.95, 0.9
CLIP = 10  # frames
HEADER = (
    "| layouts | n | IoU, mean | IoU, 5th percentile | IoU 0.95 or more | unsure | good or unsure "
    "| under 0.9 and sure | right way up | ms a picture |"
)


class Found(NamedTuple):
    """What was found in a layout."""

    kind: str
    form: str
    seed: int
    iou: float
    unsure: bool
    upright: bool
    seconds: float


def look(layout: SectorLayout, form: str) -> Found:
    """Find the sector of a layout and compare it with the exact one."""
    start = time.process_time()
    sector = find_sector(layout.cine)
    seconds = time.process_time() - start
    found = filled_polygon(layout.cine.shape, sector.polygon)
    iou = max((found & exact).sum() / (found | exact).sum() for exact in layout.sectors)
    upright = sector.apex_down == layout.apex_down
    return Found(layout.plan.kind, form, layout.seed, float(iou), sector.is_unsure, upright, seconds)


def rows(found: list[Found]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the name and the figures of each kind, of stills and of clips apart, and of all of them."""
    for form in ("still", "clip"):
        for kind in (*KINDS, None):
            those = [one for one in found if one.form == form and kind in {None, one.kind}]
            if those:
                yield f"{form}s, {kind or 'all'}", figures(those)


def figures(found: list[Found]) -> dict[str, Any]:
    """Return the figures of some layouts."""
    sure = np.array([one.iou for one in found if not one.unsure])
    unsure = sum(one.unsure for one in found)
    good, wrong = int((sure >= GOOD).sum()), int((sure < WRONG).sum())
    return {
        "n": len(found),
        "iou_mean": float(sure.mean()) if len(sure) else None,
        "iou_p5": float(np.percentile(sure, 5)) if len(sure) else None,
        "good": good / len(found),
        "unsure": unsure / len(found),
        "good_or_unsure": (good + unsure) / len(found),
        "wrong_and_sure": wrong / len(found),
        "upright": sum(one.upright or one.unsure for one in found) / len(found),
        "ms": 1000 * float(np.median([one.seconds for one in found])),
    }


def shown(name: str, values: dict[str, Any]) -> str:
    """Return a line of the table."""
    ious = ["-" if values[key] is None else f"{values[key]:.3f}" for key in ("iou_mean", "iou_p5")]
    keys = ("good", "unsure", "good_or_unsure", "wrong_and_sure", "upright")
    shares = [f"{100 * values[key]:.1f} %" for key in keys]
    return f"| {' | '.join([name, str(values['n']), *ious, *shares, format(values['ms'], '.0f')])} |"


def main() -> None:
    """Print a line for each kind, and keep every layout."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=25, help="seeds of each kind")
    parser.add_argument("--first", type=int, default=7000, help="first seed")
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=list(KINDS))
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    look(make_layout("plain", 0), "still")  # what is imported at the first use is not counted
    found = []
    for kind in args.kinds:
        for seed in range(args.first, args.first + args.count):
            found += [look(make_layout(kind, seed, n_frames=n), form) for form, n in (("still", 1), ("clip", CLIP))]
    table = dict(rows(found))
    if args.json:
        text = json.dumps({"rows": table, "layouts": [one._asdict() for one in found]}, indent=1)
        args.json.write_text(text + "\n", encoding="utf-8")
    print(f"{HEADER}\n|{'---|' * (HEADER.count('|') - 1)}")
    for name, values in table.items():
        print(shown(name, values))


if __name__ == "__main__":
    main()
