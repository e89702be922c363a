# Every target sets up what it needs; python3 of at least 3.11 is all that must be there.
# Which package index is used is pip's own configuration. See CONTRIBUTING.md and docs/testing.md.

VENV ?= .venv
# The interpreter that the virtual environment is made from; empty: scripts/find-python chooses.
PYTHON3 ?=
# `test` leaves out what only `make lint` needs.
EXTRA ?= dev
# More arguments for pytest: make test ARGS="-k vault"
ARGS ?=

PYTHON := $(VENV)/bin/python
# -P keeps the current folder off sys.path: there, `import keys` would find a second copy.
RUN := $(PYTHON) -P -m
READY := $(VENV)/.ready
# The installed package is one, the folders are four: these links (not in git) show editors and
# type checkers what an installed wheel looks like.
LINKS := glisecrets/keys glisecrets/rotation glisecrets/django_integration

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo test lint bench wheel-test constraints clean

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 14

setup: $(READY) ## make the virtual environment and install everything, once

demo: $(READY) ## run the sample Django API on real servers, from five layers to one request
	$(PYTHON) examples/gli_api/demo.py

test: $(READY) ## run the tests
	$(RUN) pytest -n auto --dist worksteal $(ARGS)

lint: $(READY) ## ruff, mypy --strict, pyright, and the rules of the house
	$(RUN) ruff check
	$(RUN) ruff format --check
	$(RUN) mypy
	PYRIGHT_PYTHON_IGNORE_WARNINGS=1 $(RUN) pyright
	$(RUN) pytest -q tests/test_layout.py tests/test_exports.py tests/test_import_cost.py

bench: $(READY) ## measure us and our peers in the same run
	$(PYTHON) benchmarks/run.py
	$(PYTHON) benchmarks/rotation_under_load.py

wheel-test: $(READY) ## build the wheel and run the tests against it, outside the tree
	scripts/wheel-test $(PYTHON) $(ARGS)

constraints: ## resolve constraints.txt anew, for every Python that is supported
	"$$(scripts/find-python)" scripts/constraints.py

clean: ## remove the virtual environments, the links and everything built
	rm -rf .venv .venv-* build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	rm -f $(LINKS)
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): pyproject.toml constraints.txt | $(PYTHON) $(LINKS)
	@echo "Installing into $(VENV): a few minutes the first time."
	$(PYTHON) -m pip install -c constraints.txt -e '.[$(EXTRA)]'
	@touch $@

$(PYTHON):
	scripts/make-venv $(VENV) $(PYTHON3)

$(LINKS): glisecrets/%:
	ln -s ../$* $@
