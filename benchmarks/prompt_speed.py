"""What a click costs: the first in a frame, for which the network looks at it, and each after that.

    python benchmarks/prompt_speed.py [--model matae-apical]

A frame of 600 x 800 pixels, three landmarks and a click, from native pixels to the mask in native pixels, on the
processor; no data is needed. Clock and processor time, the median and the best of some repeats: the best says what an
idle computer does.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from matae.measure.landmarks import Landmarks
from matae.models import find_model
from matae.nn.widths import format_width
from matae.phantom import make_phantom
from matae.prompt import Prompter, Prompts
from matae.segment import find_sector

REPEATS = 9


def main() -> None:
    """Time every width and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--model", default="matae-apical")
    args = parser.parse_args()
    made = make_phantom(90_000, n_frames=REPEATS, frame_rate=12.0, shape=(600, 800))
    sector = find_sector(made.cine)
    print("| width | first click, ms | best | processor | each after, ms | best | processor |\n"
          "| --- | --- | --- | --- | --- | --- | --- |")  # fmt: skip
    for width in find_model(args.model).card.widths:
        prompter = Prompter.named(args.model, format_width(width))
        rows = []
        for frame in range(REPEATS):
            three = Prompts(Landmarks.from_array(made.landmarks[frame]))
            mask = None
            for prompts in (three, three.clicked(made.landmarks[frame].mean(0), inside=True)):
                begun, worked = time.perf_counter(), time.process_time()
                mask = prompter.outline(made.cine, sector, frame, prompts, mask=mask).mask
                rows.append((time.perf_counter() - begun, time.process_time() - worked))
        ms = 1000 * np.array(rows)[2:].reshape(-1, 2, 2)  # the first frame also makes kernels ready
        cells = [
            f"{value:.0f}" for n in (0, 1) for value in (
                np.median(ms[:, n, 0]), ms[:, n, 0].min(), np.median(ms[:, n, 1])
            )
        ]  # fmt: skip
        print(f"| {format_width(width)} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
