"""How good masks are that come from a few clicks, a box or three landmarks, and what else the clicks could do.

    python benchmarks/prompt.py --data ../shared/data --head FILE [--width 1/8 ...] [--set NAME ...] [--json FILE]

Prompts are simulated from the reference masks (`matae.prompt.simulate`): landmarks moved by 0, 3 and 6 mm (standard
deviation, each direction), a box whose sides are moved by 3 %, and clicks, each into the largest error of the mask so
far, beginning with what the network found. The sets: CAMUS validation patients of both views as they are; the
four-chamber frames restyled as in training, and changed as no training does (`benchmarks/reliability.py`); and
phantoms, which neither network nor head has seen. Dice of the cavity on the network's grid, a bootstrap over patients.

Beside the head stand ways without learning: the mean shape of the training hearts laid between the three points; the
network's mask reshaped so that its own landmarks go to the clicked ones (`matae.edit.reshape`); and a random walker
(L. Grady, IEEE TPAMI 28(11), 2006; scikit-image) from seeds along the axis between the points, and around the mean
shape.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from matae.edit import EditError, reshape
from matae.measure.landmarks import Landmarks, landmarks
from matae.metrics import dice, patient_interval
from matae.models import load_model
from matae.nn.matae import Matae
from matae.nn.widths import format_width
from matae.placement import Placement, network_input
from matae.prompt.encode import PromptTensors, encode
from matae.prompt.simulate import jittered_box, jittered_landmarks, next_click
from matae.prompt.weights import load_head
from matae.segment import find_sector
from matae.threads import set_network_threads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import torch
    from numpy.typing import NDArray

    from matae.prompt.head import PromptHead

CLICKS = (1, 3, 5)


class Frame(NamedTuple):
    """A frame on the network's grid with its reference cavity, and the size of a pixel there in mm."""

    patient: str
    picture: NDArray[np.uint8]
    truth: NDArray[np.bool_]
    mm: float | None


def sets(data: Path, grid: int, count: int, wanted: list[str]) -> Iterator[tuple[str, list[Frame]]]:
    """Yield each set of frames by name."""
    from reliability import camus, changed, phantoms, restyled

    from matae.cine import Cine, Spacing

    def frames(pairs: Any, change: Any = None) -> list[Frame]:
        rng, found = np.random.default_rng(1), []
        for pair in pairs:
            done = pair if change is None else change(pair, rng)
            spacing = None if done.side is None else Spacing(done.side, done.side)
            cine = Cine(done.pictures, None, spacing, Path(done.name))
            place = Placement.of(cine, find_sector(cine), grid)
            pixel = place.pixel_size(spacing)
            for picture, cavity in zip(done.pictures, done.cavities, strict=True):
                truth = place.mask(cavity.astype(np.uint8)) > 0
                if truth.any():
                    found.append(Frame(done.name, place.image(picture), truth, None if pixel is None else pixel[0]))
        return found

    a4c, a2c = data / "camus-a4c-256", data / "camus-a2c-256"
    made: dict[str, Callable[[], list[Frame]]] = {
        "CAMUS val, A4C": lambda: frames(camus(a4c, count)), "CAMUS val, A2C": lambda: frames(camus(a2c, count)),
        "A4C restyled": lambda: frames(camus(a4c, count), restyled),
        "A4C changed": lambda: frames(camus(a4c, count), changed),
        "phantoms": lambda: frames(phantoms(min(count, 20))),
    }  # fmt: skip
    for name, make in made.items():
        if not wanted or name in wanted:
            yield name, make()


