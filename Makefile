# Three commands do everything on a machine with Python 3.11 or 3.12, its venv module and make:
#   make kick         the claims, PASS or FAIL, in about two minutes
#   make reproduce    every figure and the claims table
#   make test         the whole test suite
# Each first creates .venv from requirements.lock; a second call does not reinstall.

# The first interpreter that runs and is supported; override with `make PYTHON=/path/to/python3.12 ...`.
PYTHON ?= $(shell for p in python3.11 python3.12 python3 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' 2>/dev/null \
	&& { echo $$p; break; }; done)
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.installed

PYTEST := $(BIN)/python -m pytest -q -n auto --dist loadfile
FAST := -m "not slow and not live and not cluster"
UV := $(BIN)/python scripts/call_uv.py
EXTRAS := --extra gurobi --extra notebooks --extra docs --extra dev --extra fast --extra kubernetes --extra ocr

.PHONY: help kick reproduce test test-fast test-notebooks test-lowest test-bare test-live test-cluster live coverage notebooks docs install \
	lint format lock manifests lab clean

help:
	@echo "make kick        run what the claims need and say PASS or FAIL (about two minutes)"
	@echo "make reproduce   regenerate every figure and the claims table (results/)"
	@echo "make test        run the test suite, linters and notebook checks"
	@echo "make test-fast   run the tests that are not slow (CONTRIBUTING.md lists all tiers)"
	@echo "make test-cluster run the tests that need a Kubernetes: KUBECONFIG, else one on this machine (root)"
	@echo "make test-live   run the tests that start model servers on this machine"
	@echo "make live        serve pipelines for real on this machine, about ten minutes; results into results/live"
	@echo "make notebooks   execute the notebooks again and store their outputs"
	@echo "make docs        build the documentation (docs/_build/html/index.html)"
	@echo "make manifests   render the Kubernetes manifests that come with the package (needs kubectl)"
	@echo "make lab         open the notebooks in JupyterLab"
	@echo "make lint        ruff and mypy only"
	@echo "make format      let ruff format the code and the notebooks"
	@echo "make lock        renew requirements.lock from pyproject.toml (UPGRADE=1: with the latest versions)"
	@echo "make clean       remove .venv and results (keeps results/stored)"

kick: $(READY)
	$(BIN)/ipa claims --run $(ARGS)

reproduce: $(READY)
	$(BIN)/ipa reproduce $(ARGS)

test: lint
	$(PYTEST) $(ARGS)
	@$(MAKE) --no-print-directory test-notebooks
	@$(MAKE) --no-print-directory test-live

test-fast: $(READY)
	$(PYTEST) $(FAST) $(ARGS)

test-notebooks: $(READY)
	$(BIN)/python -m pytest -q --nbval-lax --nbval-current-env -p no:cacheprovider notebooks

# Most of the time they wait, two files for minutes; pytest ends with 5 where ARGS leaves no test of this tier.
test-live: $(READY)
	$(BIN)/python -m pytest -q -o testpaths=tests -n 3 --dist loadfile --no-loadscope-reorder -m live $(ARGS) || test $$? -eq 5

# The run with adaptation, then what the gateway, the load generator and reconfigurations cost.
live: $(READY)
	$(BIN)/python scripts/make_live.py $(ARGS)

test-cluster: $(READY)
	$(BIN)/python -m pytest -q -o testpaths=tests -n 0 -m cluster $(ARGS)

coverage: $(READY)
	$(PYTEST) --cov --cov-report=term $(ARGS)

test-lowest: $(READY)
	$(UV) pip compile pyproject.toml $(EXTRAS) --resolution lowest-direct --python-version 3.11 -o .lowest/requirements.txt
	$(UV) venv --clear --python $(PYTHON) .lowest/venv
	$(UV) pip install --python .lowest/venv --compile-bytecode -r .lowest/requirements.txt
	$(UV) pip install --python .lowest/venv --no-deps --no-build-isolation -e .
	.lowest/venv/bin/python -m pytest -q -n auto --dist loadfile $(FAST) $(ARGS)

test-bare: $(READY)
	$(UV) venv --clear --python $(PYTHON) .bare
	$(UV) pip install --python .bare --compile-bytecode -c requirements.lock -e '.[test]'
	.bare/bin/python -m pytest -q -n auto --dist loadfile $(FAST) $(ARGS)

notebooks: $(READY)
	$(BIN)/python -m ipa.report.notebook_runs

docs: $(READY)
	$(BIN)/python -m sphinx -W --keep-going -q docs docs/_build/html
	@echo "open docs/_build/html/index.html"

install: $(READY)

$(READY): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "No Python 3.11 or 3.12 found on PATH." \
		"Install one, or name it: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)" >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) has no venv module." \
		"On Debian or Ubuntu: apt-get install python3-venv" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python scripts/install_lock.py requirements.lock .
	@touch $@

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: $(READY)
	$(UV) pip compile pyproject.toml $(EXTRAS) \
		--universal --python-version 3.11 --fork-strategy fewest $(if $(UPGRADE),--upgrade) --no-strip-extras \
		--generate-hashes -o requirements.lock
	$(UV) pip compile pyproject.toml --extra serving --extra kubernetes -c requirements.lock \
		--universal --python-version 3.11 --no-strip-extras --generate-hashes -o infrastructure/images/requirements.lock
	$(UV) pip compile pyproject.toml --extra ocr --extra kubernetes -c requirements.lock \
		--universal --python-version 3.11 --no-strip-extras --generate-hashes -o infrastructure/images/requirements-ocr.lock

manifests: $(READY)
	$(BIN)/python -m infrastructure.render

lab: $(READY)
	$(BIN)/jupyter lab notebooks

clean:
	rm -rf $(VENV) .lowest .bare docs/_build docs/notebooks
	find results -mindepth 1 -maxdepth 1 ! -name stored -exec rm -rf {} +
