.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
BENCH_STAMP := $(VENV)/.bench-installed

# What a verb may be given: make demo DATA=ratings.csv PORT=9000 ONCE=1
DATA ?=
PORT ?= 8000
HOST ?= 127.0.0.1
ONCE ?=
WORKERS ?= 1
ARGS ?=
# Also in docker/compose.yaml and docker/compose.postgres.yaml.
PYTHON_OF_IMAGE := 3.11.14

# Two processes for each processor, because most tests wait: for services, browsers, jobs and the disk.
# Slow tests use all processors themselves.
# At the priority of job processes, which would otherwise wait for busy tests.
PYTEST := nice -n 10 $(BIN)/pytest --dist loadfile --no-loadscope-reorder --maxprocesses 8

.PHONY: help demo serve test test-slow check hooks format bench bench-full lock image clean

help: ## List the verbs
	@echo "make VERB [NAME=value …]; every verb sets up $(VENV) by itself."
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(STAMP) ## Ratings to recommendations in one go: DATA=file of ratings, ONCE=1 to end there, PORT=8000
	@$(BIN)/recsvc demo --port $(PORT) $(if $(DATA),--data "$(DATA)") $(if $(filter-out 0,$(ONCE)),--once) $(ARGS)

serve: $(STAMP) ## Serve the API with one worker: HOST=127.0.0.1, PORT=8000, WORKERS=1 API processes
	@$(BIN)/recsvc serve --host $(HOST) --port $(PORT) --workers $(WORKERS) $(ARGS)

test: $(STAMP) ## Run the tests in parallel, except those of test-slow (ARGS="tests/db -k claim"); without a data set they are skipped
	@$(BIN)/python -m recsvc.rbm.precompilation # not once in each process
	$(PYTEST) -n $$((2 * $$(nproc))) -m "not slow" $(ARGS)

test-slow: $(STAMP) ## Run the tests that take more than ten seconds each
	@$(BIN)/python -m recsvc.rbm.precompilation
	$(PYTEST) -n auto --dist load -m slow $(ARGS)

check: $(STAMP) ## Formatting, lint, types, import contracts, and that the documents are complete
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/codespell
	$(BIN)/python scripts/check_names.py
	$(BIN)/python scripts/check_prose.py
	$(BIN)/python scripts/check_commit.py
	$(BIN)/pytest -q tests/test_project.py

hooks: $(STAMP) ## Install the git hooks, which run the checks at each commit
	$(BIN)/pre-commit install

format: $(STAMP) ## Format the source
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(BENCH_STAMP) ## Measure speed and memory beside the peers, ARGS=--all: every table; results go to benchmarks/RESULTS.md
	$(BIN)/python -m benchmarks $(ARGS)

bench-full: $(BENCH_STAMP) ## The long ones: quality on every data set, growth to a million items (ARGS="quality --data ml-1m")
	$(BIN)/python -m benchmarks --full $(ARGS)

# Exactly what the lock names, by hash; then this folder itself, without looking anything up.
$(STAMP): requirements.lock pyproject.toml
	@python=""; \
	for candidate in $${PYTHON:-python3 python3.11 python3.12 python3.13}; do \
	  if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then python="$$candidate"; break; fi; \
	done; \
	if [ -z "$$python" ]; then \
	  echo "recsvc needs Python 3.11 or newer and found none. Install one, or name it: make $(or $(MAKECMDGOALS),help) PYTHON=/path/to/python3" >&2; exit 1; \
	fi; \
	if [ ! -x $(BIN)/python ]; then echo "Making $(VENV) with $$($$python --version) …" >&2; "$$python" -m venv $(VENV); fi
	@echo "Installing what requirements.lock names …" >&2
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(STAMP)

# The peers are wanted by the benchmarks alone, so nothing else waits for them.
$(BENCH_STAMP): $(STAMP) requirements-bench.lock
	@echo "Installing the peers that requirements-bench.lock names …" >&2
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bench.lock
	@touch $(BENCH_STAMP)

# --no-header and --no-annotate keep the machine it was made on out of the file.
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-annotate --no-header --no-emit-index-url --no-emit-find-links $(ARGS)

lock: $(STAMP) ## Renew the three requirements locks (ARGS=--upgrade for newer versions)
	$(COMPILE) --extra postgres --extra plot --group dev pyproject.toml -o requirements.lock
	$(COMPILE) --extra postgres --constraint requirements.lock pyproject.toml -o requirements-runtime.lock
	$(COMPILE) --group bench --constraint requirements.lock -o requirements-bench.lock

image: ## Build the container image recsvc:latest with docker or podman
	@engine=$$(command -v docker || command -v podman) || { echo "Neither docker nor podman is installed." >&2; exit 1; }; \
	"$$engine" build --build-arg PYTHON=$(PYTHON_OF_IMAGE) -t recsvc:latest .

clean: ## Remove caches and build products; .venv and recsvc-data stay
	rm -rf build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find recsvc tests migrations benchmarks -name __pycache__ -prune -exec rm -rf {} +
