"""A trained network as teacher: does it help the student more than its time is worth, and which teacher.

    python benchmarks/teacher.py --data A4C-FOLDER A2C-FOLDER --work runs/teacher --out teacher.jsonl
                                 [--teachers imagenet matae] [--seconds 180] [--teacher-seconds 360] [--grid 96]
                                 [--seeds 1 2] [--patients 0] [--teaching 1.0]

Each teacher learns the three structures of the training patients for its time; ``imagenet`` is a U-Net on an encoder
that ImageNet taught, ``matae`` our own network, as long: is it ImageNet, or is it a teacher as such? Then our network
learns from nothing: without a teacher; with each, for the same time (the teacher's passes count); and for the same
steps, which takes longer. How many steps fit into the time is measured once, side by side. Nothing is chosen by the
validation patients. Seconds are of the processor, so that what else runs there does not count. ``--patients 10`` leaves
students and teachers that many patients of the training ones.

A line a run goes into ``--out``, and what it holds already is not run again; then a table a width, with intervals over
patients.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import matae  # noqa: F401 - it settles how threads wait, before torch is loaded

sys.path.append(str(Path(__file__).parent / "other_networks"))

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matae.nn.network import Network
    from matae.train.config import TrainConfig
    from matae.train.data import LabelledFrames

    Sides = tuple[LabelledFrames, LabelledFrames]

TEACHERS = ("imagenet", "matae")
WARM, TIMED = 2, 9  # steps before and within what says how long one takes


class Bench:
    """The frames, the settings and what was run already."""

    def __init__(self, args: argparse.Namespace, sides: Sides, patients: int) -> None:
        self.args, self.patients = args, patients
        self.sides = (_some(sides[0], patients), sides[1]) if patients else sides
        self.common = {"grid": args.grid, "patients": patients, "batch": args.batch}
        self.lines: list[dict[str, Any]] = []
        if args.out.is_file():
            self.lines = [json.loads(line) for line in args.out.read_text(encoding="utf-8").splitlines()]

    def found(self, **what: Any) -> dict[str, Any] | None:
        """Return the line that says so, if there is one."""
        wanted = self.common | what
        return next((line for line in self.lines if wanted.items() <= line.items()), None)

    def keep(self, **line: Any) -> dict[str, Any]:
        """Write a line, and return it."""
        whole = self.common | line
        self.lines.append(whole)
        with self.args.out.open("a", encoding="utf-8") as file:
            file.write(json.dumps(whole) + "\n")
        return whole

    def config(self, seed: int) -> TrainConfig:
        """Return the trainer's defaults on the grid."""
        from ours import STRUCTURES

        from matae.train.config import TrainConfig

        return TrainConfig(
            grid=self.args.grid, batch=self.args.batch, seed=seed, device="cpu", rebuild=0.0, views=("A4C", "A2C"),
            classes=STRUCTURES,
        )  # fmt: skip

    def learn(self, network: Network, config: TrainConfig, steps: int, teacher: Network | None = None) -> Network:
        """Train without a look at the validation patients."""
        from matae.train.loop import train

        with tempfile.TemporaryDirectory() as out:
            return train(
                network, self.sides[0], self.sides[1].take(range(2)), Path(out),
                replace(config, steps=steps, check_every=steps), teacher=teacher,
            )  # fmt: skip

    def step_seconds(self, arms: dict[str, Network | None], networks: dict[str, str]) -> dict[str, float]:
        """Return the processor seconds of a step of each arm, measured in turns."""
        from ours import started

        from matae.train.loop import make_fabric
        from matae.train.setup import begin
        from matae.train.step import take_step

        runs = {}
        for arm, teacher in arms.items():
            config = self.config(1)
            fabric = make_fabric(config)
            if teacher is not None:
                config = replace(config, teaching=self.args.teaching)
            runs[arm] = (
                fabric,
                *begin(started(networks[arm], 1), config, fabric.device, self.sides[0], teacher=teacher),
            )
        spent: dict[str, list[float]] = {arm: [] for arm in arms}
        for number in range(WARM + TIMED):
            for arm, (fabric, run, batches) in runs.items():
                start = time.process_time()
                take_step(fabric, run, batches.draw(number))
                spent[arm].append(time.process_time() - start)
        return {arm: float(np.median(each[WARM:])) for arm, each in spent.items()}

    def teacher(self, name: str) -> Network:
        """Return a teacher, taught if it is not there yet."""
        from ours import STRUCTURES, started
        from safetensors.torch import load_file, save_file

        path = self.args.work / f"{name}-{self.args.grid}-{self.patients or 'all'}.safetensors"
        known = self.found(teacher=name, seconds=self.args.teacher_seconds)
        if known is not None and path.is_file():
            network = started(name, 1)
            network.load_state_dict(load_file(path))
            network.eval()
            return network
        steps = round(self.args.teacher_seconds / self.step_seconds({name: None}, {name: name})[name])
        start = time.process_time()
        network = self.learn(started(name, 1), self.config(1), steps)
        spent = time.process_time() - start
        self.args.work.mkdir(parents=True, exist_ok=True)
        save_file({key: value.contiguous() for key, value in network.state_dict().items()}, path)
        line = self.keep(
            teacher=name, seconds=self.args.teacher_seconds, steps=steps, spent=round(spent, 1),
            structures=STRUCTURES, dice=self.scores(network),
        )  # fmt: skip
        print(f"# teacher {name}: {_said(line)}", flush=True)
        return network

    def student(self, arm: str, seed: int, steps: int, teacher: Network | None) -> None:
        """Teach our network from nothing, if that was not done yet."""
        from ours import started

        asked = {"arm": arm, "seed": seed, "steps": steps, "teaching": 0.0 if teacher is None else self.args.teaching}
        if self.found(**asked) is not None:
            return
        config = self.config(seed)
        if teacher is not None:
            config = replace(config, teaching=self.args.teaching)
        start = time.process_time()
        network = self.learn(started("matae", seed), config, steps, teacher)
        spent = round(time.process_time() - start, 1)
        line = self.keep(**asked, spent=spent, dice=self.scores(network))
        print(f"# {arm}, seed {seed}: {_said(line)}", flush=True)

    def scores(self, network: Network) -> dict[str, list[list[float]]]:
        """Return the Dice of each structure in each held-out frame, by width."""
        from matae.metrics import dice
        from matae.nn.widths import format_width
        from matae.train.loop import predict

        truth, found = self.sides[1].masks, {}
        for width in network.widths:
            masks = predict(network, self.sides[1], width, self.args.grid)
            each = [dice(masks == value, truth == value).round(5).tolist() for value in (1, 2, 3)]
            found[format_width(width)] = each
        return found

    def run(self) -> None:
        """Teach the teachers, then the students, a seed at a time."""
        teachers = {name: self.teacher(name) for name in self.args.teachers}
        if not self.args.seeds:
            return
        each = self.cost("none", None)["step_seconds"]["none"]
        steps = round(self.args.seconds / each)
        fewer = {}
        for name, teacher in teachers.items():
            seconds = self.cost(name, teacher)["step_seconds"]
            fewer[name] = round(steps * seconds["none"] / seconds[name])
        for seed in self.args.seeds:
            self.student("none", seed, steps, None)
            for name, teacher in teachers.items():
                self.student(f"{name}, same time", seed, fewer[name], teacher)
            for name in self.args.same_steps:
                self.student(f"{name}, same steps", seed, steps, teachers[name])

    def cost(self, name: str, teacher: Network | None) -> dict[str, Any]:
        """Return what a step takes without a teacher, and with one."""
        known = self.found(cost=name)
        if known is not None:
            return known
        arms = {"none": None, name: teacher}
        seconds = self.step_seconds(arms, dict.fromkeys(arms, "matae"))
        line = self.keep(cost=name, step_seconds={arm: round(each, 4) for arm, each in seconds.items()})
        print(f"# seconds a step: {line['step_seconds']}", flush=True)
        return line

    def tables(self) -> list[str]:
        """Return a line an arm and width, and how far each arm is from the one without a teacher."""
        from matae.metrics import paired_difference, patient_interval

        held_out = self.sides[1]
        lines = [f"{self.patients or 'All'} training patients, grid {self.args.grid}", "", HEADER, _rule(HEADER)]
        rows: dict[str, list[dict[str, Any]]] = {}
        for line in self.lines:
            if "dice" in line and self.common.items() <= line.items():
                rows.setdefault(line.get("arm") or f"teacher {line['teacher']}", []).append(line)
        means: dict[tuple[str, str], np.ndarray] = {}
        for arm, some in rows.items():
            for width in some[0]["dice"]:
                mean = np.mean([line["dice"][width] for line in some], axis=0)
                means[arm, width] = mean
                low, high = patient_interval(mean[0], held_out.patients) or (float("nan"),) * 2
                each = " ".join(f"{np.mean(line['dice'][width][0]):.4f}" for line in some)
                lines.append(
                    f"| {arm} | {width} | {some[0]['steps']} | {np.mean([line['spent'] for line in some]):.0f} | "
                    f"{mean[0].mean():.4f} ({low:.4f} to {high:.4f}) | {each} | {mean[1].mean():.4f} | "
                    f"{mean[2].mean():.4f} |"
                )
        lines += ["", APART, _rule(APART)]
        for (arm, width), mean in means.items():
            if arm == "none" or ("none", width) not in means or arm.startswith("teacher "):
                continue
            cells = []
            for structure in range(3):
                found = paired_difference(mean[structure], means["none", width][structure], held_out.patients)
                cells.append(f"{100 * found.mean:+.2f} ({100 * found.low:+.2f} to {100 * found.high:+.2f})")
            lines.append(f"| {arm} | {width} | {' | '.join(cells)} |")
        return lines


