# neko-trust. `make help` lists the targets; each does all of its own set-up.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help setup up down status preview init adopt doctor drift test test-unit test-cluster check-fast lint format bench generate clean

NODE := dev/node.sh
RUN := dev/node.sh --exec
TRUST := $(NODE) bin/neko-trust.mjs
STACK ?= local
OFFLINE ?=
CLUSTER ?=
ARGS ?=

# Suites that start servers or the engine run few files at a time: two cores are the size this is measured on.
TEST := $(NODE) --test --test-reporter=spec
UNIT := 'test/unit/**/*.test.ts' 'test/architecture/**/*.test.ts'

help: ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 22
	@echo
	@echo "  make up CLUSTER=1     the same against a real API server, built and started here"
	@echo "  make preview STACK=<name> OFFLINE=1   the plan of another stack of yours, without credentials"

setup: ## install what the project needs beside itself (every target does this)
	@dev/setup.sh

up: setup ## verify a sample release and bring the local stack up on the real Pulumi engine
	@$(TRUST) lab up $(if $(CLUSTER),--cluster)

down: setup ## stop the lab and remove its state and roots (caches stay)
	@$(TRUST) lab down

status: setup ## what runs, and what happened to each resource
	@$(TRUST) status

preview: setup ## the plan of a stack: STACK=local, or another with OFFLINE=1
	@$(TRUST) preview --stack $(STACK) $(if $(OFFLINE),--offline)

init: setup ## fill in a stack's placeholders, and make the place for its state: STACK=<name>
	@$(TRUST) init --stack $(STACK) $(ARGS)

adopt: setup ## set a stack to take over what exists already: STACK=<name>
	@$(TRUST) adopt --stack $(STACK) $(ARGS)

doctor: setup ## look at everything that a stack needs: STACK=<name>
	@$(TRUST) doctor --stack $(STACK) $(ARGS)

drift: setup ## ask every provider whether a stack is as it was provisioned: STACK=<name>
	@$(TRUST) drift --stack $(STACK) $(ARGS)

test: setup ## all tests but those that need an API server
	@$(RUN) tsc -p .
	@$(TEST) --test-concurrency=2 $(UNIT) 'test/engine/**/*.test.ts' 'test/peers/**/*.test.ts' 'test/nix/**/*.test.ts'

test-unit: setup ## unit and architecture tests alone
	@$(TEST) --test-concurrency=2 $(UNIT)

test-cluster: setup ## tests against a real API server and admission engines, built and started here
	@$(TEST) --test-concurrency=1 'test/cluster/**/*.test.ts'

check-fast: setup ## types, lint, import rules, generated files: within 20 s
	@$(RUN) sh dev/check-fast.sh

lint: setup ## everything mechanical: check-fast and formatting of the whole tree
	@$(RUN) sh dev/check-fast.sh
	@$(RUN) prettier --check --log-level warn .

format: setup ## write the formatting
	@$(RUN) prettier --write --log-level warn .

bench: setup ## measure against peers: ours, peer or floor, ratio, spread
	@$(NODE) bench/main.ts $(BENCH)

generate: setup ## write schemas, generated pages, and the plan of each stack
	@NEKO_TRUST_WRITE_PLANS=1 $(TEST) test/engine/stack-plans.test.ts
	@$(NODE) dev/generate.ts

clean: ## remove what was installed and built in the tree (the lab's state is removed by `make down`)
	rm -rf node_modules tools/node/node_modules dist
