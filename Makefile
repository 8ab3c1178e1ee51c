# Each target makes .venv when it is missing, with the exact versions of constraints.txt.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
INSTALLED := $(VENV)/.installed
export HF_HUB_OFFLINE = 1

.PHONY: demo test test-slow lint bench hub clean

demo: $(INSTALLED)
	@$(RUN) examples/demo.py

# A file's tests stay on one process, which makes their models once.
test: $(INSTALLED)
	$(RUN) -m pytest -n auto --dist loadfile

test-slow: $(INSTALLED)
	$(RUN) -m pytest -m slow

# Adds torch and the model hub's libraries to .venv; tests that need them are skipped without. Where
# the machine's index has CUDA builds alone, install the CPU build of torch into .venv first.
hub: $(INSTALLED)
	@$(RUN) -m pip install --quiet --disable-pip-version-check -c constraints.txt torch
	@$(RUN) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[export,speech-weights,train]'

lint: $(INSTALLED)
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy

bench: $(INSTALLED)
	$(RUN) -m benchmarks indexing
	$(RUN) -m benchmarks quality

$(INSTALLED): pyproject.toml constraints.txt
	@echo "Setting up $(VENV) (a minute or two, once)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Sensorium needs Python 3.11 or newer: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@test -x $(RUN) || $(PYTHON) -m venv $(VENV)
	@$(RUN) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

clean:
	rm -rf $(VENV) demo build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	find . -name '*.egg-info' -type d -prune -exec rm -rf {} +
