# The two commands that a visitor needs are `make run` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run test unit e2e lint bench docs venv clean

venv: $(VENV)/.done

$(VENV)/.done: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Pomona needs Python 3.11 or newer: make PYTHON=/path/to/python3.12 ..." >&2; exit 2; }
	@echo "Setting up $(VENV): half a minute at the first time."
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable . --group dev
	touch $@

run: venv
	$(BIN)/pomona up --install

# The end-to-end tests mostly wait: `make --jobs=2 test` runs them beside the others.
test: unit e2e

unit: venv
	$(BIN)/python -m pytest --ignore=tests/e2e

e2e: venv
	$(BIN)/python -m pytest tests/e2e

lint: venv
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: venv
	PYTHONPATH=tests $(BIN)/python -m bench

docs: venv
	$(BIN)/python -m docs

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
