# Everything a newcomer needs; `make help` lists it. Works with GNU make 3.81 (macOS) and later.

VENV := .venv
PY := $(VENV)/bin/python
# TensorFlow has packages for Python 3.11 to 3.13 only. PYTHON=/path/to/python takes that one instead.
PYTHONS := $(or $(PYTHON),python3.13 python3.12 python3.11 python3 python)
TEMPLATES = $$(git ls-files '*.html' | grep '/\?templates/')
ARGS ?=
T ?= tests
# Whole files go to one process, so that what a file prepares is prepared once, and slow ones first (tests/conftest.py).
# JOBS=0 runs them one by one. Compiled test modules are stored: compiling them takes as long as the fast tests.
# NumPy uses one thread a process: on the tests' small arrays its threads wait for each other, at full load.
JOBS ?= auto
PYTEST = PYTHONDONTWRITEBYTECODE= OPENBLAS_NUM_THREADS=1 $(PY) -m pytest -n $(JOBS) --maxprocesses 4 --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help run setup check test test-postgres lint fmt bench lock clean

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile

run: $(VENV)/site.stamp  ## Set up and start the whole site (PORT=8123 for another port, ARGS=--help for options)
	@exec $(PY) manage.py up $(ARGS)

setup: $(VENV)/site.stamp  ## Install the packages, prepare the database and the admin account, start nothing
	@exec $(PY) manage.py setup

check: $(VENV)/tools.stamp  ## For every save: style, imports between packages, and the fast tests
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(VENV)/bin/lint-imports --no-logo
	$(PYTEST) -m "not (slow or process or browser or real_data)" $(T) $(ARGS)

test: $(VENV)/tools.stamp  ## Run all tests (T=tests/ml for some, ARGS=... for pytest, JOBS=0 one by one)
	@$(PYTEST) -p tests.no_skips $(T) $(ARGS)

# Starts and ends the server itself. Tests of the browser would only repeat what those of pages find.
test-postgres: $(VENV)/tools.stamp  ## Run the tests that use the database on PostgreSQL, which must be installed
	@$(PY) -m tests.postgresql env $(PYTEST) -p tests.no_skips -m "database and not (browser or real_data)" $(T) $(ARGS)

lint: $(VENV)/tools.stamp  ## Check style, imports between packages, types, migrations and templates
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(VENV)/bin/lint-imports --no-logo
	$(PY) -m mypy .
	$(PY) manage.py makemigrations --check --dry-run
	$(PY) manage.py check --fail-level ERROR
	@templates="$(TEMPLATES)"; test -z "$$templates" || \
		{ echo "djade --check"; $(VENV)/bin/djade --target-version 5.2 --check $$templates; }

fmt: $(VENV)/tools.stamp  ## Put code and templates into shape
	$(PY) -m ruff check --fix-only --quiet .
	$(PY) -m ruff format .
	@templates="$(TEMPLATES)"; test -z "$$templates" || $(VENV)/bin/djade --target-version 5.2 $$templates || true

bench:  ## List the benchmarks and what each measures
	@for file in benchmarks/[a-z]*.py; do \
		printf '  %s\n      %s\n' "$(PY) -m benchmarks.$$(basename "$$file" .py)" "$$(head -n 1 "$$file" | tr -d '"')"; done

# For Linux and macOS, x86-64 and arm64, and every supported Python. Versions change only with requirements.txt;
# delete the two files first for the newest versions of everything else.
UV ?= $(VENV)/lock/bin/uv
COMPILE = $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--custom-compile-command "make lock"
lock: $(UV)  ## After a change of requirements.txt: write the lock files with hashes in deploy/
	$(COMPILE) requirements.txt requirements-s3.txt --output-file deploy/requirements.lock
	@training=$$(grep -v '^#' deploy/training-only.txt | paste -s -d '|' -); \
	cat requirements.txt requirements-s3.txt | grep -vE "^($$training)(==|\[)" | \
		$(COMPILE) - --constraints deploy/requirements.lock --output-file deploy/requirements-web.lock

$(VENV)/lock/bin/uv: | $(PY)
	@$(PY) -m venv $(VENV)/lock
	@$(VENV)/lock/bin/pip install --disable-pip-version-check --no-input --quiet uv==0.13.9

clean:  ## Remove installed packages and caches; the data in var/ stays
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp is written when pip has finished, so an interrupted installation is continued.
$(VENV)/site.stamp: requirements.txt | $(PY)
	@echo "Installing the packages of requirements.txt (TensorFlow is one; minutes the first time) ..."
	@$(PY) -m pip install --disable-pip-version-check --no-input --quiet -r requirements.txt
	@touch $@

$(VENV)/tools.stamp: tests/requirements.txt requirements-s3.txt $(VENV)/site.stamp
	@echo "Installing the tools of tests/requirements.txt ..."
	@$(PY) -m pip install --disable-pip-version-check --no-input --quiet -r tests/requirements.txt
	@touch $@

# A name on the path may be a shim for a Python that is not installed, or one without the venv module: try them.
$(PY):
	@without_venv=; \
	for python in $(PYTHONS); do \
		"$$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null || continue; \
		if "$$python" -c 'import ensurepip, venv' 2>/dev/null; then \
			echo "Creating $(VENV) with $$("$$python" --version) ..."; \
			exec "$$python" -m venv --clear $(VENV); \
		fi; \
		without_venv="$$python"; \
	done; \
	if test -n "$$without_venv"; then \
		echo "$$without_venv lacks the venv module: install it (on Debian and Ubuntu: apt install python3-venv)." >&2; \
	else \
		echo "Python 3.11, 3.12 or 3.13 is needed and none was found; install one, or name it: make PYTHON=/path." >&2; \
	fi; \
	exit 1
