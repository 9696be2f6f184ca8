#!/usr/bin/env bash
# The build and tests on another Debian release than this one, in a folder of its own (chroot).
#
#   scripts/test-on.sh trixie                     Debian 13: HDF5 1.14, Open MPI 5, GCC 14; the labels unit and mpi
#   scripts/test-on.sh trixie -R families         other arguments go to ctest
#
# Needs root and debootstrap (Debian package). The system is made once in ${NEPENTHE_CHROOTS:-$HOME/.cache/nepenthe}/
# RELEASE, with what scripts/setup.sh --tests installs in it (12 GiB, a quarter of an hour), and found again. The
# checkout is copied into it, committed or not; its build folder stays there between calls. Exit code: CTest's.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

(($#)) || {
    sed -n '2,9s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
    exit 64
}
release=$1
shift
(($#)) || set -- -L '^(unit|mpi)$'
place=${NEPENTHE_CHROOTS:-$HOME/.cache/nepenthe}/$release
mirror=$(sed -n 's/^\(URIs: \|deb \)\(http[^ ]*debian\/\?\)\( .*\)\?$/\2/p' /etc/apt/sources.list \
    /etc/apt/sources.list.d/* 2>/dev/null | head -1 || true)

say() { printf 'test-on: %s\n' "$*" >&2; }

((EUID == 0)) || { say "a chroot needs root"; exit 77; }
command -v debootstrap >/dev/null || { say "debootstrap is missing: apt-get install debootstrap"; exit 69; }

if [[ ! -e $place/.complete ]]; then
    say "making $release in $place (log: $place.log)"
    rm -rf "$place"
    mkdir -p "$place"
    debootstrap --variant=minbase "$release" "$place" "${mirror:-http://deb.debian.org/debian}" >"$place.log" 2>&1 ||
        { tail -5 "$place.log" >&2; exit 69; }
    touch "$place/.complete"
fi

# The network and its certificates are this system's.
cp -L /etc/resolv.conf "$place/etc/resolv.conf"
mkdir -p "$place/opt/nepenthe"
certificates=/opt/certificates.crt  # where no package of the new system writes its own over them
cp -L "${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}" "$place$certificates"

say "copying the checkout"
copied=$place/opt/nepenthe
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
(cd "$root" && git ls-files -z --cached --others --exclude-standard | tar --null --ignore-failed-read -T - -cf - 2>/dev/null) |
    tar -C "$fresh" -xf -
# A file that is as it was keeps its time, another has now's, whenever it was written: the build there goes by times.
find "$copied" -mindepth 1 -path "$copied/build" -prune -o -type f -print0 |
    while IFS= read -r -d '' old; do [[ -e $fresh/${old#"$copied"/} ]] || rm -f "$old"; done
(cd "$fresh" && find . -type f -print0) | while IFS= read -r -d '' file; do
    cmp -s "$fresh/$file" "$copied/$file" || install -D --mode="$(stat -c %a "$fresh/$file")" "$fresh/$file" "$copied/$file"
done
rm -rf "$fresh"

# In a mount namespace of its own, so that nothing stays mounted whatever happens.
exec unshare --mount bash -euc '
    place=$1 certificates=$2
    shift 2
    mount --bind "$place" "$place"  # the new root is a mount, as tests that mount something for themselves ask
    mount -t proc proc "$place/proc"
    mount --rbind /dev "$place/dev"
    mount --rbind /sys "$place/sys"
    # Values that name files of this system mean nothing in there.
    exec env -i HOME=/root TERM="${TERM:-dumb}" PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        LC_ALL=C.UTF-8 PIP_CERT="$certificates" SSL_CERT_FILE="$certificates" \
        chroot "$place" bash -euc "
            command -v git >/dev/null || { apt-get update -qq && apt-get install -y -qq git ca-certificates >/dev/null; }
            cd /opt/nepenthe && exec scripts/test.sh \"\$@\"" test "$@"
' test-on "$place" "$certificates" "$@"
