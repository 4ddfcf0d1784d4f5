# Rarely used targets. The Makefile includes this file.

comma := ,
RUNS := 50
ROUNDS := 8
SYSTEMS := bookworm trixie sid
ACTION_TEST := go test -tags machines -count=1 -timeout 20m -v -run '^Test(Action|Workflow)RunsHere$$' ./harness/internal/matrix
COVERAGE_KERNELS := 5.10,6.1,6.12,6.1-rt,trixie
COVERAGE_MIN := 100,95
COVERAGE_TESTS := ^Test(BadBase|DefaultBase|LoadingTwice|LoadStarts|UnloadRemoves|SetNeeds|SetRejectsNegative|SetRejectsUnreadable|EmptySet|LastAndStats|GetRejectsNegative|StatsCountRejected)
ARCH_MATRIX := debug@arm64,6.1,6.1-min,trixie,6.1@arm64,6.12@arm64,6.1-min@arm64,6.1@s390x,trixie@riscv64
ARCH_KERNEL := .*
ARCH_WAYS := null-read|null-write|null-call|page-fault|user-access|non-canonical|read-only|divide|stack-overflow|execute-data|stack-smash|panic|bug|warn|warn-message|list-add|list-del|refcount-free|refcount-underflow|usercopy|usercopy-from|usercopy-size|fortify|taint|schedule|double-free|cache-remains|bad-page|memory-gone|vmalloc-bounds|in-interrupt|in-timer|in-other-cpu|in-thread|in-work|slab-redzone|slab-poison|loading|unloading
BROKEN_KERNELS := 5.10,6.1,6.12,7-min,debug
BENCHSTAT_VERSION := v0.0.0-20260908200009-22c9c6c9d4da
BENCHSTAT := $(CACHE)/tools/benchstat-$(BENCHSTAT_VERSION)-$(GO_VERSION)/benchstat

## Test the module for longer:

.PHONY: suite-built
suite-built: deps ## run the suite in each kernel built from source (builds take long)
	scripts/suite.sh built

.PHONY: soak
soak: deps ## run the stress and model tests for minutes, in every kernel
	scripts/soak.sh

.PHONY: loaded
loaded: deps ## run the suite RUNS=50 times on a busy host (takes long)
	scripts/loaded.sh $(RUNS)

.PHONY: coverage
coverage: deps ## measure the module's lines and branches that the suite reaches, in the prebuilt kernels
	$(KMODTEST) matrix --coverage -k $(COVERAGE_KERNELS) --coverage-min $(COVERAGE_MIN) -o kmodtest-report/coverage ./vmtest

.PHONY: coverage-gcov
coverage-gcov: deps ## compare the coverage of modules with gcov in the kernel debug (builds that kernel; takes long)
	$(KMODTEST) kernel build debug
	go test -v -tags gcov -count=1 -timeout 2h -run '^TestCountsAreThoseOfKernelsGcov$$' ./harness
	go test -v -tags gcov -count=1 -timeout 2h -run '^TestCountsAreThoseOfKernelsGcov$$' ./harness \
		-suite "$$PWD/vmtest" -sources "$$PWD/kmod" -tests '$(COVERAGE_TESTS)'

.PHONY: mutants
mutants: deps ## break the module in many ways, all of which the suite must notice (takes long)
	go run ./vmtest/mutants

.PHONY: bench-module
bench-module: deps $(BENCHSTAT) ## compare its speed with that of BASE=COMMIT, in ROUNDS=8 rounds (on a quiet host)
	scripts/bench-module.sh $(or $(BASE),$(error BASE is empty: make bench-module BASE=COMMIT)) $(ROUNDS) $(BENCHSTAT)

## Test the harness for longer:

.PHONY: built
built: deps ## build every kernel from source, and modules for each (takes long)
	go test -count=1 -tags built -timeout 6h -run BuiltKernel ./images

.PHONY: distributions
distributions: deps ## run the suite on kernels packed as Ubuntu, RHEL and Arch Linux pack theirs, and bisect packages (takes minutes)
	@scripts/deps.sh unit
	go test -count=1 -tags machines -timeout 60m -v -run 'SuitePasses|Bisection' ./images

.PHONY: stress
stress: deps ## restore 1,000 machines, two per processor at a time
	go test -count=1 -timeout 60m -parallel $$((2 * $$(nproc))) -run '^TestCopiesDiffer$$' ./harness -copies 1000

.PHONY: blame
blame: deps ## cause 1,000 kernel warnings in a test that runs between two others
	go test -count=1 -timeout 60m -run '^TestBlameIsNeverWrong$$' ./harness -warnings 1000

.PHONY: panics
panics: deps ## make kernels panic 2,000 times at random moments (takes long)
	go test -count=1 -timeout 3h -run '^TestPanicsAreFaults$$' ./harness -panics 2000

.PHONY: faults
faults: deps ## cause every kind of fault in several kernels, and update docs/faults.md (takes long)
	go test -v -tags faults -count=1 -timeout 6h -run 'EachWay|LKDTM' ./harness \
		-kernels $(BROKEN_KERNELS) -document "$$PWD/docs/faults.md"

