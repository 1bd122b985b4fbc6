"""Run the stages one after another, each a process with its share of the time, and put their reports together.

    python scripts/gpu [--frames FILE] [--out DIR] [--minutes 9] [--only speed,training] [--dry]

Whatever a stage does, the others run, and all of it ends on time: a stage that does not stop by itself is ended. What
it had found is in its report. A training that is not finished goes on in the same --out.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from importlib import import_module, metadata
from pathlib import Path
from typing import IO, Any

from pieces import pack_back
from report import as_record, write_markdown
from stage import run_stage, write_json

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
RECIPE = ROOT / "scripts" / "recipes" / "matae-apical.toml"
INIT = "matae-lv"  # as that recipe says
# Shares of the time; what a stage leaves over goes to those after it, and the training takes all that is left.
STAGES = {"gpu_tests": 0.15, "agreement": 0.08, "speed": 0.24, "throughput": 0.09, "training": 1.0}
GRACE = 8.0  # seconds in which a stage may end by itself after its time
NEEDED = ("torch", "numpy", "scipy", "skimage", "safetensors", "PIL")
NAMED = ("torch", "numpy", "scipy", "scikit-image", "safetensors", "lightning-fabric", "lightning", "pytest",
         "onnxruntime", "openvino", "triton")  # fmt: skip


def main() -> int:
    """Run."""
    args = _arguments()
    # The models of whoever runs this stay out of it, and what is compiled on the way is not kept.
    with tempfile.TemporaryDirectory(prefix="matae-gpu-") as home:
        os.environ["MATAE_HOME"] = home
        os.environ["MATAE_CACHE"] = str(Path(home) / "cache")
        return _run_all(args)


def _run_all(args: argparse.Namespace) -> int:
    began = time.monotonic()
    out: Path = args.out
    out.mkdir(parents=True, exist_ok=True)
    with (out / "log.txt").open("a", encoding="utf-8") as log:
        say = _Log(log)
        missing = [name for name in NEEDED if not _is_there(name)]
        if missing:
            say.line(f"{', '.join(missing)} cannot be imported by {sys.executable}; install or name another PYTHON.")
            return 1
        device = args.device or ("cpu" if args.dry else "cuda")
        report: dict[str, Any] = {"machine": _machine(device), "dry": args.dry, "stages": {}}
        if not args.dry and device.startswith("cuda") and not report["machine"]["gpu"]:
            say.line("There is no CUDA GPU that PyTorch can use here; try --dry, or --device cpu.")
            return 1
        frames = _frames(args, out, say)
        failed = False
        names = [name for name in STAGES if name in args.only]
        for number, name in enumerate(names, start=1):
            left = 60 * args.minutes - (time.monotonic() - began) - GRACE
            budget = min(left, STAGES[name] / min(1.0, sum(STAGES[each] for each in names)) * 60 * args.minutes)
            if budget < 1:
                say.line(f"[{number}/{len(names)}] {name}: left out, no time left")
                report["stages"][name] = {"state": "left out"}
                continue
            say.line(f"[{number}/{len(names)}] {name}: {budget:.0f} s")
            arguments = _stage_arguments(args, out, device, frames, budget)
            code = _run_here(name, say, arguments) if args.dry else _run(name, budget, say, arguments)
            report["stages"][name] = found = _taken(out / f"{name}.json")
            found["exit_code"] = code
            failed |= found.get("state") != "done" or found.get("exit_code") != 0
            say.line(
                f"[{number}/{len(names)}] {name}: {found.get('state', 'no report')} in {found.get('seconds', 0)} s"
            )
            report["seconds"] = round(time.monotonic() - began, 1)
            write_json(out / "gpu.json", report)
        write_markdown(out / "gpu.md", report)
        command = " ".join(["sh scripts/gpu.sh", *sys.argv[1:]])
        write_json(out / "record.json", {"runs": [as_record(report, command)]})
        say.line(f"All in {out}: gpu.json, gpu.md, log.txt; {time.monotonic() - began:.0f} s.")
    if args.piece_mb:
        pack_back(out, args.piece_mb, args.most_mb)
    return int(failed)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/gpu.sh", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--frames", type=Path, default=ROOT / "runs" / "frames.npz", help="made by pack_frames.py")
    default = Path(os.environ.get("OUT") or ROOT / "runs" / "gpu")
    parser.add_argument("--out", type=Path, default=default, help="folder of the results; $OUT, else runs/gpu")
    parser.add_argument("--minutes", type=float, default=9.0, help="for all of it")
    parser.add_argument("--recipe", type=Path, default=RECIPE, help="settings of the training")
    parser.add_argument("--init", default=INIT, help="model to go on from, or none")
    parser.add_argument("--device", help="cuda, unless it is a dry run")
    parser.add_argument("--only", type=lambda text: text.split(","), default=list(STAGES), help="stages, with commas")
    parser.add_argument("--dry", action="store_true", help="tiny sizes on the CPU, synthetic frames")
    parser.add_argument("--piece-mb", type=float, default=0.0, help="pack the results into pieces of at most this size")
    parser.add_argument("--most-mb", type=float, default=63.0, help="of all pieces; what does not fit is left out")
    args = parser.parse_args()
    if unknown := set(args.only) - set(STAGES):
        parser.error(f"there is no stage {', '.join(sorted(unknown))}; there are {', '.join(STAGES)}")
    return args


def _frames(args: argparse.Namespace, out: Path, say: _Log) -> Path | None:
    if args.dry:
        from pictures import write_made_up

        path = out / "made-up.npz"
        if not path.exists():
            write_made_up(path, 32)
        return path
    if args.frames.is_file():
        return args.frames.resolve()
    say.line(f"{args.frames} is not there: no training. Make it with scripts/pack_frames.py and take it along.")
    return None


def _stage_arguments(
    args: argparse.Namespace, out: Path, device: str, frames: Path | None, seconds: float
) -> list[str]:
    given = ["--out", str(out), "--seconds", f"{seconds:.1f}", "--device", device, "--recipe", str(args.recipe)]
    given += ["--init", "none" if args.dry else args.init]
    return given + (["--frames", str(frames)] if frames else []) + (["--dry"] if args.dry else [])


def _run_here(name: str, say: _Log, arguments: list[str]) -> int:
    """Run a stage in this process: a dry run need not load PyTorch for each anew."""
    stage = import_module(name)
    with contextlib.redirect_stdout(say):
        return int(run_stage(name, stage.work, arguments))


def _run(name: str, seconds: float, say: _Log, arguments: list[str]) -> int:
    """Run a stage and end it if it does not end by itself."""
    child = subprocess.Popen(
        [sys.executable, str(HERE / f"{name}.py"), *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, errors="replace",
    )  # fmt: skip
    pump = threading.Thread(target=say.follow, args=(child.stdout,), daemon=True)
    pump.start()
    try:
        code = child.wait(seconds + GRACE / 2)
    except subprocess.TimeoutExpired:
        say.line(f"  {name} did not stop on time and is ended.")
        child.kill()
        code = child.wait()
    pump.join(2.0)
    if not pump.is_alive() and child.stdout is not None:
        child.stdout.close()
    return code


def _taken(path: Path) -> dict[str, Any]:
    """Return a stage's report, which goes into the report of all."""
    try:
        found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {"state": "no report"}
    path.unlink()
    return found


