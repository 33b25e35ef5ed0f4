# make help   lists the targets

SHELL := /bin/bash
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
AXE := tests/browser/node_modules/.package-lock.json
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
PYTEST := $(BIN)/pytest --numprocesses auto --maxprocesses 4 --dist worksteal

# The first Python 3.11-3.13 that can make an environment with pip in it; PYTHON=... chooses another.
FITS := import sys, venv, importlib.util as u; \
	sys.exit(not ((3, 11) <= sys.version_info < (3, 14) and (u.find_spec("ensurepip") or u.find_spec("pip"))))
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	$$p -c '$(FITS)' 2>/dev/null && command -v $$p && break; done)

.PHONY: help
help: ## show this list
	@awk -F ':.*## ' '/^[a-z.]+:.*## / {printf "%-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: book
book: $(VENV)/.ready ## build the book into _build/html; any warning is an error
	$(BIN)/jupyter-book build . --all -W -n --keep-going

.PHONY: pdf
pdf: $(VENV)/.ready ## print the built book as one PDF, into _build/pdf
	@test -f _build/html/index.html || $(MAKE) book
	$(BIN)/python .ci/pdf.py

.PHONY: test
test: $(VENV)/.ready ## lint, types and tests
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/codespell
	$(BIN)/mypy
	$(PYTEST) --benchmark-skip

.PHONY: browser
browser: $(VENV)/.ready $(AXE) ## look at the built book in Chromium; screenshots go to _build/screenshots
	@test -f _build/html/index.html || $(MAKE) book
	rm -rf _build/screenshots
	$(PYTEST) -m browser

.PHONY: lighthouse
lighthouse: $(VENV)/.ready $(AXE) ## measure every page with Lighthouse (ten minutes; leave the machine alone)
	@test -f _build/html/index.html || $(MAKE) book
	$(BIN)/python .ci/lighthouse.py $(PAGES)

$(AXE): tests/browser/package-lock.json
	@command -v npm >/dev/null || { echo "make: found no npm; install it (Debian: apt-get install npm)" >&2; exit 1; }
	cd tests/browser && npm ci --no-audit --no-fund

.PHONY: bench
bench: $(VENV)/.ready ## time the kernel beside other packages; writes data/benchmark.csv
	@mkdir -p _build
	$(BIN)/pytest --benchmark-only --benchmark-json=_build/benchmark.json tests/test_bench.py
	$(BIN)/python .ci/benchmark.py _build/benchmark.json data/benchmark.csv

.PHONY: picture
picture: $(VENV)/.ready ## draw the README's picture from the cohort
	$(BIN)/python .ci/picture.py

.PHONY: package
package: $(VENV)/.ready ## describe the data files: table schema from the ledger, checksums
	$(BIN)/python .ci/datapackage.py

.PHONY: links
links: $(VENV)/.ready ## ask whether the links to other sites still lead somewhere
	$(BIN)/jupyter-book build . --builder linkcheck

.PHONY: clean
clean: ## remove what was built, keep the environment
	rm -rf _build .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks
	find src tests book -name __pycache__ -prune -exec rm -rf {} +

UV_OPTIONS := --all-extras --universal --python-version 3.11 --fork-strategy fewest \
	--generate-hashes --no-header --no-annotate --no-strip-extras --no-emit-index-url

.PHONY: lock
lock: ## resolve requirements.lock and environment.yml anew
	@t=$$(mktemp -d) && trap 'rm -rf "$$t"' EXIT && \
	$(PYTHON) -m venv $$t && $$t/bin/pip install --quiet uv && \
	$$t/bin/uv pip compile pyproject.toml $(UV_OPTIONS) --upgrade --quiet -o requirements.lock
	$(PYTHON) .ci/environment.py

.PHONY: .venv
.venv: $(VENV)/.ready ## make the environment from requirements.lock, anew when the lock has changed

# Where Debian's python3-venv is missing, the system's pip puts pip into the environment.
$(VENV)/.locked: requirements.lock
	@test -n "$(PYTHON)" || { echo "make: found no Python 3.11-3.13 with venv and pip; install one" \
		"(Debian: python3-venv) or say make PYTHON=/path/to/python" >&2; exit 1; }
	$(PYTHON) -m venv --clear --without-pip $(VENV)
	@$(BIN)/python -m ensurepip --default-pip >/dev/null 2>&1 || \
		$(PYTHON) -m pip --quiet --python $(BIN)/python install pip
	$(PIP) install --require-hashes -r requirements.lock
	@touch $@

$(VENV)/.ready: $(VENV)/.locked pyproject.toml
	$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@
