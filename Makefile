# Everything here sets up what it needs in .venv first.
PYTHON ?= $(firstword $(foreach v,python3.11 python3.12 python3.13 python3,$(shell command -v $(v) 2>/dev/null)))
BIN := .venv/bin
# Programs are started by the hundred here: without it each would compile the project anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help run test coverage check types test-real chaos attack defences soak load record bench bench-web lock clean

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile | expand -t 20

run: ## Start the service on 127.0.0.1:8420
	@$(PYTHON) .ci/bootstrap.py run
	@$(BIN)/agent-runner serve $(ARGS)

test: ## Run the tests (no CLI, no account)
	@$(PYTHON) .ci/bootstrap.py dev
	@$(BIN)/pytest -q -n 4 --dist worksteal --ignore=tests/real $(ARGS)

coverage: ## Run the tests and print line and branch coverage by package (ARGS=tests/agents)
	@$(PYTHON) .ci/bootstrap.py dev
	@$(BIN)/python .ci/covered.py $(ARGS)

check: ## Lint, types, layering, also of web/
	@$(PYTHON) .ci/bootstrap.py dev
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --check --quiet
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(PYTHON) .ci/npm.py run check

types: ## Write the page's types of the API anew (web/engine/src/schema.d.ts)
	@$(PYTHON) .ci/bootstrap.py dev
	@$(BIN)/python .ci/schema.py

test-real: ## Install the real CLIs and test them against a local model server
	@$(PYTHON) .ci/bootstrap.py dev
	@$(PYTHON) .ci/bootstrap.py real
	@$(BIN)/pytest -q -m real tests/real $(ARGS)

chaos: ## Kill, crash, race and cut the service; figures beside thresholds (ARGS=--kills=1000)
	@$(PYTHON) .ci/bootstrap.py dev
	@$(BIN)/python -m tests.chaos $(ARGS)

attack: ## Attack the port before the token is asked for; figures beside thresholds
	@$(PYTHON) .ci/bootstrap.py dev
	@$(BIN)/python -m tests.attack $(ARGS)

defences: ## Take each fault's defence out of a copy and see its tests fail (ARGS=NUMBER...)
	@$(PYTHON) .ci/bootstrap.py dev
	@$(BIN)/python -m tests.faults.defences $(ARGS)

soak: ## Ten minutes of mixed work, and what it leaves behind (ARGS=--hours=8)
	@$(PYTHON) .ci/bootstrap.py dev
	@$(BIN)/python -m tests.soak $(ARGS)

load: ## Bursts, faults, a fallback in the middle, shadow, a soak; a table (ARGS=--help)
	@$(PYTHON) .ci/bootstrap.py dev
	@$(BIN)/agent-runner load $(ARGS)

record: ## Record the real CLIs anew (fixtures/)
	@$(PYTHON) .ci/bootstrap.py real
	@$(BIN)/python -m recorder $(ARGS)

bench: ## Measure, beside a peer or a limit
	@$(PYTHON) .ci/bootstrap.py dev
	@$(PYTHON) .ci/bootstrap.py real
	@$(BIN)/agent-runner bench $(ARGS)

bench-web: ## Measure the page in a browser, beside limits
	@$(PYTHON) .ci/bootstrap.py dev
	@$(BIN)/agent-runner bench web

lock: ## Resolve the dependency locks anew (needs uv)
	@sh .ci/lock.sh

clean: ## Remove what was set up
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	rm -rf agent_runner/page web/node_modules web/dist
