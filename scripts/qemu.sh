#!/usr/bin/env bash
# Unpacks the QEMU of a release of Debian, with all that it needs, into the user's cache. Prints the directory.
# Does nothing else if it is there.
#
#   scripts/qemu.sh SUITE
set -euo pipefail

[[ $# -eq 1 ]] || { sed -n '/^#   /s/^#   //p' "$0" >&2; exit 2; }
suite=$1
root=${XDG_CACHE_HOME:-$HOME/.cache}/kmodtest/qemu-$suite
echo "$root"
[[ ! -d $root ]] || exit 0

mkdir -p "${root%/*}"
work=$(mktemp -d "$root.XXXXXX")
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
mkdir -p "$work"/apt/{lists,archives}/partial "$work/root"
: >"$work/apt/status"
# shellcheck disable=SC2016 # apt-get expands it
mirror=${KMODTEST_MIRROR:-$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 'Origin: Debian' | sed -n 1p)}
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" >"$work/apt/sources.list"
apt=(apt-get -q -y -o "Dir::State::Lists=$work/apt/lists" -o "Dir::State::Status=$work/apt/status"
	-o "Dir::Cache=$work/apt" -o "Dir::Etc::SourceList=$work/apt/sources.list" -o Dir::Etc::SourceParts=-
	-o APT::Sandbox::User=root -o APT::Install-Recommends=no)
"${apt[@]}" update >&2
"${apt[@]}" install --download-only qemu-system-x86 >&2
for package in "$work"/apt/archives/*.deb; do
	dpkg-deb -x "$package" "$work/root"
done
mv "$work/root" "$root"
