# Everything a checkout needs. `make run` and `make test` install what they use into .venv first.
PYTHON ?= python3
VENV   ?= .venv
SHELL  := /bin/bash
BIN    := $(VENV)/bin
# Named by content: a checkout of other dependencies installs anew, everything else is instant.
KEY    := $(shell cat requirements.lock pyproject.toml tests/projects/wheels.lock | cksum | cut -d' ' -f1)
STAMP  := $(VENV)/.installed-$(KEY)
# Tests see what users have: bytecode is written (the reload tests need it), no variables of ours.
CLEAN_ENV := env -u PYTHONDONTWRITEBYTECODE -u PYTHONPATH -u LAMBDATUI_PROJECT -u LAMBDATUI_DATA -u LAMBDATUI_TOKEN
# Three for two cores: tests of processes wait about a third of their time. Their order is tests/conftest.py's.
PYTEST := $(CLEAN_ENV) $(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

.PHONY: run test check soak fuzz bench bench-peers lock pictures tables clean install help
.DEFAULT_GOAL := help

help:
	@echo "make run       the sample shop, live in this terminal"
	@echo "make test      the tests"
	@echo "make check     format, lint, types, imports, tests"
	@echo "make soak      the long tests: make soak MINUTES=10 KILLS=100 SEED=7"
	@echo "make fuzz      random input for everything that reads any: MINUTES=5 or EXAMPLES=1000 a target"
	@echo "make bench     measure everything, write benchmarks/RESULTS.md"
	@echo "make bench-peers  install other local Lambdas into benchmarks/.peers and measure beside them"
	@echo "make lock      write requirements.lock anew"
	@echo "make tables    write docs/support.md from the code"
	@echo "make pictures  draw docs/pictures from the running program"
	@echo "make clean     remove $(VENV), caches and the sample's stored state"

install: $(STAMP)

$(STAMP):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "lambdatui needs Python 3.11 or newer; $(PYTHON) is $$(command -v $(PYTHON) >/dev/null \
		&& $(PYTHON) --version 2>&1 || echo not there)." >&2; \
		echo "Name another one:  make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 2; }
	@$(PYTHON) -m venv --clear $(VENV) || { \
		echo "$(PYTHON) could not make a virtual environment; on Debian and Ubuntu: apt install python3-venv" >&2; exit 2; }
	@echo "installing into $(VENV), once: one or two minutes"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m pip download --quiet --disable-pip-version-check --require-hashes --only-binary :all: \
		--dest $(VENV)/wheels --requirement tests/projects/wheels.lock
	@touch $@

run: $(STAMP)
	@$(BIN)/lambdatui run sample_functions

test: $(STAMP)
	$(PYTEST) -m "not soak"

# MINUTES of load, KILLS and their SEED; the lines that it prints say what was survived. ROOM=tests/soak is that alone.
soak: $(STAMP)
	LAMBDATUI_SOAK_MINUTES=$(MINUTES) LAMBDATUI_SOAK_KILLS=$(KILLS) LAMBDATUI_SOAK_SEED=$(SEED) \
		$(CLEAN_ENV) $(BIN)/python -m pytest -m soak -s -o faulthandler_timeout=0 $(ROOM)

# MINUTES or EXAMPLES are each target's; what it found is tried again with SEED (CONTRIBUTING.md).
fuzz: $(STAMP)
	LAMBDATUI_FUZZ_MINUTES=$(if $(EXAMPLES)$(SEED),,$(or $(MINUTES),1)) LAMBDATUI_FUZZ_EXAMPLES=$(EXAMPLES) \
		LAMBDATUI_FUZZ_SEED=$(SEED) $(PYTEST) tests/fuzz $(if $(TARGET),-k $(TARGET))

bench: $(STAMP)
	$(CLEAN_ENV) $(BIN)/python -m benchmarks

bench-peers: $(STAMP)
	$(CLEAN_ENV) $(BIN)/python -m benchmarks.peers --keep

check: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(PYTEST) -m "not soak"

lock: $(STAMP)
	@$(BIN)/uv pip compile pyproject.toml --extra aws --group dev --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-annotate --no-header --quiet --upgrade --output-file requirements.lock.new
	@{ echo '# Hashed lock of every runtime, [aws] and development dependency; `make lock` writes it anew.'; \
		cat requirements.lock.new; } > requirements.lock && rm requirements.lock.new

pictures: $(STAMP)
	$(CLEAN_ENV) $(BIN)/python tools/pictures.py

tables: $(STAMP)
	$(BIN)/python -m tools.support_tables

clean:
	rm -rf $(VENV) sample_functions/.lambdatui build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
