# From a bare machine to a running lab: `make up`. `make` alone says what else there is.
#
#   ARGS="..."    more arguments for the program behind a target: make up ARGS='-f lab.yaml'
#   SIZE=large    another size of lab (make up)
#   PYTHON=...    the Python that .venv is made with, if the one found is not the one wanted

MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help

SIZE ?= small
ARGS ?=
bin := .venv/bin
# A process for each processor; a file's tests share what is made once for all of them. Labs take turns.
parallel := -n auto --dist loadfile

# The tests remove what they made by label; the helper container that testcontainers would fetch for that
# comes from a registry, and labgen does without one.
export TESTCONTAINERS_RYUK_DISABLED := true
export PYTHON

.PHONY: help
help: ## this list
	@awk -F': *[^#]*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

.PHONY: venv
venv: ## Python environment in .venv from the lock file
	@labgen/setup/venv.sh

.PHONY: engine
engine: ## a Docker engine that answers (as root: started or installed)
	@labgen/setup/engine.sh

.PHONY: chromium
chromium: ## a Chromium for the tests of the UI (as root on Debian: installed)
	@labgen/setup/chromium.sh

.PHONY: setup
setup: images ## all that labgen needs on this machine: environment, engine, images

.PHONY: up
up: setup ## set up, then the lab `small`, running and healthy
	@$(bin)/labgen up --size $(SIZE) $(ARGS)

.PHONY: down
down: venv ## take every lab down
	@$(bin)/labgen down --all $(ARGS)

.PHONY: lint
lint: venv ## format, lint, types, shell scripts (no Docker)
	@$(bin)/ruff format --check .
	@$(bin)/ruff check .
	@$(bin)/mypy
	@labgen/setup/lint-shell.sh

.PHONY: unit
unit: venv ## tests without Docker and without a browser
	@$(bin)/pytest tests -m 'not integration and not bench and not browser' $(parallel) $(ARGS)

.PHONY: browser
browser: venv chromium ## tests of the UI in a Chromium, without Docker
	@$(bin)/pytest tests -m 'browser and not integration' $(parallel) $(ARGS)

.PHONY: integration
integration: setup chromium ## tests on a real lab
	@$(bin)/pytest tests -m integration $(ARGS)

.PHONY: images
images: venv engine
	@$(bin)/labgen images build

.PHONY: without-labs
without-labs: lint chromium
	@$(bin)/pytest tests -m 'not bench and not integration' $(parallel) $(ARGS)

# What needs no lab waits for no image. Each tells what it did when it has done it, so that neither talks amid the
# other; what installs packages on this machine has been before. At the end come two files at a time whose containers
# mostly wait for each other.
.PHONY: test
test: venv engine chromium ## set up, lint, and every test
	@$(MAKE) --jobs=2 --output-sync=target images without-labs
	@$(bin)/pytest tests -m 'integration and not beside' $(ARGS)
	@$(bin)/pytest tests -m 'integration and beside' $(parallel) $(ARGS)

.PHONY: bench
bench: setup ## measure, into docs/performance.md
	@$(bin)/python -m tests.bench $(ARGS)

.PHONY: lock
lock: venv ## write the lock files anew from pyproject.toml (ARGS=--upgrade: newest versions)
	@labgen/setup/lock.sh $(ARGS)

.PHONY: clean
clean: ## remove .venv, caches and labgen's images (not the labs: make down)
	@if [ -x $(bin)/labgen ] && docker info >/dev/null 2>&1; then $(bin)/labgen images rm || true; fi
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .artifacts build dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
