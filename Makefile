# Work in this checkout. A machine needs Python 3.12 or 3.13, make and git; the rest is installed below this folder.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help setup demo test localstack lint unit molecule mutate fuzz torture bench clean

BOOTSTRAP := .cache/bootstrap/bin/python
HARNESS := tests/harness

help:  ## Show what there is
	@sed -n 's/^\([a-z]*\):.*##\(.*\)/make \1|\2/p' Makefile | while IFS='|' read -r target text; do \
		printf '%-18s %s\n' "$$target" "$$text"; done

.PHONY: bootstrap
bootstrap:
	@sh $(HARNESS)/bootstrap.sh

setup: bootstrap  ## Install what work in the checkout needs; then .venv/bin/ansible-playbook and the like run from here
	@$(BOOTSTRAP) $(HARNESS)/environments.py dev
	@echo "Ready: .venv/bin/ansible-playbook sealed.s3.encrypt, .venv/bin/ansible-doc sealed.s3.sse_kms_policy, ..."

demo: bootstrap  ## Show the main job on a LocalStack: a bucket with a policy of its own is sealed, and proves it
	@$(BOOTSTRAP) $(HARNESS)/environments.py dev localstack
	@.venv/bin/python $(HARNESS)/demo.py

test: bootstrap  ## Run every check, as CI does
	@$(BOOTSTRAP) $(HARNESS)/checks.py

lint: bootstrap  ## Run the checks that only read the code
	@$(BOOTSTRAP) $(HARNESS)/checks.py lint

unit: bootstrap  ## Run the unit tests
	@$(BOOTSTRAP) $(HARNESS)/checks.py unit

molecule: bootstrap  ## Run all Molecule scenarios against a LocalStack
	@$(BOOTSTRAP) $(HARNESS)/checks.py molecule

mutate: bootstrap  ## Weaken each statement of the guard in every way, and see that it is noticed
	@$(BOOTSTRAP) $(HARNESS)/checks.py mutation

fuzz: bootstrap  ## Fuzz the pure rooms, going on from where it ended; make fuzz SECONDS=600
	@$(BOOTSTRAP) $(HARNESS)/environments.py dev fuzz
	@SEALED_S3_FUZZ_EXAMPLES=3000 .venv/bin/pytest -q tests/fuzz
	@.cache/environments/fuzz/bin/python tests/fuzz/run.py --keep --seconds $(or $(SECONDS),600)

torture: bootstrap  ## Run the long forms: every fault, race and interruption, and fuzzing; about half an hour
	@$(BOOTSTRAP) $(HARNESS)/checks.py torture

# What is measured, and how: make bench ARGS="--help".
ARGS ?= --write
bench: bootstrap  ## Measure it beside what people use otherwise; about 25 minutes
	@$(BOOTSTRAP) $(HARNESS)/environments.py dev localstack custodian
	@PYTHONPATH=$(HARNESS) .venv/bin/python tests/benchmark/bench.py $(ARGS)

localstack: bootstrap  ## Start a LocalStack, print how to reach it, stop it on Ctrl-C
	@$(BOOTSTRAP) $(HARNESS)/environments.py localstack
	@$(BOOTSTRAP) $(HARNESS)/localstack.py

clean:  ## Remove what was installed
	rm -rf .venv .cache .ansible .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage
