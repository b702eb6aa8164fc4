# Slipway's commands. `make run` is all a newcomer needs; `make help` lists the rest.

PYTHON ?= python3
BIN := .venv/bin
SETUP := $(PYTHON) -m console.setup
# In two processes; of the docker ring each file in one, as its tests share hosts and installations.
PYTEST := $(BIN)/python -m pytest -q
QUICK := $(PYTEST) -n 2 tests/unit tests/db tests/wire
DOCKER := $(PYTEST) -n 2 --dist loadfile tests/docker
# In one: Chromium drops requests when a network interface comes or goes, and containers do that all the time.
BROWSER := $(PYTEST) --reruns 2 --only-rerun TimeoutError --only-rerun ERR_NETWORK_CHANGED tests/browser
ON_POSTGRES := $(BIN)/python scripts/with_postgres.py
TYPED := base access telemetry vault clusters services console scripts manage.py

# Where it is set, each of the many processes that tests start would compile every module anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
N ?= 3

.PHONY: help setup setup-dev run demo lab lab-down doctor lint security format test test-full

help: ## List the commands
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

setup: ## Install what is missing on this machine (`make run` does it as well)
	@$(SETUP)

setup-dev: ## Also what the tests and linters need
	@$(SETUP) --dev

run: ## Run Slipway on this machine; Ctrl-C stops it and leaves containers running
	@$(SETUP) && exec $(BIN)/python manage.py run

demo: ## Deploy the sample application into the running Slipway
	@$(BIN)/python manage.py demo

lab: setup-dev ## Hosts with an engine each on this machine (N=3), registered in the running Slipway
	@$(BIN)/python -m bench.lab up $(N)

lab-down: ## Remove the lab's hosts without a trace; also what killed tests left
	@$(BIN)/python -m bench.lab down

doctor: ## Say what is wrong with this machine and how to mend it
	@$(PYTHON) -m console.doctor

lint: setup-dev ## Style, types, layers, migrations, Bandit, check --deploy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(TYPED)
	$(BIN)/lint-imports --no-logo
	DJANGO_SETTINGS_MODULE=console.settings_test $(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/python scripts/security.py

security: setup-dev ## Bandit, check --deploy and pip-audit, held to docs/security-checks.md
	$(BIN)/python scripts/security.py --audit

format: setup-dev ## Lay the code out
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

test: lint ## Lint, the db and wire rings on PostgreSQL, all five rings on SQLite (without what takes minutes)
	$(ON_POSTGRES) $(PYTEST) -n 2 -m "not slow" tests/db tests/wire
	env -u DATABASE_URL $(QUICK) -m "not slow"
	env -u DATABASE_URL $(BROWSER) -m "not slow"
	env -u DATABASE_URL $(DOCKER) -m "not slow"

test-full: lint ## Lint, all five rings on PostgreSQL and on SQLite
	$(ON_POSTGRES) $(QUICK)
	$(ON_POSTGRES) $(BROWSER)
	$(ON_POSTGRES) $(DOCKER)
	env -u DATABASE_URL $(QUICK)
	env -u DATABASE_URL $(BROWSER)
	env -u DATABASE_URL $(DOCKER)
