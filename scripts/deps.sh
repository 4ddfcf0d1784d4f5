#!/usr/bin/env bash
# Installs missing Debian packages. Requires root, or sudo without a password.
#
#   scripts/deps.sh [-n] GROUP...    -n installs nothing, and fails if packages are missing
#
#   run       to run tests in kernels, and to build kernels
#   dev       to work on this repository, in addition to run
#   suite     to run the suite of the module in kmod/, in addition to run
#   unit      to make repositories of packages in tests
#   user      to run tests as programs for other architectures, under QEMU's user emulation
#   browser   to open reports in a browser
#   registry  to store kernels in a registry on this host
#   vmcore    to open images of a guest's memory
#   adopt     to build and use Debian's packages for DKMS
#   foreign   to run the tests of other authors
#   arm64, riscv64, s390x   to run tests in kernels for these architectures, in addition to run
set -euo pipefail

# The packages of each group. A line is PACKAGE=PROGRAM or PACKAGE=FILE: the package is installed
# if there is no such program or file. FILE has a slash, and may be a pattern.
declare -A packages=(
	[run]='bc=bc
bison=bison
ca-certificates=/etc/ssl/certs/ca-certificates.crt
debian-archive-keyring=/usr/share/keyrings/debian-archive-keyring.[gp]*
debootstrap=debootstrap
flex=flex
gcc=gcc
git=git
kmod=depmod
libc6-dev=/usr/include/stdio.h
libelf-dev=/usr/include/gelf.h
make=make
qemu-system-x86=qemu-system-x86_64
xz-utils=xz'
	[dev]='apt-utils=apt-ftparchive
createrepo-c=createrepo_c
gcc-aarch64-linux-gnu=aarch64-linux-gnu-gcc
gcc-riscv64-linux-gnu=riscv64-linux-gnu-gcc
gcc-s390x-linux-gnu=s390x-linux-gnu-gcc
gdb=gdb
gpg=gpg
gpg-agent=gpg-agent
perl=/usr/share/perl/*/Term/ANSIColor.pm
rpm=rpmsign
rpm=rpmbuild
shellcheck=shellcheck
sparse=sparse'
	[suite]='iptables=iptables-legacy
ipvsadm=ipvsadm'
	[unit]='libarchive-tools=bsdtar
makepkg=/usr/share/makepkg/util/message.sh
pacman-package-manager=repo-add
zstd=zstd'
	[user]='qemu-user=qemu-aarch64'
	[browser]='chromium=chromium
fonts-dejavu-core=chromium'
	[registry]='docker-registry=docker-registry'
	[vmcore]='crash=crash
python3-drgn=drgn'
	[adopt]='apfsprogs=mkapfs
dkms=dkms
dmsetup=dmsetup
gawk=gawk
iproute2=ip
iptables=iptables-legacy
jool-tools=jool
libxtables-dev=/usr/include/xtables.h
openvpn=openvpn
pkg-config=pkg-config
xtables-addons-common=/usr/lib/*/xtables/libxt_condition.so'
	[foreign]='iproute2=ip
nftables=nft'
	[arm64]='gcc-aarch64-linux-gnu=aarch64-linux-gnu-gcc
qemu-system-arm=qemu-system-aarch64'
	[riscv64]='gcc-riscv64-linux-gnu=riscv64-linux-gnu-gcc
qemu-system-misc=qemu-system-riscv64'
	[s390x]='gcc-s390x-linux-gnu=s390x-linux-gnu-gcc
qemu-system-misc=qemu-system-s390x'
)

usage() {
	sed -n '/^#   /s/^#   //p' "$0" >&2
	exit 2
}

found() {
	case $1 in
	*/*) compgen -G "$1" ;;
	*) PATH=$PATH:/usr/sbin:/sbin type -P "$1" ;;
	esac >/dev/null
}

install=yes
[[ ${1:-} != -n ]] || { install=no; shift; }
[[ $# -gt 0 ]] || usage
missing=()
for group in "$@"; do
	[[ -v packages[$group] ]] || usage
	mapfile -t needs <<<"${packages[$group]}"
	for need in "${needs[@]}"; do
		found "${need#*=}" || missing+=("${need%%=*}")
	done
done

[[ " $* " != *' run '* ]] || command -v go >/dev/null ||
	{ echo "Go is missing: install the version that go.mod names, or a newer one: https://go.dev/dl" >&2; exit 1; }
[[ ${#missing[@]} -gt 0 ]] || exit 0
command=(apt-get install -q -y --no-install-recommends "${missing[@]}")
sudo=()
[[ $(id -u) -eq 0 ]] || sudo=(sudo -n)
if [[ $install = no ]] || ! "${sudo[@]}" apt-get --version >/dev/null 2>&1; then
	echo "packages are missing; run: sudo apt-get update && sudo ${command[*]}" >&2
	exit 1
fi
"${sudo[@]}" apt-get update -q
"${sudo[@]}" env DEBIAN_FRONTEND=noninteractive "${command[@]}"
