"""A cavity taken through the beat: carried by the motion, which is what is given, and outlined anew in each frame.

    python benchmarks/prompt_through.py [--hearts 4] [--width 1/4]

Phantoms, which neither network nor head has seen: the exact mask of the first frame is taken to the 11 that follow,
and compared with the exact masks; so is the head's outline from the landmarks of the carried mask. Then the second half
of each clip is that of another heart: how many frames beyond the cut are still offered, and how many before it are not.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import numpy as np

from matae.metrics import dice
from matae.phantom import make_phantom
from matae.prompt import Prompter, follow
from matae.segment import find_sector

FRAMES = 12


def main() -> None:
    """Score every heart and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--hearts", type=int, default=4)
    parser.add_argument("--width", default="1/4")
    args = parser.parse_args()
    prompter = Prompter.named("matae-apical", args.width)
    moved, anew, confidences, beyond, missed = [], [], [], 0, 0
    made = [make_phantom(seed, n_frames=FRAMES, frame_rate=12.0, shape=(256, 256)) for seed in
            range(90_100, 90_100 + args.hearts)]  # fmt: skip
    for number, heart in enumerate(made):
        cine, truth, rest = heart.cine, heart.masks, range(1, FRAMES)
        for found in follow(prompter, cine, find_sector(cine), 0, truth[0], list(rest), enough=0.0):
            given = found.mask == 1
            moved.append(float(dice(given, truth[found.frame] == 1)))
            anew.append(float(dice(given ^ found.uncertain, truth[found.frame] == 1)))
            confidences.append(found.confidence)
        other = made[(number + 1) % len(made)].cine.frames[FRAMES // 2 :]
        cut = replace(cine, frames=np.concatenate([cine.frames[: FRAMES // 2], other]))
        offered = [
            one.frame for one in follow(prompter, cut, find_sector(cut), 0, truth[0], list(rest)) if one.goes_on
        ]  # fmt: skip
        beyond += sum(frame >= FRAMES // 2 for frame in offered)
        missed += FRAMES // 2 - 1 - sum(frame < FRAMES // 2 for frame in offered)
    for name, scores in (("given: carried by the motion", moved), ("outlined anew from its landmarks", anew)):
        print(f"| {name} | {np.mean(scores):.3f} | {np.min(scores):.3f} |")
    print(f"| confidence | {np.mean(confidences):.3f} | {np.min(confidences):.3f} |")
    print(f"correlation of confidence and Dice {np.corrcoef(confidences, moved)[0, 1]:.2f}")
    half = args.hearts * FRAMES // 2
    print(f"after a cut: {beyond} of {half} frames beyond it offered, {missed} of {half - args.hearts} before it not")


if __name__ == "__main__":
    main()
