#!/bin/sh
# Usage: unit-other.sh GOARCH
#
# Runs the tests of the packages that need neither a machine nor programs of that architecture, as programs for GOARCH under
# QEMU's user emulation.
set -eu
goarch=$1
case $goarch in
arm64) program=qemu-aarch64 ;;
*) program=qemu-$goarch ;;
esac
command -v "$program" >/dev/null || program=$program-static
command -v "$program" >/dev/null || { echo "there is no $program: apt-get install qemu-user" >&2; exit 1; }
dir=./harness/internal
GOARCH=$goarch CGO_ENABLED=0 SAMPLE_EXEC=$program go test -vet=off -timeout 30m -exec "$program" \
	./images/arch ./images/config \
	$dir/klog/... $dir/timeline $dir/testoutput $dir/verdict $dir/wire $dir/inside $dir/kernelargs $dir/qemu/board \
	$dir/environment $dir/hardware $dir/report $dir/plan $dir/ktap $dir/printable $dir/queue $dir/modindex $dir/events \
	$dir/coverage $dir/coverprofile $dir/devices $dir/hostfs $dir/modcov $dir/modfail $dir/dmesg ./kmod/...