.PHONY: faults-arch
faults-arch: deps ## cause some kinds of faults in kernels for other architectures, and update docs/architectures.md
	go test -v -tags faults -count=1 -timeout 2h -run 'EachWay/kernels/$(ARCH_KERNEL)/^($(ARCH_WAYS))$$' ./harness \
		-kernels 6.1@arm64,6.1@s390x,trixie@riscv64 -document "$$PWD/docs/architectures.md"

.PHONY: vmcore
vmcore: deps ## open images of a guest's memory with drgn and crash (builds a kernel with debug information)
	scripts/deps.sh vmcore
	$(KMODTEST) kernel build 6.1-debuginfo
	go test -v -tags vmcore -count=1 -timeout 30m -run '^TestImageOpens' ./harness

.PHONY: kvm
kvm: deps ## run kmodtest under KVM, in an emulated machine, and update docs/kvm.md (takes long)
	scripts/kvm.sh all docs/kvm.md

.PHONY: adopt
adopt: deps ## build and load Debian's *-dkms packages, compare with DKMS, and update docs/adopt.md (takes long)
	scripts/deps.sh adopt
	go test -v -tags adopt -count=1 -timeout 6h -run '^TestPackagesOfDebianAreAdopted$$' ./harness \
		-document "$$PWD/docs/adopt.md" $(if $(PACKAGES),-packages $(PACKAGES))

.PHONY: foreign
foreign: deps ## run tests of other authors in a guest and on this host, as root, and update docs/foreign.md (takes long)
	scripts/deps.sh foreign
	go test -v -tags foreign -count=1 -timeout 3h -run '^TestSuitesOfOthersRunInGuest$$' ./harness/internal/foreign \
		-document "$$PWD/docs/foreign.md" $(if $(PACKAGES),-packages $(PACKAGES))

.PHONY: vimto
vimto: deps ## compare runs with those of VIMTO=PATH, an installed vimto, on one kernel (builds it; on a quiet host)
	$(KMODTEST) kernel build 6.12-vimto
	go test -v -tags foreign -count=1 -timeout 30m -run '^TestRunsTakeLessTimeThanVimtos$$' ./harness/internal/foreign \
		-vimto "$(or $(VIMTO),vimto)"

.PHONY: matrix-test
matrix-test: deps chromium ## test the matrix, bisection, the report in a browser, and the GitHub workflow
	rm -rf kmodtest-report/_artifacts && mkdir -p kmodtest-report
	go test -tags machines -count=1 -timeout 30m -artifacts -outputdir "$$PWD/kmodtest-report" \
		./harness/internal/matrix ./harness/internal/bisect

.PHONY: matrix-speed
matrix-speed: deps ## compare the matrix with the same runs one after the other (on a quiet host)
	go test -tags speed -count=1 -timeout 60m -v -run Faster ./harness/internal/matrix

.PHONY: host-speed
host-speed: deps ## measure reading 10,000 files of the host in a guest, and runs that read none (on a quiet host)
	go test -tags speed -count=1 -timeout 60m -v -run '^TestFilesOfHostCostLittle$$' ./harness

.PHONY: systems
systems: ## run the suite on SYSTEMS="bookworm trixie sid", each newly installed, as root (5 minutes each)
	for suite in $(SYSTEMS); do .ci/system $$suite; done

.PHONY: busybox
busybox: deps ## run the suite on a system that has only Go, QEMU and BusyBox, as a user without root (as root)
	.ci/busybox

.PHONY: action-systems
action-systems: ## run the GitHub action and workflow on new Debian 12 and 13, and on a system like Ubuntu, as root
	.ci/system bookworm $(ACTION_TEST)
	.ci/system trixie $(ACTION_TEST)
	KMODTEST_UBUNTU=1 .ci/system trixie $(ACTION_TEST)

.PHONY: unit-arm64
unit-arm64: deps ## run tests that need no machine as programs for arm64, under QEMU's user emulation
	@scripts/deps.sh user
	scripts/unit-other.sh arm64

## Update the documentation:

.PHONY: matrix-readme
matrix-readme: KERNELS := $(or $(KERNELS),*$(comma)*-full$(comma)*-rt$(comma)trixie$(comma)sid)
matrix-readme: matrix ## run it in all kernels, extra ones too, and copy the table into README.md
	scripts/matrix-readme.sh

.PHONY: matrix-arch
matrix-arch: deps ## run it in kernels for other architectures, and in some for this one, and copy the table into README.md
	@scripts/deps.sh arm64 riscv64 s390x
	$(MAKE) matrix-readme KERNELS='$(or $(KERNELS),$(ARCH_MATRIX))'

.PHONY: report-picture
report-picture: chromium ## take the picture of kmodtest-report/report.html in README.md, after make matrix
	go test -tags machines -count=1 -run '^TestPictureOfReport$$' ./harness/internal/matrix \
		-report "$$PWD/kmodtest-report" -picture "$$PWD/docs/report.png"

## Prepare other hosts:

.PHONY: run-deps
run-deps: ## install missing packages to run the tests of other repositories
	@scripts/deps.sh run

.PHONY: kvm-access
kvm-access: ## let every user open /dev/kvm, if it exists, until the next start
	@scripts/kvm-access.sh

.PHONY: chromium
chromium: deps ## install Chromium, which opens reports in tests
	@scripts/deps.sh browser

$(BENCHSTAT): | deps
	$(GO_INSTALL) golang.org/x/perf/cmd/benchstat@$(BENCHSTAT_VERSION)
