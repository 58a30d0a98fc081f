# Talanoa: make demo · make test · make docs · make bench · make doctor · make clean
# Any Python 3.11-3.13 will do: make demo PYTHON=python3.12
# Windows has no make: see "Install" in README.md for the two commands.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PY     := $(BIN)/python
# uv is used where it is installed (minutes become seconds); plain pip does the same.
UV     := $(shell command -v uv 2>/dev/null)
PIP    ?= $(if $(UV),$(UV) pip install --quiet --compile-bytecode --python $(PY),$(PY) -m pip install --quiet --disable-pip-version-check)

# The variable silences an advertisement for another program.
SITE   := NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs build --strict

.PHONY: help demo test check docs bench doctor clean
.DELETE_ON_ERROR:

help:
	@echo "make demo    set everything up and segment a sample image in ImageJ"
	@echo "make test    set-up, ruff, mypy, import-linter, documentation, pytest"
	@echo "make docs    write the documentation as a site into build/site"
	@echo "make bench   measure, and write benchmarks/RESULTS.md"
	@echo "make doctor  say what works on this machine, and the remedy for what does not"
	@echo "make clean   remove $(VENV) and what the tools left behind"

demo: $(VENV)/.java-ready
	$(PY) -m talanoa demo

test: check
	$(PY) -m pytest -n auto --max-worker-restart 2

check: $(VENV)/.dev-ready $(VENV)/.jars-ready
	$(PY) -m ruff check .
	$(PY) -m mypy
	$(BIN)/lint-imports --no-cache
	$(SITE) --quiet

docs: $(VENV)/.dev-ready
	$(SITE)
	@echo "Open build/site/index.html"

bench: $(VENV)/.dev-ready $(VENV)/.java-ready
	$(PY) benchmarks/run.py

doctor: $(VENV)/.ready
	$(PY) -m talanoa doctor

clean:
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache

# The stamps: a second call does nothing unless the requirements have changed.
$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' || { \
	  echo "Talanoa needs Python 3.11, 3.12 or 3.13; found: $$($(PYTHON) --version 2>&1)."; \
	  echo "Name another one, for example: make demo PYTHON=python3.12"; exit 1; }
	@test -x $(PY) || $(PYTHON) -m venv $(VENV) || { \
	  echo "Python could not make a virtual environment. On Debian or Ubuntu: apt install python3-venv"; exit 1; }
	@touch $@

$(VENV)/.ready: $(VENV)/.python pyproject.toml constraints.txt
	@echo "Installing Talanoa into $(VENV): several minutes and up to 7 GB of disk on Linux the first time (most of it is PyTorch) ..."
	$(PIP) --constraint constraints.txt --editable .
	@touch $@

$(VENV)/.dev-ready: $(VENV)/.python pyproject.toml constraints.txt
	$(PIP) --constraint constraints.txt --editable ".[dev]"
	@touch $(VENV)/.ready $@

$(VENV)/.java-ready: $(VENV)/.ready
	$(PY) -m talanoa.fiji.fetch
	@touch $@

# What the tests of install-fiji put into folders, and what patches ImageJ in Fiji (tests/helpers/worker/headless.py).
$(VENV)/.jars-ready: $(VENV)/.java-ready
	$(PY) -m talanoa.fiji.fetch --install-fiji --also net.imagej:ij1-patcher:2.0.0
	@touch $@
