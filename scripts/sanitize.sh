#!/usr/bin/env bash
# Builds with sanitizers and runs tests: any finding ends a test, and the script with an exit code.
#
#   scripts/sanitize.sh            address and undefined-behaviour sanitizers over the parsers and their fuzz corpus, and
#                                  over all tests that need no torch; ten minutes
#   scripts/sanitize.sh --all      the same over every unit and fuzz test, those with torch too; an hour
#   scripts/sanitize.sh --thread   thread sanitizer over the tests of src/dist
# Further arguments go to ctest, for example: scripts/sanitize.sh -R hdf5
set -uo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$root" || exit 1

preset=asan targets=(nepenthe_without_torch) chosen=(-L without_torch)
case ${1:-} in
    --all) targets=(all) chosen=(-L 'unit|fuzz' -LE 'real|data|slow') && shift ;;
    --thread) preset=tsan targets=(dist_test dist_mpi_test) chosen=(-R '^dist') && shift ;;
esac
suppressions=$root/scripts/sanitizers
# A file of some kilobytes for which `new` is asked for gigabytes is a finding, too; HDF5's malloc gets none and says so.
export ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1:max_allocation_size_mb=4096:allocator_may_return_null=1
export UBSAN_OPTIONS=print_stacktrace=1
export LSAN_OPTIONS=suppressions=$suppressions/leaks.supp:print_suppressions=0
export TSAN_OPTIONS=halt_on_error=1:suppressions=$suppressions/threads.supp
# Its copies from another process's memory are nothing that a sanitizer can follow.
export OMPI_MCA_btl_vader_single_copy_mechanism=none

log=$root/build/$preset.log
mkdir -p "$root/build"
for target in "${targets[@]}"; do target_words+=(--target "$target"); done
if ! { cmake --preset "$preset" && cmake --build --preset "$preset" -j "$(build_jobs)" "${target_words[@]}"; } >"$log" 2>&1; then
    tail -n 60 "$log" >&2
    echo "the build failed; all of its output: $log" >&2
    exit 1
fi
ctest --test-dir "build/$preset" --no-tests=error --output-on-failure --parallel "$(nproc)" "${chosen[@]}" "$@"
