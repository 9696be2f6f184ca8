# shellcheck shell=bash
# Sourced by quickstart.sh and test.sh: where things are and how mpirun is called.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export NEPENTHE_DEPS=${NEPENTHE_DEPS:-$HOME/.local/share/nepenthe}

# A container's user is root and has fewer cores than ranks; Open MPI wants to be told that both are meant.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_hwloc_base_binding_policy=none

# Compiler processes that fit: one a core, and 1.5 GiB of memory for each (the torch headers are large).
build_jobs() {
    local cores memory_gib
    cores=$(nproc)
    memory_gib=$(awk '/MemAvailable/ { print int($2 / 1048576) }' /proc/meminfo)
    local fitting=$((memory_gib * 2 / 3))
    ((fitting < 1)) && fitting=1
    echo $((fitting < cores ? fitting : cores))
}

# configure_and_build TARGET...: the release preset, with the options of the array `cmake_options` where there is one;
# output only when something is wrong, as a build says little to a user.
configure_and_build() {
    local log=$root/build/release.log targets=()
    [[ -v cmake_options ]] || local cmake_options=()
    local target
    for target in "$@"; do targets+=(--target "$target"); done
    mkdir -p "$root/build"
    if ! (cd "$root" && cmake --preset release "${cmake_options[@]}" && cmake --build --preset release -j "$(build_jobs)" "${targets[@]}") \
        >"$log" 2>&1; then
        tail -n 60 "$log" >&2
        echo "the build failed; all of its output: $log" >&2
        return 1
    fi
}
