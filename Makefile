# `make help` lists what there is. VENV names the environment's folder, PYTHON what to make it with.
VENV ?= .venv
export VENV

.PHONY: help run test test-rules test-flows chaos check lint types contracts format lock clean environment environment-dev

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: environment  ## everything on this machine, until Ctrl-C: PORT=8000 SIMULATOR_PORT=8001
	@exec $(VENV)/bin/python -m deploy.run

test: test-rules test-flows  ## all tests: the pure ones, then those with databases, Redis and the simulator

test-rules: environment-dev  ## the pure tests alone, in seconds
	$(VENV)/bin/python -m pytest tests/rules

test-flows: environment-dev  ## the tests with real parts alone
	$(VENV)/bin/python -m pytest tests --ignore=tests/rules -n 2

check: lint types contracts test  ## all that must hold before a change goes in

chaos: environment-dev  ## a large send while everything around it breaks: ARGS="--messages 20000 --kills 20"
	$(VENV)/bin/python -m tests.chaos $(ARGS)

lint: environment-dev  ## form and common mistakes
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .

types: environment-dev  ## types, strictly where the rules stand
	$(VENV)/bin/mypy

contracts: environment-dev  ## which package may import which
	$(VENV)/bin/lint-imports

format: environment-dev  ## put the code into form
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

lock: environment-dev  ## pin the newest versions of what requirements*.in name
	UV_CUSTOM_COMPILE_COMMAND="make lock" $(VENV)/bin/uv pip compile -q -U --universal --python-version 3.11 requirements.in -o requirements.txt
	UV_CUSTOM_COMPILE_COMMAND="make lock" $(VENV)/bin/uv pip compile -q -U --universal --python-version 3.11 requirements-dev.in -c requirements.txt -o requirements-dev.txt

clean:  ## remove the environment and caches; the data in var/ stays
	rm -rf $(VENV) .pytest_cache .ruff_cache .mypy_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

environment:
	@$(or $(PYTHON),python3) deploy/environment.py requirements.txt

environment-dev:
	@$(or $(PYTHON),python3) deploy/environment.py requirements-dev.txt
