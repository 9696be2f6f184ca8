#!/usr/bin/env bash
# Set-up, build and the whole test suite; CTest's closing lines stand at the end. Exit code: CTest's.
# Arguments go to ctest, for example: scripts/test.sh -L unit
set -uo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$root" || exit 1

scripts/setup.sh --tests || exit
configure_and_build all || exit
log=$root/build/release/ctest.log
ctest --test-dir build/release -LE slow --no-tests=error --output-on-failure --parallel "$(nproc)" "$@" >"$log" 2>&1
code=$?
if ((code != 0)); then
    # What failed, in full, before the closing lines.
    grep -vE '^ *(Start +[0-9]+:|[0-9]+/[0-9]+ +Test +#[0-9]+: .* Passed)' "$log"
fi
echo
sed -n '/tests passed/,$p' "$log"
echo "all of CTest's output: $log"
exit "$code"
