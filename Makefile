# Everything a developer runs. `make` alone lists the targets.
#
# Needed: Python 3.11 or newer, make, git. All else is installed into .venv from the locks in requirements/.

PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3 python; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$python; break; }; done)
UV ?= uv
TESTERS ?= 4

BIN := .venv/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check --no-input

# A stamp says that .venv holds what a lock lists. Its name has a checksum of the lock, so that another
# lock (a branch, a pull) is noticed, and an unchanged one costs nothing.
checksum = $(shell cat requirements/$(1).lock pyproject.toml | cksum | cut -d ' ' -f 1)
DEV := .venv/dev-$(call checksum,dev).stamp
DEMO := .venv/demo-$(call checksum,demo).stamp

COMPILE = $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --no-header $(UPGRADE)
# The smaller locks hold the very versions of the full one.
PART = $(COMPILE) --no-annotate --constraint requirements/all.lock

# Material's announcement of its own future
export NO_MKDOCS_2_WARNING := 1

.DELETE_ON_ERROR:
.PHONY: help setup ui demo test browser check check-ui check-containers synth docs openapi screenshots bench bench-quick bench-guard bench-claims bench-bursts bench-pages lock clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(DEV) ## Create .venv with all that the targets below need (done by them when missing)
	@echo "Ready: .venv. Try: make demo"

ui: $(if $(wildcard $(DEMO)),,$(DEV)) ## Build the dashboard's page (with npm; Node comes from a wheel where there is none)
	@$(BIN)/python dashboard/ui/build.py --find-node || $(PIP) install --require-hashes --requirement requirements/node.lock
	@$(BIN)/python dashboard/ui/build.py

# Where npm's registry can't be reached all else works: the demo, the API, and all tests but those of the page.
.PHONY: try-ui
try-ui: $(if $(wildcard $(DEV)),$(DEV),$(DEMO))
	@$(MAKE) --no-print-directory ui || true

# The environment of the tests holds all that the demo needs.
demo: $(if $(wildcard $(DEV)),$(DEV),$(DEMO)) try-ui ## Run the example on a real MongoDB and Valkey, started for it
	@$(BIN)/mrq demo

# Most tests wait for leases and processes, so more of them than there are cores can run side by side; each of these
# processes starts servers of its own.
test: $(DEV) try-ui ## Run all tests, on servers started for them; those of the page need Chromium (make browser); ARGS="tests/unit -k name" for some
	@$(BIN)/python -m pytest $(if $(ARGS),$(ARGS),--numprocesses $(TESTERS) --dist worksteal)

browser: ## Install the Chromium in which the page is tested (Debian and Ubuntu, as root)
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null || \
		{ apt-get -qq update && apt-get -qq install --yes --no-install-recommends chromium >/dev/null; }

screenshots: $(DEV) ui ## Take the pictures of the documentation, of a dashboard with jobs made up for it
	@PYTHONPATH=tests $(BIN)/python docs/images/take_screenshots.py

check: $(DEV) check-ui check-containers ## Format, lint, types, rings of imports, docs, container files
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/mkdocs build --strict

# Whether the page's code fits the API, as its OpenAPI document says. Where node or npm's registry can't be had it says so.
check-ui: $(DEV) try-ui openapi
	@if test -d dashboard/ui/node_modules; then $(BIN)/python dashboard/ui/build.py --check; fi

# The wheels of both tools are for Linux x86_64. Compose is called without its Python wrapper, which exits
# with 0 whatever happens.
check-containers: COMPOSE = $$($(BIN)/python -c 'import compose; print(compose.__path__[0])')/docker-compose
check-containers: $(DEV)
ifeq ($(shell uname -sm),Linux x86_64)
	$(BIN)/hadolint Dockerfile
	"$(COMPOSE)" --profile '*' config --quiet
	MRQ_DASHBOARD_HTTPAUTH=a:b MRQ_DASHBOARD_SECRET=c "$(COMPOSE)" --file docker-compose.production.yml config --quiet
else
	@echo "the files for Compose and Dockerfile are checked on Linux x86_64 only"
