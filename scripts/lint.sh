#!/usr/bin/env bash
# What formatters and linters say. Exit code: 1 where something is to be changed.
#
#   scripts/lint.sh              clang-format over all sources, clang-tidy over those changed since the last commit
#   scripts/lint.sh FILE...      clang-tidy over these (a file with torch takes half a minute)
#   scripts/lint.sh --fix        clang-format writes
#
# clang-format comes with scripts/setup.sh --tests; clang-tidy (Debian package) is yours.
set -uo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$root" || exit 1
formatter=$NEPENTHE_DEPS/venv/bin/clang-format
code=0

mapfile -t sources < <(git ls-files --cached --others --exclude-standard -- '*.h' '*.cpp')
if [[ ${1:-} == --fix ]]; then exec "$formatter" -i "${sources[@]}"; fi
python3 tests/house/check_format.py "$formatter" "$root" || code=1

if (($#)); then files=("$@"); else mapfile -t files < <(git diff --name-only HEAD -- '*.cpp'); fi
if ((${#files[@]})); then
    command -v clang-tidy >/dev/null || {
        echo "clang-tidy is missing: apt-get install clang-tidy" >&2
        exit 69
    }
    # How each source is compiled by itself; nothing is built there.
    cmake --preset develop >/dev/null || exit
    # The precompiled header is GCC's; clang reads the headers themselves.
    commands=$(mktemp -d)
    trap 'rm -rf "$commands"' EXIT
    sed -E 's/ -fpch-preprocess| -Winvalid-pch//g' build/develop/compile_commands.json >"$commands/compile_commands.json"
    clang-tidy -p "$commands" --quiet --extra-arg=-Wno-unknown-warning-option "${files[@]}" || code=1
fi
exit $code