class _Log(io.TextIOBase):
    """What is said, on the screen and in a file."""

    def __init__(self, file: IO[str]) -> None:
        self._streams, self._lock = (sys.stdout, file), threading.Lock()

    def line(self, text: str) -> None:
        self.write(f"{text}\n")

    def write(self, text: str) -> int:
        with self._lock:
            for stream in self._streams:
                stream.write(text)
                stream.flush()
        return len(text)

    def follow(self, lines: IO[str]) -> None:
        for text in lines:
            self.line(text.rstrip("\n"))


def _is_there(name: str) -> bool:
    try:
        __import__(name)
    except ImportError:
        return False
    return True


def _machine(device: str) -> dict[str, Any]:
    import torch

    import matae

    on_gpu = device.startswith("cuda") and torch.cuda.is_available()
    properties = torch.cuda.get_device_properties(device) if on_gpu else None
    return {
        "gpu": torch.cuda.get_device_name(device) if on_gpu else None,
        "gpu_mb": None if properties is None else round(properties.total_memory / 2**20),
        "capability": None if properties is None else f"{properties.major}.{properties.minor}",
        "cuda": torch.version.cuda, "cores": os.cpu_count(), "processor": platform.machine(),
        "python": platform.python_version(), "napari-matae": matae.__version__, "commit": _commit(),
        "packages": {name: _version(name) for name in NAMED if _version(name)},
        "when": time.strftime("%Y-%m-%d", time.gmtime()),
    }  # fmt: skip


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _commit() -> str | None:
    try:
        done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    except OSError:
        return None
    return done.stdout.strip() or None


if __name__ == "__main__":
    sys.exit(main())
