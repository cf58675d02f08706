# Two commands are enough: `make run` does the main job end to end, `make test` runs the tests.
# `make PYTHON=python3.12 run` takes another interpreter for .venv; `make PIP_ARGS="…" install` passes options to pip.

PYTHON ?= python3
PIP_ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help install run test test-slow test-wheel check bench docs wheel clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | awk -F '\t' '{ printf "  make %-10s  %s\n", $$1, $$2 }'

install: $(STAMP) ## create .venv and install reprs with everything it needs

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null || \
	  { echo "reprs needs Python 3.10 or newer: install one and say which, e.g. make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
	  { echo "$(PYTHON) cannot make virtual environments: install its venv module (Debian: apt install python3-venv), then again make $(MAKECMDGOALS)" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install $(PIP_ARGS) --editable '.[dev]'
	@touch $@

run: $(STAMP) ## train, embed, index, search and judge on the built-in corpus; ends by naming runs/demo/report.html
	$(BIN)/python -m eval.demo

test: $(STAMP) ## run the test suite
	$(BIN)/python -m pytest

test-slow: $(STAMP) ## run the heavy tests
	$(BIN)/python -m pytest -m slow

test-wheel: $(STAMP) ## build the wheel, install it elsewhere and embed a file with it
	$(BIN)/python -m pytest -m slow tests/test_wheel.py

check: $(STAMP) ## style, types, import layers, then the test suite
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest

bench: $(STAMP) ## time the equaliser against pedalboard, and the encoder
	$(BIN)/python -m eval.bench_effects
	$(BIN)/python -m eval.bench_encoder

docs: $(STAMP) ## write docs/effects.md from the effects' declarations
	$(BIN)/python -m reprs.effects.catalogue docs/effects.md

wheel: $(STAMP) ## build dist/*.whl with the checkpoints in it
	$(BIN)/python -m build --wheel --no-isolation --outdir dist

clean: ## remove caches and builds (keeps .venv, runs and the audio cache)
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	find reprs eval tests -name __pycache__ -type d -prune -exec rm -rf {} +
