# The work on this repository, on Debian and systems made from it. To use
# kmodtest nothing here is needed: that is go test's business.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.NOTPARALLEL:

# What has to be there to run tests on kernels, and to build those, as
# PACKAGE=PROGRAM or PACKAGE=FILE.
RUN_NEEDS := \
	bc=bc \
	bison=bison \
	ca-certificates=/etc/ssl/certs/ca-certificates.crt \
	debian-archive-keyring=/usr/share/keyrings/debian-archive-keyring.[gp]* \
	flex=flex \
	gcc=gcc \
	git=git \
	kmod=depmod \
	libc6-dev=/usr/include/stdio.h \
	libelf-dev=/usr/include/gelf.h \
	qemu-system-x86=qemu-system-x86_64 \
	xz-utils=xz
# And for the work on this repository.
NEEDS := $(RUN_NEEDS) \
	iptables=iptables-legacy \
	ipvsadm=ipvsadm \
	perl=/usr/share/perl/*/Term/ANSIColor.pm \
	shellcheck=shellcheck \
	sparse=sparse
found = $(wildcard $(1) $(addsuffix /$(1),$(subst :, ,$(PATH)) /usr/sbin /sbin))
package_unless_found = $(if $(call found,$(lastword $(subst =, ,$(1)))),,$(firstword $(subst =, ,$(1))))
MISSING := $(strip $(foreach need,$(NEEDS),$(call package_unless_found,$(need))))
INSTALL := apt-get install -q -y --no-install-recommends $(MISSING)
SUDO := $(if $(filter-out 0,$(shell id -u)),sudo -n)

# Linters of the Go world are built from their modules, once for each version.
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/kmodtest
GO_VERSION := $(shell go env GOVERSION 2>/dev/null)
GOLANGCI_LINT_VERSION := v2.15.0
GOLANGCI_LINT := $(CACHE)/tools/golangci-lint-$(GOLANGCI_LINT_VERSION)-$(GO_VERSION)/golangci-lint
ACTIONLINT_VERSION := v1.7.12
ACTIONLINT := $(CACHE)/tools/actionlint-$(ACTIONLINT_VERSION)-$(GO_VERSION)/actionlint
BENCHSTAT_VERSION := v0.0.0-20260908200009-22c9c6c9d4da
BENCHSTAT := $(CACHE)/tools/benchstat-$(BENCHSTAT_VERSION)-$(GO_VERSION)/benchstat
CHECKPATCH := $(CACHE)/checkpatch/checkpatch.pl

KMODTEST := go run ./harness/cmd/kmodtest
BENCH_MODULE := go test -run '^$$$$' -bench . -benchtime 0.3s ./vmtest
ROUNDS := 8
RUNS := 50
SYSTEMS := bookworm trixie sid
BROKEN_KERNELS := 5.10,6.1,6.12,7-min,debug
SOAK := go test -v -tags soak -timeout 60m ./vmtest -run

.PHONY: help
help: ## say what there is to do; this is the default
	@sed -n 's/^\([a-z0-9-]*\):.*## /make \1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 16
	@echo "KMODTEST_KERNEL=NAME runs on another kernel: make run KMODTEST_KERNEL=6.12"

.PHONY: deps
deps: ## install what is missing with apt; targets that need it do so first
	@command -v go >/dev/null || { echo "Go is missing: install the version that go.mod names, or a newer one: https://go.dev/dl"; exit 1; }
	@test -z "$(MISSING)" || $(SUDO) apt-get --version >/dev/null 2>&1 || { echo "packages are missing; run: sudo apt-get update && sudo $(INSTALL)"; exit 1; }
	@test -z "$(MISSING)" || { $(SUDO) apt-get update -q && $(SUDO) env DEBIAN_FRONTEND=noninteractive $(INSTALL); }

.PHONY: run-deps
run-deps: ## install what is missing to run tests of other repositories
	@$(MAKE) --no-print-directory deps NEEDS='$(RUN_NEEDS)'

.PHONY: kernels
kernels: ## list the kernels that have a name
	@$(KMODTEST) kernel list

.PHONY: run
run: deps ## run the suite on one kernel, test by test
	go test -v ./vmtest

.PHONY: test
test: lint unit harness suite suite-386 ## run everything that CI runs: lint, unit, harness, suite, suite-386

.PHONY: lint
lint: lint-go lint-c lint-files ## look for mistakes without running anything

.PHONY: unit
unit: deps ## run the tests that need no machine, with the race detector
	go test -race ./images/... ./kmod/... ./vmtest/contract ./harness/cmd/... ./harness/internal/...

.PHONY: harness
harness: deps ## run the harness's own tests
	go test -count=1 -timeout 20m ./harness ./harness/guest

.PHONY: suite
suite: deps ## run the suite on every kernel that is fetched ready to boot
	@kernels=$${KMODTEST_KERNEL:-$$($(KMODTEST) kernel list --prebuilt --names)}; \
	for kernel in $$kernels; do KMODTEST_KERNEL=$$kernel go -C vmtest test; done

.PHONY: suite-built
suite-built: deps ## run the suite on every kernel that is built from source (takes long the first time)
	@for kernel in $$($(KMODTEST) kernel list --built --names); do $(KMODTEST) kernel build $$kernel; KMODTEST_KERNEL=$$kernel go -C vmtest test; done

.PHONY: built
built: deps ## build every kernel from source, and modules against each (takes long the first time)
	go test -count=1 -tags built -timeout 6h -run BuiltKernel ./images

.PHONY: suite-386
suite-386: deps ## run the suite as a 32-bit program
	@mkdir -p "$(CACHE)"; GOARCH=386 CGO_ENABLED=0 go test -c -o "$(CACHE)/vmtest-386.test" ./vmtest
	KMODTEST_BINARY="$(CACHE)/vmtest-386.test" go -C vmtest test -count=1

.PHONY: matrix
matrix: deps ## run the suite on all kernels at once, and write reports
	$(KMODTEST) matrix -o kmodtest-report ./vmtest

.PHONY: matrix-readme
matrix-readme: matrix ## put the table of such a run into README.md
	@sed -i -e '/^<!-- matrix -->/,/^<!-- end of matrix -->/{//!d}' -e '/^<!-- matrix -->/r /dev/stdin' README.md < <(sed -n '/^|/p' kmodtest-report/report.md)

.PHONY: matrix-test
matrix-test: deps chromium ## test the matrix, its report in a browser, and the GitHub workflow
	rm -rf kmodtest-report/_artifacts && mkdir -p kmodtest-report
	go test -tags machines -count=1 -timeout 30m -artifacts -outputdir "$$PWD/kmodtest-report" ./harness/internal/matrix

.PHONY: matrix-speed
matrix-speed: deps ## measure the matrix against its runs one after the other (on a quiet machine)
	go test -tags speed -count=1 -timeout 60m -v -run Faster ./harness/internal/matrix

.PHONY: chromium
chromium: deps
	@command -v chromium >/dev/null || { $(SUDO) apt-get update -q && $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends chromium fonts-dejavu-core; }

.PHONY: kvm
kvm: ## let this user open /dev/kvm, if there is one
	@test ! -e /dev/kvm -o -w /dev/kvm || echo 'KERNEL=="kvm", GROUP="kvm", MODE="0666", OPTIONS+="static_node=kvm"' | $(SUDO) tee /etc/udev/rules.d/99-kmodtest.rules
	@test ! -e /dev/kvm -o -w /dev/kvm || { $(SUDO) udevadm control --reload-rules && $(SUDO) udevadm trigger --name-match=kvm; }

.PHONY: soak
soak: deps ## run for long what the suite runs for a second, on every kernel
	@kernels=$${KMODTEST_KERNEL:-$$($(KMODTEST) kernel list --names)}; \
	for kernel in $$kernels; do export KMODTEST_KERNEL=$$kernel; $(SOAK) 'UnderStress|Mistakes|Sequence' -stress 2m; \
	$(SOAK) Agrees -rapid.checks 560 -rapid.steps 200; done

.PHONY: loaded
loaded: deps ## run the suite 50 times in a row, beside twice as many busy loops as there are processors (takes long)
	@trap 'kill $$loops' EXIT; loops=; for loop in $$(seq $$((2 * $$(nproc)))); do (while :; do :; done) & loops="$$loops $$!"; done; \
	for run in $$(seq $(RUNS)); do go test -count=1 ./vmtest; done

.PHONY: systems
systems: ## try the first commands of README on other releases of Debian, as root (5 minutes for each)
	@command -v debootstrap >/dev/null || { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends debootstrap; }
	for suite in $(SYSTEMS); do .ci/system $$suite; done

.PHONY: mutants
mutants: deps ## break the module in many ways; the suite must notice each (takes long)
	go run ./kmod/mutants

.PHONY: stress
stress: deps ## restore 1,000 machines, twice as many at once as there are processors
	go test -count=1 -timeout 60m -parallel $$((2 * $$(nproc))) -run '^TestCopiesDiffer$$' ./harness -copies 1000

.PHONY: blame
blame: deps ## let a test make the kernel warn 1,000 times, between two that do not
	go test -count=1 -timeout 60m -run '^TestBlameIsNeverWrong$$' ./harness -warnings 1000

.PHONY: bench
bench: deps ## measure runs against a bare boot of the same kernel, into docs/performance.md
	go run ./harness/cmd/kmodtest-bench -document docs/performance.md

.PHONY: faults
faults: deps ## break kernels in every way, and one of them that notices more, into docs/faults.md (takes long)
	go test -v -tags faults -count=1 -timeout 6h -run 'EachWay|LKDTM' ./harness -kernels $(BROKEN_KERNELS) -document "$$PWD/docs/faults.md"

.PHONY: bench-module
bench-module: deps $(BENCHSTAT) ## compare what calls cost with the module of another commit: BASE=COMMIT (on a quiet machine)
	@tmp=$$(mktemp -d); trap 'rm -rf "$$tmp"' EXIT; git archive $(or $(BASE),$(error BASE is empty: make bench-module BASE=COMMIT)) kmod | tar -x -C "$$tmp"; \
	for round in $$(seq $(ROUNDS)); do $(BENCH_MODULE) -module "$$tmp/kmod" >>"$$tmp/base"; $(BENCH_MODULE) >>"$$tmp/this"; done; \
	$(BENCHSTAT) $(BASE)="$$tmp/base" this="$$tmp/this"

.PHONY: clean
clean: ## remove what builds left in this directory; caches stay
	git -c core.excludesFile= clean -fdX

.PHONY: lint-go
lint-go: deps $(GOLANGCI_LINT)
	go mod tidy -diff
	$(GOLANGCI_LINT) run --allow-parallel-runners ./...

.PHONY: lint-c
lint-c: deps | $(CHECKPATCH)
	build=$$($(KMODTEST) kernel path); $(MAKE) -C kmod check CC=gcc KDIR="$$build"
	perl $(CHECKPATCH) --no-tree --strict --show-types --quiet -f vmtest/preset/preset.c vmtest/preset/Kbuild

.PHONY: lint-files
lint-files: deps $(ACTIONLINT)
	$(ACTIONLINT) .github/workflows/*.yml
	shellcheck .ci/run .ci/system

$(GOLANGCI_LINT): | deps
	GOARCH= GOFLAGS=-buildvcs=false GOBIN=$(@D) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT_VERSION)

$(ACTIONLINT): | deps
	GOARCH= GOFLAGS=-buildvcs=false GOBIN=$(@D) go install github.com/rhysd/actionlint/cmd/actionlint@$(ACTIONLINT_VERSION)

$(BENCHSTAT): | deps
	GOARCH= GOFLAGS=-buildvcs=false GOBIN=$(@D) go install golang.org/x/perf/cmd/benchstat@$(BENCHSTAT_VERSION)

# kmod/Makefile takes it out of a package of Debian's, which apt must know.
$(CHECKPATCH): | deps
	-apt-cache show linux-source >/dev/null 2>&1 || $(SUDO) apt-get update -q
