# The few commands of daily work. `make train` and `make test` need nothing but Python 3.11-3.13 and a package index.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.gan-lightning-installed
DOCS   := $(VENV)/.gan-lightning-docs-installed
ARGS   ?=

.DEFAULT_GOAL := help
.PHONY: help install train test test-slow coverage mutants mutants-all lint costs house docs bench results theory tensorboard clean

help:  ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(STAMP)  ## set up $(VENV) with the versions of constraints.txt

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

train: install  ## train the recipe for clean digits, 3,000 steps (or anything: make train ARGS="loss=mmgan steps=5000")
	$(BIN)/python -m gan_lightning.train $(or $(ARGS),experiment=best_mnist_cpu steps=3000)

test: install  ## the fast test suite
	$(BIN)/python -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

test-slow: install  ## the slow tests: many processes, longer training
	$(BIN)/python -m pytest -q -m slow $(ARGS)

coverage: install  ## the fast suite once more, and which lines and branches of each module no test runs
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

mutants: install  ## each classic mistake, put into a copy of the code, must turn its named test red
	$(BIN)/python tests/mutations/run.py $(ARGS)

mutants-all: install  ## mutmut over what decides a number: hours; then mutants/ holds the verdicts (ARGS: names of mutants)
	$(BIN)/mutmut run --max-children 1 $(ARGS)
	$(BIN)/python tests/mutations/scores.py

lint: install  ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache > /dev/null || $(BIN)/lint-imports --no-cache

costs: install  ## time each command in a short form, into docs/costs.md
	$(BIN)/python docs/costs.py

house: install  ## draw who imports whom into docs/house.md
	$(BIN)/python docs/house.py

docs: $(DOCS)  ## the documentation as a site, from docs/ into build/docs; a warning or a dead link is an error
	$(BIN)/sphinx-build -E -W --keep-going -q -b html $(ARGS) docs build/docs
	@echo "open build/docs/index.html"

$(DOCS): $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[docs]'
	@touch $@

bench: install  ## speed and memory against a bare torch loop; fails when a promise is missed
	$(BIN)/python -m gan_lightning.bench $(ARGS)

results: install  ## write docs/results.md from the rows and configurations in docs/results/
	$(BIN)/python -m gan_lightning.results $(ARGS)

theory: install  ## the papers' statements beside what is measured, into docs/theory.md
	$(BIN)/python -m gan_lightning.theory out=docs/theory.md

tensorboard: install  ## look at all runs below outputs/
	$(BIN)/tensorboard --logdir outputs

clean:  ## remove caches and builds; outputs/ and data/ stay
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
