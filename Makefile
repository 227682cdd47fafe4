VENV := .venv
BIN := $(VENV)/bin

# The newest one that can be used is taken; another by `make PYTHON=/path/to/python`.
PYTHONS := $(or $(PYTHON),python3.14 python3.13 python3.12 python3.11 python3)
PIP_INSTALL := $(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check

# When one of these changes, the program is installed again.
INSTALLED_FROM := setup.cfg pyproject.toml exporter/__init__.py $(VENV)/pyvenv.cfg
TO_RUN := $(VENV)/installed-to-run
TO_TEST := $(VENV)/installed-to-test

# An upgrade of the system can take the environment's Python away.
PYTHON_IS_GONE := $(shell test -x $(BIN)/python || echo yes)

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help run test soak lint format docs monitoring bench clean packages environment-again

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo 'make run INSTANCE=https://mastodon.example watches that server; several, with spaces between, in quotes.'

run: $(TO_RUN) ## start the demo, or watch INSTANCE
ifeq ($(strip $(INSTANCE)),)
	@$(BIN)/mastodon-exporter demo
else
	@$(BIN)/mastodon-exporter check $(INSTANCE:%='%') || true
	@$(BIN)/mastodon-exporter serve $(INSTANCE:%=--instance '%')
endif

# Most tests wait for programs that they start, so that three at once go well with two cores.
TESTS_AT_ONCE := 3

test: packages lint ## run every check and every test
	$(BIN)/python -m pytest --numprocesses $(TESTS_AT_ONCE) --dist loadfile

LONG_TESTS := $(addprefix tests/,\
	accesslog/test_copytruncate_races.py accesslog/test_follower_model.py accesslog/test_path_follower_races.py \
	end_to_end/test_access_logs_exact.py end_to_end/test_restart_killed.py end_to_end/test_resubscribe_killed.py \
	end_to_end/test_media_sync.py end_to_end/test_media_faults.py end_to_end/test_media_killed.py)

soak: packages $(TO_TEST) ## run the long tests at their full length (20 minutes)
	SOAK=full $(BIN)/python -m pytest $(LONG_TESTS)

lint: $(TO_TEST) ## check style and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/shellcheck .ci/run scripts/*.sh tests/*.sh

format: $(TO_TEST) ## put the code into its one form
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format

monitoring: $(TO_TEST) ## write alerts/*.yml and dashboards/*.json from their sources
	$(BIN)/python -m scripts.alert_rules
	$(BIN)/python -m scripts.dashboards

docs: $(TO_TEST) ## write docs/metrics.md and docs/commands.md from the code
	$(BIN)/python -m scripts.metrics_list
	$(BIN)/python -m scripts.commands_list

bench: $(TO_TEST) ## measure beside Debian's blackbox exporter and mtail, and with a million accounts
	@tests/system_packages.sh bench
	$(BIN)/python -m benchmarks.probe
	$(BIN)/python -m benchmarks.accesslog
	$(BIN)/python -m benchmarks.stores
	$(BIN)/python -m benchmarks.repairs
	$(BIN)/python -m benchmarks.media

clean: ## take away all that make has made
	rm -rf $(VENV) build dist *.egg-info .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find exporter tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

packages:
	@PYTHON='$(PYTHON)' tests/system_packages.sh

$(VENV)/pyvenv.cfg: $(if $(PYTHON_IS_GONE),environment-again)
	@scripts/create_environment.sh $(VENV) $(PYTHONS)

$(TO_RUN): $(INSTALLED_FROM)
	@echo 'Installing mastodon-exporter into $(VENV); this takes up to a minute.'
	@$(PIP_INSTALL) --editable .
	@touch $@

$(TO_TEST): $(INSTALLED_FROM)
	@echo 'Installing mastodon-exporter and what tests it into $(VENV); this takes up to two minutes.'
	@$(PIP_INSTALL) --editable '.[dev]'
	@touch $@ $(TO_RUN)
