# Every word here means the same at home and in CI. `make` alone lists them.
.DEFAULT_GOAL := help
.PHONY: help run test lint types bench bench-quick fuzz lock
SHELL := /bin/sh

# Any Python 3 will do to start: tools/setup.py looks for one that is new enough, and says so when there is none.
PYTHON ?= $(shell command -v python3 || command -v python3.13 || command -v python3.12 || command -v python3.11 \
	|| command -v python3.14 || command -v python)
IN_VENV = @"$(or $(PYTHON),python3)" tools/setup.py
APP ?= examples

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## install what is missing, then open the gallery of recipes on http://127.0.0.1:3000 (APP=folder, PORT=3000)
	$(IN_VENV) run -- flightwire dev "$(APP)"

test: ## everything that must hold: lint, types, Python, browser code, real model, real Chromium
	$(IN_VENV) test -- python tools/check.py all

lint: ## style: ruff, and the formatter
	$(IN_VENV) test -- python tools/check.py lint

types: ## strict types: mypy
	$(IN_VENV) test -- python tools/check.py types

bench: ## what a streamed token costs, beside every peer; about twenty-five minutes (ARGS=profile, parts, json)
	$(IN_VENV) test -- python tools/check.py bench

bench-quick: ## the same in three minutes; says which ratio moved since they were written down
	$(IN_VENV) test -- python tools/check.py bench-quick

fuzz: ## ten minutes of hostile bytes for the decoders, 20,000 hostile values for React
	$(IN_VENV) test -- python tools/check.py fuzz

lock: ## write requirements/*.txt again after a change of dependencies in pyproject.toml
	$(IN_VENV) test -- python tools/lock.py
