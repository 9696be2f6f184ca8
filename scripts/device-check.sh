#!/usr/bin/env bash
# Whether a device computes what the host computes, and how fast, on a machine that has a GPU and little else: a Python
# with torch 2.11.0, no MPI, no HDF5, no network. At most eight minutes there.
#
#   scripts/device-check.sh pack FOLDER           here, after scripts/test.sh: the binary, its libraries, small inputs
#   FOLDER/device-check.sh run                    there
#   scripts/device-check.sh rehearse              both here, without a GPU: whether all its commands are still right
#
# Where the benchmarks were built before it was packed, the last thing is a profile of a training step.
# `run` prints a table and writes FOLDER/results.json; exit code 1 where host and device differ by more than they may.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# The libraries of a file that travel with it; libtorch, CUDA and the C library are the other machine's own.
carried_libraries() {
    { ldd "$1" 2>/dev/null || true; } | awk '$3 ~ /^\// && $3 !~ /\/(torch|nvidia)\// &&
        $3 !~ /\/lib(c|m|dl|rt|pthread|stdc\+\+|gcc_s)\.so/ { print $3 }'
}

pack() {
    local folder=$1 root library material
    root=$(cd "$here/.." && pwd)
    material=${NEPENTHE_DEPS:-$HOME/.local/share/nepenthe}/$(python3 "$root/tests/material/make.py" --name)
    [[ -x $root/build/release/nepenthe && -d $material ]] || {
        echo "device-check: scripts/test.sh makes what is packed; run it first" >&2
        return 1
    }
    mkdir -p "$folder/lib" "$folder/plugins" "$folder/pmix"
    local program
    for program in nepenthe tests/model/model_families_test; do
        cp "$root/build/release/$program" "$folder/"
        carried_libraries "$root/build/release/$program" | while read -r library; do cp -Ln "$library" "$folder/lib/"; done
    done
    [[ ! -e $root/build/release/benchmarks/libprofiler.so ]] ||
        cp "$root/build/release/benchmarks/libprofiler.so" "$root/benchmarks/kernel_times.py" "$folder/"
    cp "$here"/device-check.sh "$here"/device_c{heck,ases}.py "$folder/"
    local mpi
    mpi=$(dirname "$(ldd "$root/build/release/nepenthe" | awk '/libmpi\.so/ { print $3 }')")
    cp -L "$mpi"/openmpi/lib/openmpi3/mca_*.so "$folder/plugins/" 2>/dev/null || true
    cp -L "$mpi"/pmix2/lib/pmix/mca_*.so "$folder/pmix/" 2>/dev/null || true
    # What the plugins need beside it.
    for library in "$folder"/plugins/*.so "$folder"/pmix/*.so; do
        [[ -e $library ]] || continue
        carried_libraries "$library" | while read -r needed; do cp -Ln "$needed" "$folder/lib/"; done
    done
    mkdir -p "$folder/inputs"
    cp -r "$material/models/stories" "$material/text/"{stories.txt,novel.txt,wikitext.txt,planets} "$material/editing" \
        "$material/benchmarks" "$material/unlearning/tofu" "$root/inputs/demo" "$root/tests/golden/"{families,muse} \
        "$root/tests/golden/membership/holdout.jsonl" "$folder/inputs/"
    du -sh "$folder" | sed 's/^/device-check: packed /'
}

run() {
    local torch
    torch=$(python3 -c 'import os, torch; print(os.path.dirname(torch.__file__))')
    LD_LIBRARY_PATH=$here/lib:$torch/lib:$(find "$torch/../nvidia" -maxdepth 2 -name lib -type d 2>/dev/null | paste -sd:)
    export LD_LIBRARY_PATH
    # One rank without a launcher, its plugins from here.
    export OMPI_MCA_ess_singleton_isolated=1 OMPI_MCA_mca_base_component_path=$here/plugins
    export PMIX_MCA_mca_base_component_path=$here/pmix OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
    export OMPI_MCA_btl=self OMPI_MCA_pml=ob1 NEPENTHE_TEST_FAMILIES=$here/inputs/families
    exec python3 "$here/device_check.py" "$here" "$@"
}

rehearse() {
    local folder code=0
    folder=$(mktemp -d)
    pack "$folder"
    PATH=${NEPENTHE_DEPS:-$HOME/.local/share/nepenthe}/venv/bin:$PATH \
        "$folder/device-check.sh" run --device cpu --layers 3 --seconds 1500 || code=$?
    rm -rf "$folder"
    return "$code"
}

case "${1:-}" in
    rehearse) rehearse ;;
    pack) [[ -n ${2:-} ]] || { sed -n '2,10s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 64; }; pack "$2" ;;
    run) shift; run "$@" ;;
    *) sed -n '2,10s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 64 ;;
esac
