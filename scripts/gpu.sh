#!/usr/bin/env sh
# Everything this project wants from a GPU, in under nine minutes, without internet: docs/gpu.md.
#
#   scripts/gpu.sh [--frames runs/frames.npz] [--out runs/gpu] [--minutes 9] [--dry]
#
# It needs Python with PyTorch and what the engine computes with, no napari. $PYTHON names another interpreter, $OUT
# another folder of the results; --dry does all of it on the CPU with tiny sizes, in seconds.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
export PYTHONPATH="$here/src:$here${PYTHONPATH:+:$PYTHONPATH}" PYTHONUNBUFFERED=1
exec "${PYTHON:-python3}" "$here/scripts/gpu" "$@"