class Judge:
    """Scores every way to outline a frame at one width."""

    def __init__(self, network: Matae, head: PromptHead, width: float, *, walker: bool = False) -> None:
        self.plain, self.head, self.width, self.walker = network.extract(width), head, width, walker
        self.scores: dict[str, list[tuple[str, float, float]]] = {}
        self.seconds: dict[str, list[float]] = {"look": [], "click": []}
        self.obeyed: list[bool] = []

    def add(self, frame: Frame, rng: np.random.Generator) -> None:
        """Score one frame."""
        import torch

        begun = time.perf_counter()
        with torch.inference_mode():
            x = network_input(frame.picture[None]).contiguous(memory_format=torch.channels_last)
            features = self.plain.features(x).contiguous()
            logits = self.plain.logits(features).contiguous()
        self.seconds["look"].append(time.perf_counter() - begun)
        own = (logits[0, 0] > 0).numpy()
        self.note("network alone", frame, own)
        if not (frame.mm is None and landmarks(frame.truth) is None):
            for sd in (0, 3, 6):
                points = jittered_landmarks(frame.truth, sd, frame.mm, rng)
                if points is None:
                    continue
                prompts = PromptTensors.none(1, 8)
                prompts.landmarks[0] = torch.tensor(points)
                found, expected = self.run(features, logits, prompts)
                self.note(f"three points, {sd} mm", frame, found, expected)
                if sd == 3:
                    self.others(frame, points, own)
                    self.clicks("three points, 3 mm, then", frame, features, logits, prompts, found, (1, 3))
        box = jittered_box(frame.truth, 0.03, rng)
        if box is not None:
            prompts = PromptTensors.none(1, 8)
            prompts.box[0] = torch.tensor(box)
            found, expected = self.run(features, logits, prompts)
            self.note("box, 3 %", frame, found, expected)
        self.clicks("", frame, features, logits, PromptTensors.none(1, 8), own, CLICKS)

    def clicks(  # noqa: PLR0917 - where it begins
        self,
        name: str,
        frame: Frame,
        features: torch.Tensor,
        logits: torch.Tensor,
        prompts: PromptTensors,
        found: NDArray[np.bool_],
        noted: tuple[int, ...],
    ) -> None:
        """Click into the largest error again and again."""
        import torch

        count = {True: 0, False: 0}
        expected = float("nan")
        for n in range(1, max(noted) + 1):
            click = next_click(found, frame.truth)
            if click is not None:
                at, positive = click
                (prompts.positive if positive else prompts.negative)[0, count[positive]] = torch.tensor(at)
                count[positive] += 1
                previous = torch.tensor(found).float()[None] * 2 - 1
                found, expected = self.run(features, logits, prompts, previous)
                self.obeyed.append(bool(found[tuple(np.round(at).astype(int))]) == positive)
            if n in noted:
                self.note(f"{name} {n} click{'s' if n > 1 else ''}".strip(), frame, found, expected)

    def run(
        self, features: torch.Tensor, logits: torch.Tensor, prompts: PromptTensors, previous: torch.Tensor | None = None
    ) -> tuple[NDArray[np.bool_], float]:
        """Return the mask and the Dice expected of it."""
        import torch

        begun = time.perf_counter()
        with torch.inference_mode():
            found, expected = self.head(features, logits, torch.tensor([0]), prompts, previous, self.width)
        self.seconds["click"].append(time.perf_counter() - begun)
        return (found[0] > 0).numpy(), float(expected[0])

    def others(self, frame: Frame, points: NDArray[np.float64], own: NDArray[np.bool_]) -> None:
        """Score what can be done with three points without learning."""
        mean = self.mean_shape(points, frame.truth.shape[0])
        self.note("mean shape at the points, 3 mm", frame, mean)
        before, reshaped = landmarks(own), own
        if before is not None:
            try:
                reshaped = reshape(own.astype(np.uint8), before, Landmarks.from_array(points)) > 0
            except EditError:
                reshaped = own
        self.note("network reshaped to the points, 3 mm", frame, reshaped)
        if self.walker:
            self.note("random walker from the points, 3 mm", frame, walked(frame.picture, points, mean))

    def mean_shape(self, points: NDArray[np.float64], grid: int) -> NDArray[np.bool_]:
        """Return the mean shape of the training hearts between three points."""
        import torch
        from torch.nn import functional as F

        prompts = PromptTensors.none(1)
        prompts.landmarks[0] = torch.tensor(points)
        maps = encode(prompts, grid, self.head.axis_shapes[:1], self.head.box_shapes[:1])[:, 5:6]
        mask: NDArray[np.bool_] = (F.interpolate(maps, (grid, grid), mode="bilinear")[0, 0] > 0).numpy()
        return mask

    def note(self, name: str, frame: Frame, found: NDArray[np.bool_], expected: float = float("nan")) -> None:
        """Keep a score."""
        self.scores.setdefault(name, []).append((frame.patient, float(dice(found, frame.truth)), expected))


