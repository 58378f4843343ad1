PYTHON ?= .venv/bin/python

.PHONY: install test quick lint format types bench

install:
	python3 -m venv .venv
	.venv/bin/pip install -e '.[dev]'

test:  ## everything, under 15 minutes
	$(PYTHON) -m pytest -n logical --maxprocesses 8 --dist worksteal

quick:  ## without models
	$(PYTHON) -m pytest -n logical --maxprocesses 8 -m "not model"

lint:
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .

format:
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .

types:
	$(PYTHON) -m mypy

bench:
	$(PYTHON) benchmarks/engine.py --quick --json
