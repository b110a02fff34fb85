# Bestex on a machine with Python 3.11+ and make. `make demo` and `make test` install what they need; a second call
# finds it installed and starts at once. Nothing outside this folder is touched but ~/.bestex (BESTEX_HOME moves it).
#
#   PYTHON=python3.12 make test     another interpreter        make demo ARGS=--once     sample orders, then exit

PYTHON ?= python3
ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
# Errors only, and deaf to what a user set up for his own environments; indexes and caches stay his.
PIP := PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_REQUIRE_VIRTUALENV=0 PIP_USER=0 $(BIN)/python -m pip -qq
PYTEST := $(BIN)/python -m pytest
VENV_STAMP := $(VENV)/.stamp-venv
CORE_STAMP := $(VENV)/.stamp-core
DEV_STAMP := $(VENV)/.stamp-dev
EXTRAS := replay cex
EXTRA_STAMPS := $(EXTRAS:%=$(VENV)/.stamp-%)
LOCKED := $(PIP) install --no-compile --require-hashes -r
# By all cores and without the tests of others, which pip would compile too, one after the other.
BYTE_CODE := $(BIN)/python -m compileall -qq -j 0 -x '/tests?/' $(VENV)/lib
PROJECT := pyproject.toml requirements/core.in requirements/replay.in requirements/cex.in

export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: help setup $(EXTRAS) demo test lint bench run migrate soak clean
.DEFAULT_GOAL := help
# A recipe that fails must not leave its target behind; two installs into one environment must not overlap.
.DELETE_ON_ERROR:
.NOTPARALLEL:

help:
	@echo "make setup    everything that tests need, into .venv"
	@echo "make demo     the service with simulated venues and sample orders (ARGS=--once exits afterwards)"
	@echo "make run      the service without samples (bestex up)"
	@echo "make replay   adds what replays, recordings, calibrations and Parquet need"
	@echo "make cex      adds what live books and venue keys need"
	@echo "make test     lint, types, import contracts, tests"
	@echo "make lint     lint, types, import contracts"
	@echo "make bench    benchmarks against baselines and budgets"
	@echo "make soak     the long campaigns: 420 kills, 10,000 faults at exchanges, a minute without Postgres, shared memory"
	@echo "make migrate  brings the database (BESTEX_DATABASE_URL, or the embedded one) to the newest schema"

$(VENV_STAMP):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Bestex needs Python 3.11 or newer; say which with PYTHON=..." >&2; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@touch $@

# The project itself comes last and without its dependencies (the lock has installed them, hashes checked), as one path.
# The compiler of the kernels comes first: what a first order needs is compiled while everything else is installed. A
# start shares that work or does it alone, so nobody waits for it here and nothing is lost where it fails.
$(CORE_STAMP): $(VENV_STAMP) requirements/kernels.lock requirements/core.lock $(PROJECT)
	@echo "installing Bestex (once)"
	@$(LOCKED) requirements/kernels.lock
	@PYTHONPATH=. $(BIN)/python -m app.workers.warm READY >/dev/null 2>&1 &
	@$(LOCKED) requirements/core.lock
	@$(BYTE_CODE)
	@$(PIP) install --no-deps --no-build-isolation --config-settings editable_mode=compat -e .
	@touch $@

$(DEV_STAMP): $(VENV_STAMP) requirements/dev.lock $(PROJECT)
	@echo "installing Bestex and what its tests need (once)"
	@$(PIP) install --require-hashes -r requirements/dev.lock
	@$(PIP) install --no-deps --no-build-isolation --config-settings editable_mode=compat -e .
	@touch $(CORE_STAMP) $(EXTRA_STAMPS) $@

# What `bestex doctor` lists as a part.
$(EXTRA_STAMPS): $(VENV)/.stamp-%: $(CORE_STAMP) requirements/%.lock
	@echo "installing the part $* (once)"
	@$(LOCKED) requirements/$*.lock
	@$(BYTE_CODE)
	@touch $@

$(EXTRAS): %: $(VENV)/.stamp-%

setup: $(DEV_STAMP)

demo: $(CORE_STAMP)
	@exec $(BIN)/bestex demo $(ARGS)

run: $(CORE_STAMP)
	@exec $(BIN)/bestex up $(ARGS)

migrate: $(CORE_STAMP)
	@exec $(BIN)/bestex migrate $(ARGS)

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: lint
	$(PYTEST) -n 2 --dist loadfile $(ARGS)

soak: setup
	$(PYTEST) -m soak --timeout 3600 $(ARGS)

bench: setup
	$(BIN)/bestex bench $(ARGS)

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
