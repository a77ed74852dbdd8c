# WatchHamster: `make demo` shows it, `make test` tests it, `make check` is what a change must pass.
# Needs Python 3.11 or later, git and make. Everything else is installed, locked, into .venv.

.DEFAULT_GOAL := help
.PHONY: help demo test check static fuzz bench api setup lock format clean

# The first interpreter that runs and is new enough; PYTHON=... names another.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
RUN := $(VENV)/.run-$(shell cksum < locks/run.txt | cut -d' ' -f1)
DEV := $(VENV)/.dev-$(shell cksum < locks/dev.txt | cut -d' ' -f1)
BENCH := $(VENV)/.bench-$(shell cksum < locks/bench.txt | cut -d' ' -f1)
# The tests start our programs by the hundred: without compiled files each would compile all of itself anew.
export PYTHONDONTWRITEBYTECODE :=
PIP := $(BIN)/python -m pip install --disable-pip-version-check --quiet

help:
	@sed -n 's/^#: //p' $(firstword $(MAKEFILE_LIST))

#: make demo    start WatchHamster with real services to watch; Ctrl-C ends it   (ARGS="--port 9000" and so on)
demo: $(RUN)
	@exec $(BIN)/hamster demo $(ARGS)

#: make test    every test that needs no other program                          (ARGS="-k name", WORKERS=4)
# The tests mostly wait for programs that they started: more workers than cores is right. -n 0 in ARGS is without.
WORKERS ?= 4
test: $(DEV)
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

#: make check   format, lint, types, and the tests
check: static test

#: make static  format, lint and types
static: $(DEV)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright

#: make fuzz    random programs against the actor runtime                       (FUZZ=50000, SEED=3000, SECONDS=600)
# Seeds below 3000 are run by `make test`.
FUZZ ?= 50000
SEED ?= 3000
SECONDS ?= 3600
fuzz: $(DEV)
	$(BIN)/python -m tests.actors.runtime.programs $(SEED) --count $(FUZZ) --seconds $(SECONDS) --smaller

#: make api     ask a demo for everything its OpenAPI document says                (EXAMPLES=50)
# Schemathesis lives apart: it needs versions of its own of what is installed here.
EXAMPLES ?= 50
API := $(VENV)/api-$(shell cksum < locks/api.txt | cut -d' ' -f1)
api: $(DEV) $(API)/ready
	$(BIN)/python -m tests.hamster.http.openapi $(CURDIR)/$(API)/bin/schemathesis $(EXAMPLES)

$(API)/ready: $(BIN)/python
	@$(BIN)/python -m venv $(API)
	@$(API)/bin/python -m pip install --disable-pip-version-check --quiet --require-hashes -r locks/api.txt
	@touch $@

#: make bench   measure what is claimed, as ratios against a peer in the same run  (ARGS="actors --quick" and so on)
bench: $(BENCH)
	$(BIN)/python -m bench $(ARGS)

#: make format  put the code into the house format
format: $(DEV)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

#: make lock    resolve the dependencies anew and write the locks               (needs uv; ARGS=--upgrade for newer)
COMPILE := uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header --python-version 3.11 pyproject.toml
lock:
	$(COMPILE) --group dev -o locks/dev.txt $(ARGS)
	$(COMPILE) -c locks/dev.txt -o locks/run.txt
	$(COMPILE) --extra bench -c locks/dev.txt -o locks/bench.txt $(ARGS)
	$(COMPILE:pyproject.toml=--group pyproject.toml:api) -c locks/dev.txt -o locks/api.txt $(ARGS)
	$(COMPILE:pyproject.toml=--group pyproject.toml:build) -c locks/dev.txt -o locks/build.txt
	$(PYTHON) locks/pin_uv.py

#: make setup   only install
setup: $(DEV)

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or later is needed and was not found; install it or set PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "could not make a virtual environment with $(PYTHON); on Debian and Ubuntu: apt install python3-venv" >&2; rm -rf $(VENV); exit 1; }

# hatchling and editables come from the lock, so that the project itself is installed without a look-up.
$(RUN): $(BIN)/python
	@echo "installing (once)..." >&2
	@$(PIP) --require-hashes -r locks/run.txt
	@$(PIP) --require-hashes -r locks/build.txt
	@$(PIP) --no-deps --no-build-isolation --editable .
	@rm -f $(VENV)/.run-* && touch $@

$(DEV): $(RUN)
	@echo "installing the developers' tools (once)..." >&2
	@$(PIP) --require-hashes -r locks/dev.txt
	@rm -f $(VENV)/.dev-* && touch $@

$(BENCH): $(RUN)
	@echo "installing the peers to measure against (once)..." >&2
	@$(PIP) --require-hashes -r locks/bench.txt
	@rm -f $(VENV)/.bench-* && touch $@

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis dist build
