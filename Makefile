# make help   lists the targets

SHELL := /bin/bash
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
# The first Python 3.11-3.13 with venv on the path; PYTHON=... chooses another.
CANDIDATES := python3 python3.13 python3.12 python3.11 python
PYTHON ?= $(shell for p in $(CANDIDATES); do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
	2>/dev/null && { command -v $$p; break; }; done)

.PHONY: help
help: ## show this list
	@grep -hE '^[a-z.]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z.]+):.*## */\1|/' | column -t -s '|'

# `.venv` is up to date when its stamp is newer than the lock and the package's metadata.
.PHONY: .venv
.venv: $(VENV)/.ready ## make the virtual environment from requirements.lock

$(VENV)/.ready: requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "make: no Python 3.11-3.13 with venv found; install one or say PYTHON=/path/to/python" >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

UV_OPTIONS := --all-extras --universal --python-version 3.11 --fork-strategy fewest \
	--generate-hashes --no-header --no-annotate --no-strip-extras --no-emit-index-url

.PHONY: lock
lock: ## resolve requirements.lock anew (uv comes from a throwaway environment)
	@t=$$(mktemp -d) && trap 'rm -rf "$$t"' EXIT && \
	$(PYTHON) -m venv $$t && $$t/bin/pip install --quiet uv && \
	$$t/bin/uv pip compile pyproject.toml $(UV_OPTIONS) --upgrade --quiet -o requirements.lock
