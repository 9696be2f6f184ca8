#!/usr/bin/env bash
# Set-up, build and the whole test suite; CTest's closing lines stand at the end. Exit code: CTest's.
# Arguments go to ctest, for example: scripts/test.sh -L unit
# NEPENTHE_DATA=FOLDER brings the tests of published data as well (docs/testing.md).
set -uo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
data=${NEPENTHE_DATA:+$(realpath -m -- "$NEPENTHE_DATA")}
cd "$root" || exit 1

scripts/setup.sh --tests || exit
cmake_options=(-DNEPENTHE_DATA="$data")
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
left_out=$(grep -c . build/release/tests_left_out.txt)
if ((left_out > 0)); then
    echo "$left_out tests of published data were left out; NEPENTHE_DATA=FOLDER scripts/test.sh brings them," \
        "docs/testing.md says what belongs into FOLDER"
fi
slow=$(ctest --test-dir build/release -N -L slow | sed -n 's/^Total Tests: //p')
((slow > 0)) && echo "$slow slow tests were left out; ctest --test-dir build/release -L slow runs them"
echo "all of CTest's output: $log"
exit "$code"
