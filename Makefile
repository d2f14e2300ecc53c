# `make demo` and `make test` need Python 3.11 or newer, and nothing else.

ARGS ?=
PYTHON ?=
VENV ?= .venv
BIN := $(VENV)/bin
UV ?= uv
DEV_STAMP := $(VENV)/.dev
DEMO_STAMP := $(VENV)/.demo
export COVERAGE_FILE ?= $(CURDIR)/.coverage
COMPILE := --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-emit-find-links
PROCESSES ?= 3
export EVERYWHERE
# Hundreds of processes are started here: none compiles what another has compiled, whatever the environment says.
export PYTHONDONTWRITEBYTECODE =
# With RETRY=1 what failed is run once more, alone: on a loaded machine real processes can miss a deadline.
AGAIN := $(if $(RETRY),$(BIN)/python -m pytest --last-failed --last-failed-no-failures=none,false)
NO_SECRETS := env SECRET_KEY=only-for-checks DATABASE_URL=sqlite:///:memory:

.DEFAULT_GOAL := help
.PHONY: help demo test test-sqlite test-browser test-postgres coverage lint bench chaos chaos-tests screenshots docs wheel lock clean

help:  ## show this
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 24

# --- environments ----------------------------------------------------------------------------------------------------

$(BIN)/python:
	@sh project/venv.sh "$(VENV)" "$(PYTHON)"

$(DEMO_STAMP): requirements.lock pyproject.toml | $(BIN)/python
	@echo "installing what the demo needs …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(DEV_STAMP): requirements-dev.lock $(DEMO_STAMP) | $(BIN)/python
	@echo "installing what the tests need …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

# --- for people ------------------------------------------------------------------------------------------------------

demo: $(DEMO_STAMP)  ## everything on this machine, with sample data; ARGS="--once" runs it to the end
	@exec $(BIN)/python -m project.demo $(ARGS)

test: test-sqlite test-browser test-postgres coverage  ## all tests on SQLite and on PostgreSQL, and what they cover

test-sqlite: $(DEV_STAMP)
	$(BIN)/python -m coverage erase
	$(BIN)/python -m coverage run -m pytest -n $(PROCESSES) --dist worksteal --ignore tests/browser $(ARGS) || $(AGAIN)

# By itself: while a browser is driven, a process has an event loop running, in which other tests cannot use the ORM.
test-browser: $(DEV_STAMP)
	$(BIN)/python -m pytest tests/browser $(ARGS) || $(AGAIN)

# What asks for no database ran on SQLite; what asks for one was measured there, but for what needs PostgreSQL.
test-postgres: $(DEV_STAMP)
	$(BIN)/python -m coverage run -m pytest --pg -m rows -n $(PROCESSES) --dist worksteal --ignore tests/browser $(ARGS) || $(AGAIN) --pg

coverage: $(DEV_STAMP)
	$(BIN)/python -m coverage combine --quiet
	$(BIN)/python -m coverage report

lint: $(DEV_STAMP)  ## style, types, the import contract, missing migrations, the docs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(NO_SECRETS) $(BIN)/mypy
	$(NO_SECRETS) $(BIN)/lint-imports
	$(NO_SECRETS) $(BIN)/python manage.py makemigrations --check --dry-run
	$(NO_SECRETS) $(BIN)/sphinx-build -W --keep-going -q -b html docs docs/_build/html

bench: $(DEV_STAMP)  ## what the README claims, measured here
	$(BIN)/python -m benchmarks $(ARGS)

chaos: $(DEV_STAMP)  ## real processes, broken on a schedule drawn from SEED, for MINUTES; then an oracle
	$(BIN)/python -m tests.chaos $(if $(SEED),--seed $(SEED)) --minutes $(or $(MINUTES),10) $(ARGS)

chaos-tests: $(DEV_STAMP)  ## the long variants of the tests with real processes
	EVERYWHERE=1 $(BIN)/python -m pytest --pg -m chaos $(ARGS)

screenshots: $(DEV_STAMP)  ## the pictures of the documentation, anew; needs chromium
	$(BIN)/python -m tests.browser.screenshots

docs: $(DEV_STAMP)  ## the documentation, in docs/_build/html
	$(NO_SECRETS) $(BIN)/sphinx-build -W --keep-going -b html docs docs/_build/html

wheel: $(DEV_STAMP)  ## a wheel, in dist
	$(BIN)/python -m build --wheel --no-isolation --outdir dist

lock:  ## both lock files anew, with the newest versions; needs uv
	$(UV) pip compile $(COMPILE) --extra api --extra beat --extra metrics --extra postgres --extra demo --group build pyproject.toml -o requirements.lock
	$(UV) pip compile $(COMPILE) --extra test --extra docs --extra otel -c requirements.lock pyproject.toml -o requirements-dev.lock

clean:  ## remove environments, caches and what the demo kept
	rm -rf $(VENV) .demo .nox dist docs/_build .coverage* .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