def walked(picture: NDArray[np.uint8], points: NDArray[np.float64], mean: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return what a random walker fills from the axis outwards, as far as a wide margin around the mean shape."""
    from scipy import ndimage
    from skimage.segmentation import random_walker

    apex, base = points[0], points[1:].mean(0)
    seeds = np.zeros(picture.shape, np.int32)
    seeds[~ndimage.binary_dilation(mean, iterations=12)] = 2
    for share in np.linspace(0.15, 0.85, 40):
        y, x = np.round(apex + share * (base - apex)).astype(int)
        if 0 <= y < picture.shape[0] and 0 <= x < picture.shape[1]:
            seeds[max(0, y - 2) : y + 3, max(0, x - 2) : x + 3] = 1
    if not (seeds == 1).any() or not (seeds == 2).any():
        return mean
    smooth = ndimage.gaussian_filter(picture.astype(np.float64) / 255, 2)
    found: NDArray[np.bool_] = random_walker(smooth, seeds, beta=300, mode="cg_j", tol=1e-2) == 1
    return found


def summary(scores: dict[str, list[tuple[str, float, float]]]) -> dict[str, Any]:
    """Return means with their intervals, and how the expected Dice fits the true one."""
    out: dict[str, Any] = {}
    for name, rows in scores.items():
        values, who = np.array([row[1] for row in rows]), [row[0] for row in rows]
        expected = np.array([row[2] for row in rows])
        interval = patient_interval(values, who) or (float("nan"), float("nan"))
        out[name] = {
            "n": len(rows), "dice": round(float(values.mean()), 4), "worst": round(float(values.min()), 4),
            "ci95": [round(float(v), 4) for v in interval],
        }  # fmt: skip
        if np.isfinite(expected).all():
            out[name] |= {
                "expected": round(float(expected.mean()), 4),
                "off_by": round(float(np.abs(expected - values).mean()), 4),
            }
    return out


def main() -> None:
    """Score every set at every width and print a table each."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="matae-apical")
    parser.add_argument("--head", type=Path, required=True)
    parser.add_argument("--width", nargs="*", default=[])
    parser.add_argument("--set", nargs="*", default=[])
    parser.add_argument("--pairs", type=int, default=50)
    parser.add_argument("--walker", action="store_true", help="the random walker too, half a second a frame")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--each", type=Path, help="every score")
    args = parser.parse_args()
    set_network_threads()
    network, card = load_model(args.model)
    if not isinstance(network, Matae):
        raise SystemExit(f"{args.model} is no nested network")
    head = load_head(args.head, card)
    record: dict[str, Any] = {"model": args.model, "parameters": head.parameters_count, "sets": {}}
    each: dict[str, Any] = {}
    for name, frames in sets(args.data, card.grid, args.pairs, args.set):
        print(f"\n{name}, {len(frames)} frames\n\n| width | prompt | Dice (95 %) | worst | expected |\n"
              "| --- | --- | --- | --- | --- |", flush=True)  # fmt: skip
        for width in network.widths:
            if args.width and format_width(width) not in args.width:
                continue
            judge, rng = Judge(network, head, width, walker=args.walker), np.random.default_rng(7)
            for frame in frames:
                judge.add(frame, rng)
            found = summary(judge.scores)
            ms = {key: round(1000 * float(np.median(values)), 1) for key, values in judge.seconds.items()}
            record["sets"].setdefault(name, {})[format_width(width)] = {
                "prompts": found, "ms": ms, "clicks_obeyed": round(float(np.mean(judge.obeyed)), 4),
            }  # fmt: skip
            each.setdefault(name, {})[format_width(width)] = judge.scores
            for prompt, s in found.items():
                expected = f"{s['expected']:.3f}" if "expected" in s else "-"
                print(f"| {format_width(width)} | {prompt} | {s['dice']:.3f} ({s['ci95'][0]:.3f}-{s['ci95'][1]:.3f}) "
                      f"| {s['worst']:.3f} | {expected} |", flush=True)  # fmt: skip
            print(f"| {format_width(width)} | ms: look {ms['look']}, click {ms['click']} | | | |", flush=True)
            if args.json is not None:
                args.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
            if args.each is not None:
                args.each.write_text(json.dumps(each), encoding="utf-8")


if __name__ == "__main__":
    main()
