# Ways in. `make` alone lists them. Needs make, Python 3.11 or newer, and a network to install from.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
WORKERS ?= 2

export PIP_NO_PYTHON_VERSION_WARNING := 1
export SHELTER_CHROMIUM ?= $(shell for name in chromium chromium-browser google-chrome \
	google-chrome-stable; do command -v $$name && break; done)

.DEFAULT_GOAL := help
.PHONY: help run test lint format audit story bench bench-solver leaks chaos chaos-messages chaos-alerts screens migration migration-first lock clean

help: ## list what make can do here
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/.app ## install into .venv and start a demonstration on http://127.0.0.1:8000
	$(BIN)/shelter run-demo

test: $(VENV)/.dev ## every test; those in a browser when a Chromium is found
	@if [ -n "$$SHELTER_CHROMIUM" ]; then chosen=""; \
	elif [ "$$CI" = true ]; then echo "make test: CI=true, and no Chromium" >&2; exit 1; \
	else chosen="not e2e"; fi; \
	status=0; $(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup -rs -m "$$chosen" || status=$$?; \
	if [ -n "$$chosen" ]; then printf '\n%s\n%s\n' \
		"NOT TESTED: the pages in a browser, for no Chromium was found." \
		"Install one, or set SHELTER_CHROMIUM to the path of its program." >&2; fi; \
	exit $$status

lint: $(VENV)/.dev ## style, types and layers
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.dev ## write the code in the common style
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

audit: $(VENV)/.dev ## known vulnerabilities of dependencies, and secrets in committed files
	$(BIN)/python tests/supply_chain.py

story: $(VENV)/.dev ## one night from first call to closed door, told on a running server
	$(BIN)/python tests/story.py

bench: $(VENV)/.dev ## how long the solver and the busiest requests take
	$(BIN)/python tests/bench.py

bench-solver: $(VENV)/.dev ## the allocator against its peers, hours: make bench-solver with="--quick"
	PYTHONPATH=solver $(BIN)/python -m benchmarks $(with)

leaks: $(VENV)/.dev ## attack the perpetrator side's answers, half an hour: make leaks with="--quick"
	PYTHONPATH=tests $(BIN)/python -m leaks $(with)

chaos: $(VENV)/.dev ## keys rotate under load with 100 000 rows, killed again and again, on both databases
	PYTHONPATH=tests $(BIN)/python -m chaos.rotation $(with)

chaos-messages: $(VENV)/.dev ## 5 000 messages, 200 kills, a Twilio that fails: nothing lost, nothing twice
	PYTHONPATH=tests $(BIN)/python -m chaos.messages $(with)

chaos-alerts: $(VENV)/.dev ## 1 000 alerts that nobody answers, 50 kills of the leader: each step once, in time
	PYTHONPATH=tests $(BIN)/python -m chaos.escalation $(with)

screens: $(VENV)/.dev ## draw the pictures of docs/screens anew, in a Chromium
	PYTHONPATH=tests $(BIN)/python -m e2e.screens

migration: $(VENV)/.dev ## write a migration for changed tables: make migration m="what changes"
	@[ -n "$(m)" ] || { echo 'say what changes: make migration m="units have windows"' >&2; exit 1; }
	PYTHONPATH=tests $(BIN)/python -m support.migration --message "$(m)"

migration-first: $(VENV)/.dev ## rewrite the initial migration, while no database keeps data
	PYTHONPATH=tests $(BIN)/python -m support.migration --first

lock: $(VENV)/.lock/bin/uv ## choose the newest versions that fit pyproject.toml
	$(call compile,build,app)
	$(call compile,dev,dev)

clean: ## remove what was made here, but never var/, where the data are
	rm -rf $(VENV) dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache \
		.schemathesis
	find src solver api tests migrations -name __pycache__ -type d -prune -exec rm -rf {} +

# names no registry: pip takes the one that the machine is set up for, and checks every hash
define compile
$(VENV)/.lock/bin/uv pip compile pyproject.toml --group $(1) --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-header \
	--upgrade --quiet --output-file requirements/$(2).txt
endef

# -- installed once, and again when a list changes; the stamps remember ---------------------------

$(VENV)/.python:
	@command -v $(PYTHON) >/dev/null || { \
		echo "There is no $(PYTHON) here: install Python 3.11 or newer, or say make PYTHON=…" >&2; \
		exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "$$($(PYTHON) --version) is too old: install 3.11 or newer, or say make PYTHON=python3.11" >&2; \
		exit 1; }
	@$(PYTHON) -m venv $(VENV) || { \
		echo "Python could not make $(VENV); on Debian and Ubuntu: apt install python3-venv" >&2; \
		exit 1; }
	@touch $@

$(VENV)/.app: $(VENV)/.python requirements/app.txt pyproject.toml
	@echo "Installing what Shelter needs into $(VENV) (about a minute, once) …"
	@$(PIP) install --require-hashes --requirement requirements/app.txt
	@$(PIP) install --no-build-isolation --no-deps --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.app requirements/dev.txt
	@echo "Installing what its tests need …"
	@$(PIP) install --require-hashes --requirement requirements/dev.txt
	@touch $@

$(VENV)/.lock/bin/uv: $(VENV)/.python
	@$(PYTHON) -m venv $(VENV)/.lock
	@$(VENV)/.lock/bin/python -m pip --disable-pip-version-check --quiet install uv
