# Thin names over dev.py, which does the work; PYTHON=python3.13 picks another interpreter.
PYTHON ?= python3
DEV := $(PYTHON) dev.py

.DEFAULT_GOAL := help
.PHONY: help serve test check bench migrate schema shell lock format hooks wheel

help: ## List the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/\1	\2/p' Makefile | expand -t 10

serve: ## Start the gateway on a private PostgreSQL
	$(DEV) serve

test: ## Run the tests
	$(DEV) test

check: ## All that CI asks of the code besides tests: format, lint, types, layers, schema
	$(DEV) check

bench: ## Measure
	$(DEV) bench

migrate: ## Bring the tables of GATEWAY_DATABASE_URL up to date
	$(DEV) migrate

schema: ## Write schema.graphql from the code
	$(DEV) schema

shell: ## Open a shell inside .venv
	$(DEV) shell

lock: ## Write requirements.lock from pyproject.toml
	$(DEV) lock

format: ## Format the code and mend what the linter can
	$(DEV) shell ruff check --fix .
	$(DEV) shell ruff format .

hooks: ## Run the checks at every commit
	$(DEV) shell pre-commit install

wheel: ## Build the wheel into dist/
	$(DEV) shell hatchling build --target wheel
