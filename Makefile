# Everything a person types. `make demo` and `make test` install what they need by themselves.
SHELL := /bin/sh
.DEFAULT_GOAL := help

PYTHON ?= $(shell scripts/find_python 3.12 3.13 3.11 3.14)
PYTHON310 ?= $(shell scripts/find_python 3.10 3.9 3.8)
UV := $(shell if uv --version >/dev/null 2>&1; then echo uv; else echo .tools/uv/bin/uv; fi)
RUN := .venv/bin/python -m
export UV_PYTHON_DOWNLOADS := manual
# Trust what the machine trusts: some networks have a certificate authority of their own.
export UV_SYSTEM_CERTS := true
export RASA_TELEMETRY_ENABLED := false

NO_PYTHON = No Python 3.11 or newer was found: install one (on Debian and Ubuntu: apt-get install python3 python3-venv) or name it with PYTHON=/path/to/python.
NO_BOT = Rasa is not installed: no Python 3.8, 3.9 or 3.10 was found. Install Python 3.10 (for example with pyenv or uv python install 3.10), or name it with PYTHON310=/path/to/python3.10, then run make setup-bot.

.PHONY: help setup setup-main setup-bot demo test check unit rasa-tests nightly format lock lock-upgrade clean

help:
	@echo "make demo      the main job on invented data: phones and chat -> one store -> a ranked list (out/demo)"
	@echo "make test      all checks and tests, Rasa's included"
	@echo "make setup     install both environments; does nothing when they are there"
	@echo "make check     format, lint and types only      make unit    the fast tests only"
	@echo "make nightly   the long tests                make browser both forms in a real browser (npm, Chromium)"
	@echo "make conformance  the engine against JavaRosa      make bench    beside JavaRosa, timed (both want Java)"
	@echo "make lock      write the locks from pyproject.toml"

setup: setup-main
	@$(MAKE) --no-print-directory setup-bot || true

setup-main: .venv/.stamp

# Rasa needs an older Python. Where there is none, this says so in one sentence and fails; `make setup` goes on without it.
setup-bot: $(if $(PYTHON310),bot/rasa/.venv/.stamp,)
	@if [ ! -e bot/rasa/.venv/.stamp ]; then echo "$(NO_BOT)" >&2; exit 1; fi

.tools/uv/bin/uv: requirements/uv.txt
	@if [ -z "$(PYTHON)" ]; then echo "$(NO_PYTHON)" >&2; exit 1; fi
	@echo "Fetching the installer (uv) ..."
	@$(PYTHON) -m venv .tools/uv || { echo "Python cannot make virtual environments here; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@.tools/uv/bin/python -m pip install -q --disable-pip-version-check --no-deps --require-hashes -r requirements/uv.txt
	@touch $@

ifeq ($(UV),uv)
uv-ready:
else
uv-ready: .tools/uv/bin/uv
endif
.PHONY: uv-ready

.venv/.stamp: requirements/dev.txt pyproject.toml | uv-ready
	@if [ -z "$(PYTHON)" ]; then echo "$(NO_PYTHON)" >&2; exit 1; fi
	@echo "Installing the main environment (.venv, about 800 MB with everything for the tests) ..."
	@$(UV) venv -q --clear --python "$(PYTHON)" .venv
	@$(UV) pip sync -q --compile-bytecode --require-hashes --python .venv requirements/dev.txt
	@$(UV) pip install -q --no-deps --no-build-isolation --python .venv -e .
	@touch $@

bot/rasa/.venv/.stamp: bot/rasa/requirements.txt requirements/build.txt | uv-ready
	@echo "Installing Rasa's environment (bot/rasa/.venv, about 1.8 GB) ..."
	@$(UV) venv -q --clear --python "$(PYTHON310)" bot/rasa/.venv
	@$(UV) pip sync -q --compile-bytecode --require-hashes --build-constraints requirements/build.txt --python bot/rasa/.venv bot/rasa/requirements.txt
	@touch $@

demo: setup
	@$(RUN) shakti demo

test: setup check unit rasa-tests

check: setup-main
	@$(RUN) ruff format --check .
	@$(RUN) ruff check .
	@$(RUN) mypy

unit: setup-main
	@$(RUN) pytest -n 2 -m "not rasa and not nightly"

# One process: the model is trained once, one server serves all of these tests.
rasa-tests: setup
	@$(RUN) pytest -rs -m "rasa and not nightly"

nightly: setup
	@$(RUN) pytest -m nightly

# What the engine can do beside JavaRosa, and 200 new generated forms filled in both.
.PHONY: conformance
conformance: setup-main
	@$(RUN) tests.reference.javarosa.conformance

# The engine and JavaRosa side by side on the forms of bench/README.md. Wants a machine that does nothing else.
.PHONY: bench
bench: setup-main bench-setup
	@$(RUN) bench.engine

# What the benchmarks compare with (pyODK, pandas, DuckDB, statsmodels): needed by no test.
.PHONY: bench-setup
bench-setup: .venv/.bench-stamp

.venv/.bench-stamp: .venv/.stamp requirements/bench.txt
	@$(UV) pip install -q --compile-bytecode --require-hashes --python .venv -r requirements/bench.txt
	@touch $@

# Both forms in ODK's own form client and a real browser (fetched by npm into tests/browser); pictures in out/browser.
.PHONY: browser
browser: setup-main
	@BROWSER_PICTURES=out/browser $(RUN) pytest -rs -m nightly tests/browser

format: setup-main
	@$(RUN) ruff format .
	@$(RUN) ruff check --fix .

COMPILE = $(UV) pip compile -q --generate-hashes --universal --no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' $(UPGRADE)

lock: | uv-ready
	@$(COMPILE) requirements/uv.in -o requirements/uv.txt
	@$(COMPILE) requirements/build.in -o requirements/build.txt
	@$(COMPILE) --python-version 3.11 pyproject.toml --extra postgresql -o requirements/main.txt
	@$(COMPILE) --python-version 3.11 pyproject.toml --extra postgresql --group dev -c requirements/main.txt -o requirements/dev.txt
	@$(COMPILE) --python-version 3.11 --group pyproject.toml:bench -c requirements/dev.txt -o requirements/bench.txt
	@$(COMPILE) --python-version 3.8 --group pyproject.toml:rasa --override bot/rasa/overrides.in -o bot/rasa/requirements.txt

lock-upgrade:
	@$(MAKE) --no-print-directory lock UPGRADE=--upgrade

clean:
	rm -rf out .mypy_cache .ruff_cache .hypothesis
