# Every target works on a machine with only Python >= 3.11 and make (strace and soak say what else they need).
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.installed
STAMP  := $(VENV)/.installed-dev
# One more than cores: many tests wait for processes they started. Crash and command tests, the longest, come first.
PROCESSES := $(shell $(PYTHON) -c "import os; print(min(4, (os.cpu_count() or 1) + 1))")
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help install demo test check lint types contracts strace soak search bench peers lock wheel clean

help: ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(READY): requirements/runtime.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("bulk-pec needs Python 3.11 or newer, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) --require-hashes -r requirements/runtime.txt
	$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

$(STAMP): $(READY) requirements/dev.txt
	$(PIP) --require-hashes -r requirements/dev.txt
	@touch $@

install: $(READY) ## create .venv with what runs the program, and no more; locked by hashes

demo: $(READY) ## a simulated provider, a sample list, a whole run: no configuration
	@$(BIN)/bulk-pec demo

test: $(STAMP) ## all tests that need only Python and make (a Postgres is started by the tests)
	$(BIN)/python -m pytest tests/crash tests/cli tests -m "not strace" -n $(PROCESSES) --dist loadfile --no-loadscope-reorder --durations=25

check: lint types contracts ## lint, types and import contracts

lint: $(STAMP) ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP) ## mypy, strict
	$(BIN)/mypy

contracts: $(STAMP) ## who may import whom
	$(BIN)/lint-imports

strace: $(STAMP) ## the intent reaches the disk before the request leaves (needs strace)
	$(BIN)/python -m pytest -m strace tests/crash

soak: $(STAMP) ## the long crash test: random SIGKILLs for SOAK_KILLS rounds
	BULK_PEC_TEST_SOAK_KILLS=$${SOAK_KILLS:-200} $(BIN)/python -m pytest -m "not strace" tests/crash -k soak

search: $(STAMP) ## the property tests on examples of chance, for SEARCH_ROUNDS rounds or until one fails
	for round in $$(seq $${SEARCH_ROUNDS:-10}); do \
	  BULK_PEC_TEST_SEARCH=1 $(BIN)/python -m pytest tests/property -n $(PROCESSES) || exit; \
	done

bench: $(STAMP) ## ratios of docs/performance.md, measured side by side (minutes; needs about 7 GiB of disk)
	$(BIN)/python -m benchmarks

peers: $(STAMP) ## install what `python -m benchmarks peers` measures beside us, apart from it, locked by hashes
	test -x $(VENV)/peers/bin/python || $(PYTHON) -m venv $(VENV)/peers
	$(VENV)/peers/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/peers.txt

lock: ## renew requirements/*.txt (needs uv)
	uv pip compile pyproject.toml --group build --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --upgrade -q -o requirements/runtime.txt
	uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --upgrade -q -o requirements/dev.txt
	uv pip compile requirements/peers.in --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --no-emit-index-url --upgrade -q -o requirements/peers.txt

wheel: $(STAMP) ## build the wheel into dist/
	$(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation -w dist .

clean: ## remove what the targets made
	rm -rf $(VENV) dist build .hypothesis .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
