# setup · repro · test · check · bench: each creates .venv from the lock if it is missing.
SHELL := /bin/sh
PYTHON ?= python3
CONFIG ?= configs/pipeline.yaml
BIN := .venv/bin
STAMP := .venv/installed

.PHONY: setup repro test check bench

setup: $(STAMP)

repro: $(STAMP)
	@test -f "$(CONFIG)" || { echo "no configuration $(CONFIG); see configs/"; exit 2; }
	@$(BIN)/newsfacts check "$(CONFIG)"
	@echo "config: $(CONFIG)" | cmp -s - configs/active.yaml || echo "config: $(CONFIG)" > configs/active.yaml
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/dvc repro
	@$(BIN)/newsfacts runs

test: $(STAMP)
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pytest -n auto --dist loadfile $(PYTEST)

check: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/test_architecture.py

# With nothing else running: about half an hour of both cores.
bench: $(STAMP)
	$(BIN)/python -m benchmarks.throughput $(if $(ARTICLES),--articles "$(ARTICLES)")

# torch comes first and alone: its build differs by machine, so it cannot stand in a hashed lock.
$(STAMP): requirements.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "newsfacts needs Python 3.11 to 3.13, and there is no $(PYTHON): install one, or name yours with PYTHON=…"; exit 2; }
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 13) else "newsfacts needs Python 3.11 to 3.13, and %s is %d.%d: name another with PYTHON=python3.12" % (sys.executable, *v))'
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "this Python cannot create environments (venv or ensurepip is missing): install its venv package, such as python3-venv"; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "installing torch and the locked packages into .venv: some minutes, and nothing is said meanwhile"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check torch==2.13.0
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(STAMP)
