# Targets for work on this repository, on Debian and its derivatives. Using
# kmodtest in another repository needs only go test. scripts/more.mk has the
# rarely used targets.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.NOTPARALLEL:

SUDO := $(if $(filter-out 0,$(shell id -u)),sudo -n)
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/kmodtest
KMODTEST := go run ./harness/cmd/kmodtest
HELP := sed -n -e 's/^\#\# /\n/p' -e 's/^\([a-z0-9-]*\):.*\#\# /  make \1\t/p'

# Go tools are built from their modules, once per version of the tool and of Go.
GO_VERSION := $(shell go env GOVERSION 2>/dev/null)
GO_INSTALL = GOARCH= GOFLAGS=-buildvcs=false GOBIN=$(@D) go install
GOLANGCI_LINT_VERSION := v2.15.0
GOLANGCI_LINT := $(CACHE)/tools/golangci-lint-$(GOLANGCI_LINT_VERSION)-$(GO_VERSION)/golangci-lint
ACTIONLINT_VERSION := v1.7.12
ACTIONLINT := $(CACHE)/tools/actionlint-$(ACTIONLINT_VERSION)-$(GO_VERSION)/actionlint
CHECKPATCH := $(CACHE)/checkpatch/checkpatch.pl

.PHONY: help
help:
	@$(HELP) $(firstword $(MAKEFILE_LIST)) | expand -t 22
	@printf '\n%s\n' 'KMODTEST_KERNEL=NAME chooses another kernel: make run KMODTEST_KERNEL=6.12'

## Run the suite, the tests of the module in kmod/:

.PHONY: run
run: deps ## run it in one kernel and print each test
	go test -v ./vmtest

.PHONY: matrix
matrix: deps ## run it in all kernels at once, or in KERNELS=6.1,sid, with reports in kmodtest-report/
	$(KMODTEST) matrix $(if $(KERNELS),-k '$(KERNELS)') -o kmodtest-report ./vmtest

.PHONY: kernels
kernels: ## list the kernels
	@$(KMODTEST) kernel list

## Check and measure a change:

.PHONY: test
test: lint unit harness suite suite-386 kvm-short ## run everything that CI runs, which is the next six

.PHONY: lint
lint: lint-go lint-c lint-files ## run the linters for Go, C and scripts

.PHONY: unit
unit: deps ## run the tests that need no machine, with the race detector
	@scripts/deps.sh unit
	go test -race ./docs ./images/... ./kmod/... ./vmtest/contract ./vmtest/mutants ./harness/cmd/... ./harness/internal/...

.PHONY: harness
harness: deps ## run the harness's own tests in machines
	go test -count=1 -timeout 40m ./harness ./harness/guest

.PHONY: suite
suite: deps ## run the suite in each kernel that is fetched ready to boot
	scripts/suite.sh prebuilt

.PHONY: suite-386
suite-386: deps ## run the suite as a 32-bit program
	@mkdir -p "$(CACHE)"
	GOARCH=386 CGO_ENABLED=0 go test -c -o "$(CACHE)/vmtest-386.test" ./vmtest
	KMODTEST_BINARY="$(CACHE)/vmtest-386.test" go -C vmtest test -count=1

.PHONY: kvm-short
kvm-short: deps ## run kmodtest under KVM, in an emulated machine, without the longer tests of make kvm
	scripts/kvm.sh short

.PHONY: bench
bench: deps ## compare runs with a bare boot, on Debian's kernel and a minimal one, and update docs/performance.md
	go run ./harness/cmd/kmodtest-bench -kernels 6.1,6.12-min -document docs/performance.md

## Prepare and clean up:

.PHONY: deps
deps: ## install missing packages with apt; most targets do so first
	@scripts/deps.sh run dev suite

.PHONY: clean
clean: ## remove build results from this directory; caches stay
	git -c core.excludesFile= clean -fdX

.PHONY: help-all
help-all: help ## list the rarely used targets, too
	@$(HELP) $(lastword $(MAKEFILE_LIST)) | expand -t 22

.PHONY: lint-go
lint-go: deps $(GOLANGCI_LINT)
	go mod tidy -diff
	$(GOLANGCI_LINT) run --allow-parallel-runners ./...

.PHONY: lint-c
lint-c: deps | $(CHECKPATCH)
	build=$$($(KMODTEST) kernel path); $(MAKE) -C kmod check CC=gcc KDIR="$$build"
	perl $(CHECKPATCH) --no-tree --strict --show-types --quiet -f vmtest/preset/preset.c vmtest/preset/Kbuild \
		harness/internal/modcov/runtime/*.[ch] harness/internal/modcov/runtime/Kbuild \
		harness/internal/modfail/runtime/*.[chS] harness/internal/modfail/runtime/Kbuild

.PHONY: lint-files
lint-files: deps $(ACTIONLINT)
	$(ACTIONLINT) .github/workflows/*.yml
	shellcheck .ci/* scripts/*.sh

$(GOLANGCI_LINT): | deps
	$(GO_INSTALL) github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT_VERSION)

$(ACTIONLINT): | deps
	$(GO_INSTALL) github.com/rhysd/actionlint/cmd/actionlint@$(ACTIONLINT_VERSION)

# kmod/Makefile extracts checkpatch.pl from a Debian package, which apt must know.
$(CHECKPATCH): | deps
	-apt-cache show linux-source >/dev/null 2>&1 || $(SUDO) apt-get update -q

include scripts/more.mk