HEADER = (
    "| teacher | width | steps | processor s | cavity Dice (95 % interval) | each seed | myocardium | left atrium |"
)
APART = "| against none | width | cavity Dice, points (95 % interval) | myocardium | left atrium |"


def _rule(header: str) -> str:
    return f"|{'---|' * (header.count('|') - 1)}"


def _said(line: dict[str, Any]) -> str:
    each = ", ".join(f"{width}: {np.mean(scores[0]):.4f}" for width, scores in line["dice"].items())
    return f"{line['steps']} steps, {line['spent']:.0f} s, cavity {each}"


def _some(frames: LabelledFrames, patients: int) -> LabelledFrames:
    """Return the frames of so many patients, the same ones every time."""
    known = sorted(set(frames.patients))
    chosen = set(np.random.default_rng(1).permutation(known)[:patients].tolist())
    return frames.take([i for i, patient in enumerate(frames.patients) if patient in chosen])


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what is not there yet, and print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, nargs="+", help="folders, or one packed file, of frames")
    parser.add_argument("--work", type=Path, required=True, help="folder of the teachers")
    parser.add_argument("--out", type=Path, required=True, help="JSON lines, one a run")
    parser.add_argument("--teachers", nargs="+", default=["imagenet"], choices=TEACHERS)
    parser.add_argument("--same-steps", nargs="*", default=[], choices=TEACHERS, help="teachers with a longer arm")
    parser.add_argument("--seconds", type=float, default=180, help="of each student")
    parser.add_argument("--teacher-seconds", type=float, default=360)
    parser.add_argument("--teaching", type=float, default=1.0, help="weight of what the teacher says")
    parser.add_argument("--grid", type=int, default=96)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--seeds", type=int, nargs="*", default=[1, 2], help="of the students; none: the teachers only")
    parser.add_argument("--patients", type=int, nargs="+", default=[0], help="training patients; 0 for all")
    args = parser.parse_args(arguments)
    from ours import STRUCTURES

    from matae.threads import set_network_threads
    from matae.train.data import load_folders

    set_network_threads()
    sides = load_folders(args.data, 256, views=("A4C", "A2C"), classes=STRUCTURES)
    for patients in args.patients:
        bench = Bench(args, sides, patients)
        bench.run()
        print("\n".join([*bench.tables(), ""]))


if __name__ == "__main__":
    main()
