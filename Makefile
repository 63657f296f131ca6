# Two commands for a newcomer: `make demo` and `make test`. Both set up .venv first.
PYTHON ?= python3
VENV := .venv
READY := $(VENV)/.ready

# Each test process imports the whole program, and many tests start it anew: without bytecode, a third of the time goes
# into compiling.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo test test-all all-tests coverage bench check format clean

demo: $(READY)
	$(VENV)/bin/arxiv-daily demo

# In a few minutes, what everybody runs. It leaves out what is marked `play`: slow tests, and most of many like cases.
test: $(READY)
	$(VENV)/bin/pytest

# Everything, as CI runs it: the checks, and beside them also played years, every real PDF, kills by the dozen, more
# examples for each property.
test-all: $(READY)
	$(MAKE) --no-print-directory --jobs=2 check all-tests

all-tests: $(READY)
	$(VENV)/bin/pytest -m "" --hypothesis-profile=full

# The tests of `make test`, and which lines of the program none of them runs.
coverage: $(READY)
	$(VENV)/bin/pytest --cov --cov-report=term --cov-report=html
	@echo "Line by line: htmlcov/index.html"

bench: $(READY)
	$(VENV)/bin/python -m benchmarks

check: $(READY)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

format: $(READY)
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "arxiv-daily needs Python 3.11 or newer; name one with: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --upgrade --constraint constraints.txt pip
	$(VENV)/bin/python -m pip install --quiet --constraint constraints.txt --editable . --group dev
	touch $@

clean:
	rm -rf $(VENV) demo .coverage .coverage.* htmlcov
