# What one runs while working on gantline. Each target is a command or two that
# also work without make; "make check" is what a change must pass.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules --no-print-directory

PKG =
ARGS = smoke
FUZZTIME ?= 5s

# core is what "go list" knows of the module without examples and chaos; quick
# leaves out what takes longer to show something.
core = $$(GOWORK=off go list ./... | grep -vE '/(examples|chaos)(/|$$)')
quick = $$(GOWORK=off go list ./... | grep -vE '/(examples|chaos|internal/(house|mutants|promise|sim))(/|$$)')

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: quick
quick: ## gofmt, vet, the house rules and short tests of the core, in less than a minute
	@bad=$$(gofmt -l .) || exit 1; [ -z "$$bad" ] || { echo "gofmt -w" $$bad; exit 1; }
	go vet work
	go test -count=1 ./internal/house
	go test -short $(quick)

.PHONY: check
check: ## Everything that a change must pass (.ci/run), about 20 minutes
	.ci/run

.PHONY: test
test: ## All tests, or those of PKG=./mux
	go test $(or $(PKG),work)

.PHONY: race
race: ## The core's tests with the race detector, or those of PKG=./mux
	go test -race -timeout 20m $(or $(PKG),$(core))

.PHONY: core
core: ## The core's tests without the workspace, as users get the module
	GOWORK=off go test $(core)

.PHONY: lint
lint: ## go vet and staticcheck, or of PKG=./mux
	go vet $(or $(PKG),work)
	.ci/lint $(PKG)

.PHONY: fuzz
fuzz: ## Every fuzz target for FUZZTIME=5s; those of PKG=./mux; one: PKG="./mux FuzzFrames"
	FUZZTIME=$(FUZZTIME) .ci/fuzz $(PKG)

.PHONY: bench
bench: ## The guard against gross regressions, or what ARGS says: ARGS=-help, ARGS="streams -scenario ping"
	go run ./bench $(ARGS)

.PHONY: model
model: ## The model of handshake and resume, with spin and gcc
	docs/model/check

.PHONY: mutants
mutants: ## Mistakes made on purpose: each must be noticed by its test
	go test -tags mutants -count=1 -timeout 14m ./internal/mutants

.PHONY: hooks
hooks: ## Install the commit hooks of .githooks for this clone
	git config core.hooksPath .githooks
