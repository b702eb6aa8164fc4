# Slipway's commands. `make run` is all a newcomer needs; `make help` lists the rest.

PYTHON ?= python3
VENV := .venv/bin
SETUP := $(PYTHON) -m console.setup

.DEFAULT_GOAL := help
.PHONY: help setup run demo doctor

help: ## List the commands
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

setup: ## Install what is missing on this machine (done by `make run` as well)
	@$(SETUP)

run: ## Run Slipway on this machine; Ctrl-C stops it and leaves containers running
	@$(SETUP) && exec $(VENV)/python manage.py run

demo: ## Deploy the sample application into the running Slipway
	@$(VENV)/python manage.py demo

doctor: ## Say what is wrong with this machine and how to mend it
	@$(PYTHON) -m console.doctor