endif

SIZES ?= dev standard large

# Where there is no Node, one comes from a wheel. Docker is not needed: images are built when they are deployed.
synth: $(DEV) ## Write the templates of AWS to infra/cdk/cdk.out/SIZE, checked by cdk-nag and cfn-lint (SIZES="dev standard large")
	@command -v node >/dev/null || test -x $(BIN)/node || $(PIP) install --require-hashes --requirement requirements/node.lock
	@for size in $(SIZES); do $(BIN)/python infra/cdk/synth.py $$size || exit 1; done

openapi: $(DEV) ## Write the description of the dashboard's API to dashboard/ui/openapi.json
	@mkdir -p dashboard/ui
	@$(BIN)/python -m mrq_dashboard.openapi dashboard/ui/openapi.json

docs: $(DEV) ## Show the documentation on http://127.0.0.1:8000, rebuilt at each change
	$(BIN)/mkdocs serve --strict

bench: $(DEV) ## Measure beside other job queues and bare loops, in one run (an hour or two); writes docs/performance.md
	@$(BIN)/python -m benchmarks --publish $(ARGS)

bench-quick: $(DEV) ## The same with fewer jobs and rounds, under five minutes once the peers are installed; printed only
	@$(BIN)/python -m benchmarks --quick $(ARGS)

bench-guard: $(DEV) ## Compare ratios to the floors of the same run with the committed ones; ARGS=--quick for a look
	@$(BIN)/python -m benchmarks.guard $(ARGS)

bench-claims: $(DEV) ## Measure what a claim costs with 1,000,000 jobs queued, or in 10,000 subqueues
	@$(BIN)/python -m benchmarks.claims $(ARGS)

bench-bursts: $(DEV) ## Measure Lambda handlers in the real runtime client: cold starts, jobs/s, time to the first start
	@$(BIN)/python -m benchmarks.bursts $(ARGS)

bench-pages: $(DEV) ## Measure the dashboard's pages with 1,000,000 jobs, beside 1,000
	@$(BIN)/python -m benchmarks.pages $(ARGS)

lock: ## Write requirements/*.lock again (needs uv; for newer versions: UPGRADE=--upgrade)
	@command -v $(UV) >/dev/null || { echo "make lock needs uv: pip install uv, or UV=/path/to/uv" >&2; exit 1; }
	@$(COMPILE) pyproject.toml --all-extras --group dev --group node --output-file requirements/all.lock
	@$(PART) pyproject.toml --extra cdk --extra container --extra dashboard --extra embedded --extra lambda --extra memory --extra oidc --extra otel --group dev --output-file requirements/dev.lock
	@$(PART) pyproject.toml --extra container --extra embedded --group build --output-file requirements/demo.lock
	@$(PART) pyproject.toml --extra container --extra lambda --output-file requirements/container.lock
	@$(PART) pyproject.toml --extra dashboard --output-file requirements/dashboard.lock
	@$(PART) pyproject.toml --extra lambda --output-file requirements/lambda.lock
	@$(PART) pyproject.toml --extra lambda --extra dashboard --output-file requirements/lambda-dashboard.lock
	@$(PART) --group build --output-file requirements/build.lock
	@$(PART) --group node --output-file requirements/node.lock

clean: ## Remove what the targets made, .venv too; .mrq, the data of `mrq up`, stays
	rm -rf .venv site dist build dashboard/ui/node_modules dashboard/mrq_dashboard/static/dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/pyvenv.cfg:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer was not found; name it: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "$(PYTHON) can't be used: Python 3.11 or newer is needed" >&2; exit 1; }
	@echo "Creating .venv with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv --clear .venv || \
		{ rm -rf .venv; echo "On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }

$(DEV) $(DEMO): .venv/%.stamp: .venv/pyvenv.cfg
	@echo "Installing what requirements/$(firstword $(subst -, ,$*)).lock lists"
	@$(PIP) install --require-hashes --requirement requirements/$(firstword $(subst -, ,$*)).lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@$(BIN)/python requirements/check_libraries.py
	@touch $@
