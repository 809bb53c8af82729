# Every command, each a thin face over src/regulars. `make` lists them.
SHOP ?= demo
MONTH ?= latest
NAME ?=
ORDERS ?=
FRESH ?=
EXPERIMENT ?=
PYTHON ?= python3
VENV := .venv
BIN ?= $(VENV)/bin

# With BIN=… another environment's programs are used and nothing is installed.
ifeq ($(BIN),$(VENV)/bin)
RUN_READY := $(VENV)/run.ready
TEST_READY := $(VENV)/test.ready
CHECK_READY := $(VENV)/check.ready
endif

PYTEST := $(BIN)/python -m pytest
# The notebooks hand each other files, so they run in order, and the first that fails ends the run.
NBVAL := -o addopts= -o filterwarnings= --nbval-lax -q -x -p no:randomly -p no:xdist

.DEFAULT_GOAL := help
.PHONY: help report shop data assign test check bench lab docs lock clean

help:  ## what there is
	@echo "Regulars: which customers are which, which offers work on whom, what to do this month."
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

report: $(RUN_READY)  ## the monthly review as HTML pages   SHOP=demo MONTH=YYYY-MM (or 2017-06:2017-12) FRESH=1
	@$(BIN)/python -m regulars.pipeline --shop "$(SHOP)" --month "$(MONTH)" $(if $(FRESH),--fresh)

shop: $(RUN_READY)  ## a configuration for your own orders, its columns guessed   NAME=acme ORDERS=path
	@$(BIN)/python -m regulars.new_shop --name "$(NAME)" --orders "$(ORDERS)"

data: $(RUN_READY)  ## download a shop's public raw data   SHOP=hillstrom, SHOP=online-retail
	@$(BIN)/python -m regulars.ingest.download --shop "$(SHOP)"

assign: $(RUN_READY)  ## draw who gets which arm of a registered experiment   SHOP=acme EXPERIMENT=id
	@$(BIN)/python -m regulars.offers.assigning --shop "$(SHOP)" --experiment "$(EXPERIMENT)"

test: $(TEST_READY)  ## lint, types, unit tests, doctests, notebooks, pages
	$(BIN)/ruff check . && $(BIN)/ruff format --check .
	$(BIN)/mypy
	$(PYTEST) -n 2
	home=$$(mktemp -d) && REGULARS_HOME=$$home $(PYTEST) $(NBVAL) notebooks/0*.ipynb && rm -r $$home

check: $(CHECK_READY)  ## what takes longer or needs more: PostgreSQL, Spark, Chromium, simulations of power and coverage
	REGULARS_MUST_RUN="postgres sqlite spark browser" $(PYTEST) -m slow -n 2 --durations 5

lab: $(RUN_READY)  ## the notebooks in JupyterLab
	$(BIN)/jupyter-lab --ServerApp.root_dir=. --LabApp.default_url=/lab/tree/notebooks/01-ingest.ipynb

bench: $(RUN_READY)  ## how fast, beside peers, as ratios in one run
	$(BIN)/python benchmarks/features.py --times 1
	$(BIN)/python benchmarks/ingest.py
	$(BIN)/python benchmarks/value.py
	$(BIN)/python benchmarks/clusters.py
	$(BIN)/python benchmarks/scoring.py
	$(BIN)/python benchmarks/offers.py

docs: $(RUN_READY)  ## write docs/your-shop.md and docs/features.md anew from contracts and register
	$(BIN)/python -c "from regulars.ingest.document import document; print(document(), end='')" > docs/your-shop.md
	$(BIN)/python -c "from regulars.features.document import document; print(document(), end='')" > docs/features.md

# Each lock keeps to the one before it: test adds to run, check adds to test.
LOCK := ../$(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --upgrade --no-header ../pyproject.toml
lock: $(VENV)/uv.ready  ## resolve the dependencies anew into requirements/
	cd requirements && $(LOCK) -o run.lock
	cd requirements && $(LOCK) --group ../pyproject.toml:test -c run.lock -o test.lock
	cd requirements && $(LOCK) --group ../pyproject.toml:test --group ../pyproject.toml:check --extra postgres --extra spark -c test.lock -o check.lock

clean:  ## remove what was built; never raw data, reports, or what was registered and assigned
	rm -rf $(VENV) data/*/staged data/*/features data/*/value data/*/segments data/*/overlapping data/*/offers data/*/next_tests data/*/outcomes data/*/findings data/*/failed data/*/restated
	rm -rf data/*/.landing data/*/.staging data/*/.spill .pytest_cache .ruff_cache .mypy_cache .hypothesis

$(VENV)/uv.ready: requirements/uv.txt
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11))" || \
	  { echo "Regulars needs Python 3.11 or later: say which one, as in make report PYTHON=python3.12"; exit 1; }
	@echo "Building $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@touch $@

# The project comes after the lock: pip refuses an editable install beside hashes.
$(VENV)/%.ready: requirements/%.lock $(VENV)/uv.ready pyproject.toml
	@VIRTUAL_ENV=$(VENV) $(VENV)/bin/uv pip install --quiet --require-hashes -r $<
	@VIRTUAL_ENV=$(VENV) $(VENV)/bin/uv pip install --quiet --no-deps -e .
	@touch $@
