# Everything an operator or a builder types. Plain `make` lists it.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
TOOLS := $(VENV)/.installed-tools
LOCKED := $(VENV)/.lock
PEERS := .venv-bench

# Values reach the recipes through the environment, never through make's or the shell's own
# expansion, so a dealer may be called anything: quotes, dollar signs, Japanese.
export LM_DEALER := $(value DEALER)
export LM_LIMIT := $(value LIMIT)
export LM_WORKERS := $(value WORKERS)
export LM_REPORT := $(value REPORT)
export LM_ONLY := $(value ONLY)
export LM_INTO := $(value INTO)
export LM_KILLS := $(value KILLS)

unexport DEALER LIMIT WORKERS REPORT ONLY INTO KILLS

# The options that were given, as the words of one command line.
DEALER_OPTION = $${LM_DEALER:+--dealer="$$LM_DEALER"}
RUN_OPTIONS = $(DEALER_OPTION) $${LM_LIMIT:+--limit="$$LM_LIMIT"} $${LM_WORKERS:+--workers="$$LM_WORKERS"}

.DEFAULT_GOAL := help
.PHONY: help setup demo incident test quick every-test quick-tests run migrate retry-failed stats check report up down local-env lint bench endurance release lock

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' Makefile

# Runs a command that says nothing itself, and says every few seconds that it is still at it.
STILL_AT_IT = sh -c 'while sleep 8 </dev/null >/dev/null 2>&1; do echo "... still at it" >&2; done & beat=$$!; "$$@"; code=$$?; kill $$beat 2>/dev/null; exit $$code' still-at-it

# Installs what a lock says, where that was not done last. Python compiles by itself what is loaded.
LOCK = requirements.lock
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check
INSTALL = cmp -s $(LOCK) $(LOCKED) || { $(STILL_AT_IT) $(PIP) --no-compile --no-deps --require-hashes -r $(LOCK) && cp $(LOCK) $(LOCKED); }

setup: $(STAMP) ## Install what a run needs into .venv (commands: .venv/bin/scrape, .venv/bin/migrate)

# Pip is asked for because an interrupted set-up leaves an environment without it, and a moved folder
# one whose programs are elsewhere. The one that comes with Python 3.11 takes twice as long to choose
# files as today's, and would do where that cannot be had.
$(STAMP): requirements.lock requirements-pip.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed, $(PYTHON) is older: make setup PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) comes without venv: install it (Debian: apt install python3-venv)" >&2; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || { echo "Making the environment $(VENV) ..." >&2; $(STILL_AT_IT) $(PYTHON) -m venv --clear $(VENV) && { $(PIP) --retries 1 --require-hashes -r requirements-pip.lock >/dev/null 2>&1 || true; }; }
	@echo "Installing Python packages into $(VENV) ..." >&2
	@$(INSTALL)
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $(STAMP)

# What tests, checks and releases need on top; a run never does. Their lock holds a run's packages
# too, so who begins here gets all of them in one go.
$(TOOLS): LOCK = requirements-dev.lock
$(TOOLS): $(STAMP) requirements-dev.lock
	@echo "Installing the tests' tools into $(VENV) ..." >&2
	@$(INSTALL)
	@touch $(TOOLS)

incident: $(STAMP) ## Play the founding incident: the alarm, the drain, a healthy end (2 minutes)
	@$(BIN)/python -m workflows incident

demo: $(STAMP) ## Scrape a sample shop, migrate its images, show the statistics
	@$(BIN)/python -m workflows demo

# What is checked and what is run go side by side; the target fails where either does.
BOTH = $(MAKE) --silent --no-print-directory --jobs 2 --keep-going lint
PYTEST = env -u MAKEFLAGS -u MFLAGS $(BIN)/python -m pytest -q

# Once a clone: who collects tests compiles them, and in each worker at once it takes three times as long.
COMPILED = [ -d tests/__pycache__ ] || $(PYTEST) --collect-only >/dev/null 2>&1 || true

test: $(TOOLS) ## Lint, types and all tests
	@$(BOTH) every-test

quick: $(TOOLS) ## Lint, types and the tests that need no server
	@$(BOTH) quick-tests

every-test: $(TOOLS)
	@$(COMPILED)
	@$(PYTEST) -n auto --durations 15 --durations-min 5

quick-tests: $(TOOLS)
	@$(COMPILED)
	@$(PYTEST) -n auto -m "not servers" --durations 5 --durations-min 2

run: $(STAMP) ## Scrape, migrate, check: the daily chain (DEALER= LIMIT= WORKERS=)
	@$(BIN)/python -m workflows daily $(RUN_OPTIONS)

migrate: $(STAMP) ## Copy the images that are due (DEALER= LIMIT= WORKERS=)
	@$(BIN)/migrate $(RUN_OPTIONS)

retry-failed: $(STAMP) ## Take failed and partial listings again now (DEALER= LIMIT= WORKERS=)
	@$(BIN)/migrate --retry-failed $(RUN_OPTIONS)

stats: $(STAMP) ## Show what is stored, missing and why (DEALER=)
	@$(BIN)/migrate stats $(DEALER_OPTION)

check: $(STAMP) ## Say whether it is healthy; exit 3 when not (DEALER=)
	@$(BIN)/migrate check $(DEALER_OPTION)

report: $(STAMP) ## Write the report page (REPORT=report.html DEALER=)
	@$(BIN)/migrate report "$${LM_REPORT:-report.html}" $(DEALER_OPTION)

up: $(STAMP) ## Start the local Supabase
	@$(BIN)/python -m workflows local up

down: $(STAMP) ## Stop the local Supabase
	@$(BIN)/python -m workflows local down

local-env: $(STAMP) ## Print SUPABASE_URL and SUPABASE_SECRET_KEY of the local Supabase
	@$(BIN)/python -m workflows local env

lint: $(TOOLS) ## Style, types and the workflow files
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.dependabot .github/dependabot.yml
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/[a-bd-z]*.yml
	@$(BIN)/zizmor --offline --quiet .github/workflows

endurance: $(TOOLS) ## Kill two runners 40 times while images change, and count what it costs (KILLS=)
	@ENDURANCE_KILLS="$${LM_KILLS:-40}" $(BIN)/python -m pytest -q -s tests/migrate/run/test_endurance.py

bench: $(TOOLS) $(PEERS)/.installed ## Measure all of docs/benchmark.md (ONLY=section INTO=document)
	@$(BIN)/python tests/bench/bench.py $${LM_ONLY:+--only="$$LM_ONLY"} $${LM_INTO:+--into="$$LM_INTO"}

# Peers that cannot be installed here are left out of the table, by name, and tried again next time.
PEER_NAMES = import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["dependency-groups"]["bench"], sep="\n")

$(PEERS)/.installed: pyproject.toml
	@$(PEERS)/bin/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(PEERS)
	@$(BIN)/python -c '$(PEER_NAMES)' | { missing=; while read -r peer; do \
	  echo "Installing $$peer into $(PEERS) ..." >&2; \
	  $(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check --retries 1 --timeout 10 "$$peer" || { missing=1; echo "$$peer could not be installed" >&2; }; \
	done; test "$$missing" || touch $@; }

release: $(TOOLS) ## Check everything that must be true of a release and build it into dist/
	@$(BIN)/python tests/release/release.py

COMPILE = uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header

lock: ## Renew the locks after a change of pyproject.toml (needs uv)
	@echo pip | $(COMPILE) - --output-file requirements-pip.lock
	@$(COMPILE) --group build pyproject.toml --output-file requirements.lock
	@$(COMPILE) --group dev --constraint requirements.lock pyproject.toml --output-file requirements-dev.lock
