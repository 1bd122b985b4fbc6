"""One target under atheris, until the time is over or the process is beyond help."""

from __future__ import annotations

import hashlib
import importlib
import json
import sys
import tempfile
import traceback
from pathlib import Path

import atheris

from tests.fuzz.targets import make_target, modules_of

# Instrumenting takes longer than importing, so that only what the target runs through is.
with atheris.instrument_imports(include=["matae.read", "matae.exchange", "matae.labelled", "matae.measure.mask_file",
                                         "pydicom", "tifffile", "PIL"]):  # fmt: skip
    for module in modules_of(sys.argv[1]):
        importlib.import_module(module)


def main() -> None:
    """Fuzz the target named first; the other arguments are places, then libFuzzer's own options."""
    name, corpus, findings, tally = sys.argv[1:5]
    folder = Path(tempfile.mkdtemp(prefix="matae-fuzz-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    target = make_target(name, folder)
    for seed in target.seeds:
        Path(corpus, hashlib.sha1(seed).hexdigest()).write_bytes(seed)
    seen = {path.stem for path in Path(findings).glob(f"{name}-*.bin")}
    runs = 0

    def try_one(data: bytes) -> None:
        nonlocal runs
        runs += 1
        if runs % 64 == 0 or runs == 1:
            Path(tally).write_text(json.dumps({"runs": runs}))
        try:
            target.run(data)
        except Exception as error:  # noqa: BLE001 - each is a finding; the search goes on
            kept = f"{name}-{_signature(error)}"
            if kept not in seen:
                seen.add(kept)
                Path(findings, f"{kept}.bin").write_bytes(data)
                Path(findings, f"{kept}.txt").write_text("".join(traceback.format_exception(error)))

    atheris.Setup([sys.argv[0], *sys.argv[5:]], try_one)
    atheris.Fuzz()


def _signature(error: BaseException) -> str:
    """Name an error by its type and where it was raised, so that each fault is kept once."""
    places = [f"{Path(place.filename).name}:{place.lineno}" for place in traceback.extract_tb(error.__traceback__)]
    return f"{type(error).__name__}-{hashlib.sha1('|'.join(places[-3:]).encode()).hexdigest()[:8]}"


if __name__ == "__main__":
    main()
