# The only entry. A fresh clone needs Python 3.11 or newer with venv, make and git; nothing else.
#
#   make run    the sandbox: the bot, a chat page and an exchange on this machine, no account
#   make test   everything CI checks; installs what is missing first
#   make check  the same without installing
#   make sim    simulated runs under faults: SEEDS=300 of them, or SEED=n alone
#   make mutants  planted faults, and which seed and invariant notices each of them
#   make kills  kill -9 of the real process, KILLS=200 times, and what must be left each time
#   make live-kills  the same in live mode, with the exchange's own truth as the judge
#   make faults  each fault of the exchange, lived through in live mode: GROUP=rest, ROW=FT01
#   make day    a day of live trading while the exchange misbehaves at random: HOURS=24, SEED=n
#   make survey  what each preset finds in recorded candles: DATA=candles/, PICTURES=folder
#   make screens  a picture of each answer of the chat, as a phone shows it: OUT=folder
#   make bench  how fast it is, as a table
#   make docs   draw the diagrams of README.md anew
#   make lock   resolve the dependencies of pyproject.toml anew
#   make clean  remove what make made (never state/)

PYTHON ?= python3
ARGS ?=
SEEDS ?= 300
SEED ?=
KILLS ?= 200
HOURS ?= 24
GROUP ?=
ROW ?=
DATA ?=
PICTURES ?=
OUT ?=
JOBS ?= $(shell nproc 2>/dev/null || echo 1)

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
LOCK := $(BIN)/pip-compile --quiet --generate-hashes --strip-extras --no-emit-index-url \
	--no-emit-trusted-host --no-emit-find-links --no-header --allow-unsafe

.PHONY: run test check sim mutants kills live-kills faults day survey screens bench docs lock clean

run: .venv/.runtime
	$(BIN)/python -m bot --sandbox $(ARGS)

test: .venv/.dev
	@$(MAKE) --no-print-directory check

check:
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -n $(JOBS) --dist loadgroup
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

sim: .venv/.runtime
	$(BIN)/python -m engine sim $(if $(SEED),--seed $(SEED),--seeds $(SEEDS) --jobs $(JOBS))

mutants: .venv/.dev
	PYTHONPATH=.:tests $(BIN)/python -m simulation --jobs $(JOBS)

kills: .venv/.dev
	PYTHONPATH=.:tests $(BIN)/python -m e2e.kills --kills $(KILLS)

live-kills: .venv/.dev
	PYTHONPATH=.:tests $(BIN)/python -m e2e.live_kills --kills $(KILLS)

faults: .venv/.dev
	PYTHONPATH=.:tests $(BIN)/python -m e2e.fault_table \
		$(if $(GROUP),--group $(GROUP)) $(if $(ROW),--row "$(ROW)")

day: .venv/.dev
	PYTHONPATH=.:tests $(BIN)/python -m e2e.live_day --hours $(HOURS) $(if $(SEED),--seed $(SEED))

survey: .venv/.dev
	PYTHONPATH=.:tests $(BIN)/python -m survey --jobs $(JOBS) --data $(DATA) \
		$(if $(PICTURES),--pictures $(PICTURES))

screens: .venv/.dev
	PYTHONPATH=.:tests $(BIN)/python -m e2e.screens $(if $(OUT),--out $(OUT))

bench: .venv/.dev
	PYTHONPATH=.:tests $(BIN)/python -m bench

docs: .venv/.dev
	PYTHONPATH=.:tests $(BIN)/python -m diagrams

lock: .venv/.dev
	$(LOCK) --output-file requirements.txt pyproject.toml
	$(LOCK) --extra dev --constraint requirements.txt --output-file requirements-dev.txt pyproject.toml

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage* htmlcov
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Installing is done when the stamp is newer than its lock file, and never otherwise.
.venv/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "expected Python 3.11 or newer, found $$($(PYTHON) -V); try make PYTHON=python3.13"; exit 1; }
	$(PYTHON) -m venv .venv
	@touch $@

.venv/.runtime: requirements.txt .venv/.python
	@echo "installing what is missing into .venv ..."
	@$(PIP) install --require-hashes -r requirements.txt
	@touch $@

.venv/.dev: requirements-dev.txt .venv/.runtime
	@echo "installing the development tools into .venv ..."
	@$(PIP) install --require-hashes -r requirements-dev.txt
	@touch $@
