"""Whether speckle of a simulated phased array teaches more about real hearts than the phantoms' own.

    python benchmarks/phased_array.py --data A4C-FOLDER [--hearts 40] [--steps 300] [--seeds 1 2 3] [--out FOLDER]

The phantoms draw their speckle as blurred complex noise (`matae.phantom.imaging`). Here the same hearts are imaged by
PyMUST (D. Garcia, "SIMUS: an open-source simulator for medical ultrasound imaging", Comput Methods Programs Biomed
2022): scatterers whose strength is the smoothed phantom, diverging waves of a 64-element phased array of 2.7 MHz, delay
and sum, envelope, and a log compression to the phantom's own median and bright grey. So the two sets differ in speckle,
point spread and side lobes, and in nothing else. PyMUST is LGPL and used by this script alone: pip install --no-deps
pymust==0.1.9.

A network learns from nothing on ED and ES of each heart, imaged one way, the other, or both, and is judged on the
real validation patients of the folder. Simulated frames are kept in ``--out`` and not simulated again.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import matae  # noqa: F401 - it settles how threads wait, before torch is loaded

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from matae.phantom import Phantom
    from matae.train.data import LabelledFrames

SIDE = 160  # pixels of a frame
SCATTERERS = 15_000
WAVES = (-0.3, 0.3)  # tilt of the diverging waves, radians
RANGE_DB = 55.0  # that the phantom's grey levels are taken to span
FIRST = 50_000  # seed of the first heart: none that a shipped model has seen


def simulated(phantom: Phantom, frame: int, seed: int) -> NDArray[np.uint8]:
    """Return a frame of a phantom as a phased array would show it, (Y, X) uint8."""
    import pymust
    from scipy import ndimage

    from matae.phantom.scan import make_fan

    rng = np.random.default_rng(seed)
    picture = phantom.cine.frames[frame].astype(np.float64)
    fan = make_fan(phantom.config.sector, picture.shape)
    # The phantom's speckle goes; what is left is how strongly tissue scatters.
    tissue = ndimage.gaussian_filter(ndimage.median_filter(picture, 5), 1.0)
    chosen = rng.choice(np.flatnonzero(fan.inside), SCATTERERS)
    shift = rng.uniform(-0.5, 0.5, (2, SCATTERERS))
    x = fan.pixel_x.ravel()[chosen] + shift[1] * fan.spacing.x
    z = np.maximum(fan.pixel_y.ravel()[chosen] + shift[0] * fan.spacing.y, 1.0)
    strength = rng.normal(0, 1, SCATTERERS) * 10 ** (RANGE_DB / 20 * (tissue.ravel()[chosen] / 255 - 1))
    probe = pymust.getparam("P4-2v")
    probe.fs = 4 * probe.fc
    to_x, to_z = (part.astype(np.float64) / 1e3 for part in fan.points())
    total = np.zeros(to_x.shape, complex)
    for tilt in WAVES:
        with contextlib.redirect_stdout(io.StringIO()):
            delays = pymust.txdelay(probe, tilt, np.radians(phantom.config.sector.angle_deg))
            echoes, _ = pymust.simus(x / 1e3, z / 1e3, strength, delays, probe)
            signals = pymust.rf2iq(echoes, probe.fs, probe.fc)
            beams = pymust.dasmtx(1j * np.asarray(signals.shape), to_x, to_z, delays, probe)
        total += (beams @ signals.flatten(order="F")).reshape(to_x.shape, order="F")
    # Waves spread; the gain over depth takes that out, and gives each depth the brightness that the phantom has there.
    level = 20 * np.log10(np.abs(total) + 1e-30)
    at = (to_z * 1e3 - fan.pixel_y[0, 0]) / fan.spacing.y, (to_x * 1e3 - fan.pixel_x[0, 0]) / fan.spacing.x
    wanted = ndimage.map_coordinates(tissue, at, order=1, mode="nearest") * RANGE_DB / 255
    level += ndimage.gaussian_filter1d(wanted.mean(1) - level.mean(1), 6)[:, None]
    shown = fan.to_image(level.astype(np.float32))
    inside = fan.inside
    low, high = np.percentile(shown[inside], (50, 95))
    dark, bright = np.percentile(picture[inside], (50, 95))
    grey = dark + (shown - low) / max(high - low, 1e-3) * max(bright - dark, 1.0)
    return np.where(inside, np.clip(np.rint(grey), 0, 255), 0).astype(np.uint8)


def hearts(count: int, folder: Path) -> tuple[LabelledFrames, LabelledFrames]:
    """Return ED and ES of each heart, as the phantoms show them and as the phased array does."""
    from matae.phantom import make_phantom
    from matae.train.data import LabelledFrames

    pictures: tuple[list[NDArray[np.uint8]], ...] = ([], [])
    masks, names, patients, spacing = [], [], [], []
    for seed in range(FIRST, FIRST + count):
        made = make_phantom(seed, n_frames=12, frame_rate=12.0, shape=(SIDE, SIDE))
        for phase, frame in (("ED", made.cine.ed_frame), ("ES", made.cine.es_frame)):
            kept = folder / f"{seed}-{phase}.npy"
            if not kept.is_file():
                start = time.process_time()
                np.save(kept, simulated(made, int(frame or 0), seed))
                print(f"# {kept.stem}: {time.process_time() - start:.0f} processor s", flush=True)
            pictures[0].append(made.cine.frames[frame or 0])
            pictures[1].append(np.load(kept))
            masks.append(made.masks[frame or 0])
            names.append(kept.stem)
            patients.append(f"phantom-{seed}")
            spacing.append(made.cine.spacing.x if made.cine.spacing else np.nan)
    phases = tuple(name.partition("-")[2] for name in names)
    own, array = (
        LabelledFrames(
            np.stack(some), np.stack(masks), tuple(names), tuple(patients), phases, np.array(spacing, np.float64)
        )
        for some in pictures
    )
    return own, array


def both(first: LabelledFrames, second: LabelledFrames) -> LabelledFrames:
    """Return the frames of two sets."""
    return replace(
        first,
        images=np.concatenate([first.images, second.images]),
        masks=np.concatenate([first.masks, second.masks]),
        frames=(*first.frames, *(f"{name}-array" for name in second.frames)),
        patients=first.patients + second.patients,
        phases=first.phases + second.phases,
        spacing=np.concatenate([first.spacing, second.spacing]),
    )


def learnt(frames: LabelledFrames, held_out: LabelledFrames, args: argparse.Namespace, seed: int) -> NDArray:
    """Return the Dice of every held-out frame after learning from some frames."""
    import torch

    from matae.metrics import dice
    from matae.nn.matae import Matae, MataeConfig
    from matae.train.config import TrainConfig
    from matae.train.loop import predict, train

    torch.manual_seed(seed)
    config = TrainConfig(
        steps=args.steps, batch=16, grid=args.grid, seed=seed, rebuild=0.0, check_every=args.steps, ema=0.98
    )
    with tempfile.TemporaryDirectory() as out:
        made = train(Matae(MataeConfig(widths=(1.0,))), frames, held_out.take(range(2)), Path(out), config)
    return dice(predict(made, held_out, 1.0, args.grid) == 1, held_out.masks == 1)


def main() -> None:
    """Simulate what is not there yet, learn from each set, and print how each does on real hearts."""
    from matae.metrics import paired_difference, patient_interval
    from matae.threads import set_network_threads
    from matae.train.data import load_folders

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--hearts", type=int, default=40)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--grid", type=int, default=96)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--out", type=Path, default=Path("runs/phased-array"), help="where simulated frames are kept")
    args = parser.parse_args()
    set_network_threads()
    args.out.mkdir(parents=True, exist_ok=True)
    own, array = hearts(args.hearts, args.out)
    held_out = load_folders([args.data], SIDE)[1]
    sets = {"phantoms' own speckle": own, "phased array": array, "both": both(own, array)}
    print("| learnt from | frames | runs | real hearts, Dice (95 % interval) | difference | 95 % interval |\n"
          "|---|---|---|---|---|---|")  # fmt: skip
    first = None
    for name, frames in sets.items():
        found = np.mean([learnt(frames, held_out, args, seed) for seed in args.seeds], axis=0)
        low, high = patient_interval(found, held_out.patients) or (float("nan"),) * 2
        line = f"| {name} | {len(frames)} | {len(args.seeds)} | {found.mean():.4f} ({low:.4f} to {high:.4f}) |"
        if first is None:
            first, apart = found, " - | - |"
        else:
            far = paired_difference(found, first, held_out.patients)
            apart = f" {far.mean:+.4f} | {far.low:+.4f} to {far.high:+.4f} |"
        print(line + apart, flush=True)


if __name__ == "__main__":
    main()
