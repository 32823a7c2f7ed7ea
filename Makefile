# Every target does its own set-up: a fresh clone, git, make and Python 3.11 or newer are enough.
#   PYTHON=python3.12 make test    another interpreter
#   PORT=3100 make ui              another port
#   ECHELON_HOME=/data/echelon     another home for the lake, the published file and Dagster's records

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
PORT ?= 3000
WORKERS ?= 2
PYTEST_ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
CLIENTS := .venv-clients
DOCS := .venv-docs

export DAGSTER_DISABLE_TELEMETRY := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Empty means unset: without bytecode every worker compiles all tests again (8 s of processor time each).
export PYTHONDONTWRITEBYTECODE :=
PIP_INSTALL := -m pip install --quiet --quiet --no-input --progress-bar off

# Official venue clients are test-only and have their own environment: their pins differ from ours.
CLIENTS_READY := $(if $(wildcard requirements-clients.lock),$(CLIENTS)/.installed)

.PHONY: help setup demo ui test test-slow lint format docs notebooks bench clean

help:
	@echo "make demo       sandbox, full pipeline, published file, summary"
	@echo "make ui         Dagster UI and daemon on the same home (PORT=$(PORT))"
	@echo "make test       lint, types and the fast tests"
	@echo "make test-slow  the long campaigns"
	@echo "make lint       ruff, mypy, and dg (Dagster loads the definitions)"
	@echo "make format     ruff, rewriting files"
	@echo "make notebooks  regenerate the Jupyter notebook and the pictures of the docs from the demo's home"
	@echo "make docs       regenerate docs/settings.md and docs/tables.md, then build the site: site/index.html"
	@echo "make bench      the benchmarks"
	@echo "make clean      remove environments and caches; ECHELON_HOME is left alone"

define need_python
@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
  echo "$(PYTHON) is missing or older than 3.11; say which one to use: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
endef

# A stamp newer than the lock means: nothing to do.
$(VENV)/.installed: requirements.lock pyproject.toml
	$(need_python)
	@echo "== environment $(VENV): pinned packages (once per change of requirements.lock)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python $(PIP_INSTALL) --require-hashes -r requirements.lock
	@$(BIN)/python $(PIP_INSTALL) --no-deps --no-build-isolation -e .
	@touch $@

$(CLIENTS)/.installed: requirements-clients.lock
	$(need_python)
	@echo "== environment $(CLIENTS): the venues' own clients, for the contract tests"
	@test -x $(CLIENTS)/bin/python || $(PYTHON) -m venv $(CLIENTS)
	@$(CLIENTS)/bin/python $(PIP_INSTALL) --require-hashes -r requirements-clients.lock
	@touch $@

$(DOCS)/.installed: requirements-docs.lock
	$(need_python)
	@echo "== environment $(DOCS): the site of docs/"
	@test -x $(DOCS)/bin/python || $(PYTHON) -m venv $(DOCS)
	@$(DOCS)/bin/python $(PIP_INSTALL) --require-hashes -r requirements-docs.lock
	@touch $@

setup: $(VENV)/.installed

demo: $(VENV)/.installed
	@$(BIN)/echelon demo

ui: $(VENV)/.installed
	@$(BIN)/echelon ui --port $(PORT)

lint: $(VENV)/.installed
	@echo "== ruff"
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@echo "== mypy"
	@$(BIN)/mypy
	@echo "== dg"
	@VIRTUAL_ENV=$(abspath $(VENV)) $(BIN)/dg check toml
	@VIRTUAL_ENV=$(abspath $(VENV)) $(BIN)/dg check defs
	@VIRTUAL_ENV=$(abspath $(VENV)) $(BIN)/dg list defs --json >/dev/null

format: $(VENV)/.installed
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

notebooks: $(VENV)/.installed
	@$(BIN)/python -m echelon_pipeline.ops.notebooks "$${ECHELON_HOME:-.echelon}"

docs: $(VENV)/.installed $(DOCS)/.installed
	@$(BIN)/python -m echelon_pipeline.ops.docgen
	@NO_MKDOCS_2_WARNING=1 $(DOCS)/bin/mkdocs build --clean 2>&1 | { grep -v "^INFO" || true; }
	@echo "site/index.html: written"

test: lint $(CLIENTS_READY)
	@echo "== pytest"
	@$(BIN)/pytest -n $(WORKERS) --dist loadgroup $(PYTEST_ARGS)

test-slow: $(VENV)/.installed $(CLIENTS_READY)
	@echo "== pytest, long campaigns"
	@$(BIN)/pytest -m slow --timeout 3600 $(PYTEST_ARGS)

bench: $(VENV)/.installed
	@for script in $$(grep -l __main__ benchmarks/*.py); do \
	  echo "== $$script"; $(BIN)/python -m "benchmarks.$$(basename "$$script" .py)"; \
	done

clean:
	@rm -rf $(VENV) $(CLIENTS) $(DOCS) site .mypy_cache .ruff_cache .pytest_cache .hypothesis dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
