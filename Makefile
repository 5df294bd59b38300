# `make run` and `make test` need only make and Python 3.11 to 3.13; they create .venv on first use.
.DEFAULT_GOAL := help
.PHONY: help run test test-slow test-ui test-kubernetes test-dask test-faults check format lock bench clean

PYTHON ?= $(shell for python in python3.13 python3.12 python3.11 python3; do \
	command -v $$python >/dev/null 2>&1 && $$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
	&& echo $$python && break; done)
BIN := .venv/bin
# One worker more than two cores: while a test waits for a server or a child, another one runs.
WORKERS ?= $(shell cores=$$(getconf _NPROCESSORS_ONLN); echo $$((cores < 3 ? cores + 1 : 4)))
INSTALLED := .venv/.installed
INSTALLED_UI := .venv/.installed-ui
INSTALLED_KUBERNETES := .venv/.installed-kubernetes
INSTALLED_DASK := .venv/.installed-dask

help:  ## Show this help
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

run: $(INSTALLED)  ## Train on the generated sample data set and show the comparison
	$(BIN)/emotion run --source sample --preset demo

test: $(INSTALLED)  ## Run the test suite
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

test-slow: $(INSTALLED)  ## Run the tests that make test leaves out because they take minutes or need the real images
	$(BIN)/python -m pytest -m "(slow or shared_data) and not ui and not faults and not gpu and not network"

test-ui: $(INSTALLED_UI)  ## Test pages in Chromium, and emotion up over several weeks of one minute each
	$(BIN)/python -m pytest -m ui

test-kubernetes: $(INSTALLED_KUBERNETES)  ## Check deploy/kubernetes by published schemas; no cluster is needed
	$(BIN)/python -m pytest -m kubernetes tests/deploy tests/flows/service

test-dask: $(INSTALLED_DASK)  ## Test maps on a Dask cluster of this machine
	$(BIN)/python -m pytest -m dask tests/tasks/support

test-faults: $(INSTALLED)  ## Test hostile inputs, full disks and commands at once, and write docs/reliability.md
	EMOTION_WRITE_RELIABILITY=1 $(BIN)/python -m pytest -m faults

check: $(INSTALLED)  ## Check lint rules, formatting, types, import directions, spelling and plain words
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(BIN)/codespell
	cd docs && ../$(BIN)/codespell ../CHANGELOG.md  # without the settings in pyproject.toml: spelling alone, not plain words

format: $(INSTALLED)  ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(INSTALLED)  ## Measure the rows of docs/benchmarks.md: make bench SOURCE=images.zip [ROW=name] [VOTES=votes.csv]
	@test -n "$(SOURCE)" || { echo "got no SOURCE, expected the real images: make bench SOURCE=PATH_OR_URL_OR_DRIVE_ID [ROW=name]"; exit 1; }
	VOTES="$(VOTES)" $(BIN)/python -m benchmarks "$(SOURCE)" $(ROW)

COMPILE := uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate

lock:  ## Resolve all requirements*.lock again (needs uv)
	$(COMPILE) --group dev --extra lite0 --extra postgres --extra photos --extra export --extra serve --extra store pyproject.toml -o requirements.lock
	$(COMPILE) --group ui --constraints requirements.lock -o requirements-ui.lock
	$(COMPILE) --group kubernetes --constraints requirements.lock -o requirements-kubernetes.lock
	$(COMPILE) --group dask --constraints requirements.lock -o requirements-dask.lock

clean:  ## Remove .venv; the workspace stays
	rm -rf .venv

$(INSTALLED): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "got $$(python3 --version 2>&1 || echo no python3), expected Python 3.11, 3.12 or 3.13: install one of them (Debian: apt install python3 python3-venv) or run make PYTHON=/path/to/python"; exit 1; }
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if (3, 11) <= v[:2] <= (3, 13) else f"got Python {v[0]}.{v[1]} ({sys.executable}), expected 3.11, 3.12 or 3.13: run make PYTHON=/path/to/python")'
	@if command -v uv >/dev/null 2>&1; then $(MAKE) --no-print-directory install-uv; else $(MAKE) --no-print-directory install-pip; fi
	@touch $@

# Also for .installed-ui, whose playwright uses the Chromium of the machine: no browser is installed.
.venv/.installed-%: $(INSTALLED) requirements-%.lock
	@if command -v uv >/dev/null 2>&1; then uv pip install --quiet --compile-bytecode --python $(BIN)/python --no-deps --require-hashes -r requirements-$*.lock; \
	else $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-$*.lock; fi
	@touch $@

.PHONY: install-uv install-pip
# The lock file lists all packages, so pip and uv resolve nothing: --no-deps. uv compiles bytecode only if it is told to, and
# with PYTHONDONTWRITEBYTECODE, as in many containers, each of the many processes of a run would compile TensorFlow again.
install-uv:
	uv venv --quiet --allow-existing --python $(PYTHON) .venv
	uv pip install --quiet --compile-bytecode --python $(BIN)/python --no-deps --require-hashes -r requirements.lock
	uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .

install-pip:
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip --upgrade >/dev/null  # a venv that uv created has no pip
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
