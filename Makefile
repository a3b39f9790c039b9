# What there is to do here: `make help`. Only make and Python 3.11 or newer are assumed.
#
#   PYTHON=python3.12 make test     another interpreter (the first time, or after `make clean`)
#   make test ARGS="-k watermark"   ARGS is handed to pytest, the demo or the benchmark

PYTHON ?= python3
ARGS ?=

VENV := .venv
BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
PY := $(BIN)/python$(if $(filter Windows_NT,$(OS)),.exe)

# Only what the lock files name and hash, and only wheels: a source distribution would fetch its
# build tools unlocked. They name all there is to be, less than some packages ask for: see
# `override-dependencies` in pyproject.toml.
INSTALL := $(PY) -m pip install --quiet --disable-pip-version-check
LOCKED := $(INSTALL) --no-deps --require-hashes --only-binary :all:

LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 \
	--generate-hashes --no-header --no-emit-index-url --no-emit-find-links $(ARGS)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help setup dev demo servers test lint docs docs-check format histories bench bench-mssql lock clean gone

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s%s\n", $$1, $$2 }' Makefile

# Set-up: each step leaves a stamp, and runs again only when what it was made from has changed.

# An interpreter that has gone, as after an upgrade of the system's, means a new .venv.
$(VENV)/.made: $(if $(realpath $(PY)),,gone)
	@command -v "$(PYTHON)" >/dev/null || { \
		echo "there is no '$(PYTHON)' here; hint: name another, as in: make PYTHON=python3.11"; exit 1; }
	@"$(PYTHON)" scripts/check_python.py
	"$(PYTHON)" -m venv --clear $(VENV)
	@touch $@

$(VENV)/.core: $(VENV)/.made requirements/core.txt requirements/build.txt
	$(LOCKED) -r requirements/core.txt -r requirements/build.txt
	@touch $@

$(VENV)/.hygge: $(VENV)/.core pyproject.toml
	$(INSTALL) --no-deps --no-build-isolation --no-index --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.core requirements/dev.txt
	$(LOCKED) -r requirements/dev.txt
	@touch $@

setup: $(VENV)/.hygge ## hygge in .venv, with what it needs to run

dev: $(VENV)/.hygge $(VENV)/.dev ## the same, with the tools to test and lint

demo: setup ## a small load, start to end, and what it proved
	$(BIN)/hygge demo $(ARGS)

servers: dev ## the database servers that the tests start, where they can be installed
	$(PY) -m tests.servers install

test: dev servers ## every test
	$(PY) -m pytest -n auto $(ARGS)

lint: dev docs-check ## formatting, lint, types and the rooms' walls
	$(PY) -m ruff check
	$(PY) -m ruff format --check
	$(PY) -m mypy
	$(BIN)/lint-imports --no-cache

docs: dev ## write the generated reference pages anew
	$(PY) scripts/docs.py

docs-check: dev ## the generated reference pages are up to date
	$(if $(wildcard scripts/docs.py),$(PY) scripts/docs.py --check,@echo "docs-check: no scripts/docs.py yet")

format: dev ## put the code in shape
	$(PY) -m ruff check --fix
	$(PY) -m ruff format

histories: dev servers ## many histories of changes and runs for each mode and Store (hours)
	$(PY) -m tests.histories $(ARGS)

bench: dev ## how fast, and in how much memory
	$(PY) -m benchmarks $(ARGS)

bench-mssql: dev ## the same of SQL Server alone, which HYGGE_TEST_MSSQL_URL names
	$(PY) -m benchmarks --only mssql mssql_sized mssql_append $(ARGS)

lock: dev ## resolve the requirement files again (ARGS=--upgrade for newer releases)
	$(LOCK) pyproject.toml --output-file requirements/core.txt
	$(LOCK) --group build --constraint requirements/core.txt --output-file requirements/build.txt
	$(LOCK) pyproject.toml --group dev --constraint requirements/core.txt \
		--constraint requirements/build.txt --output-file requirements/dev.txt

gone:

clean: ## remove .venv and everything made by the other targets
	rm -rf $(VENV) build dist .demo .bench
	rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
