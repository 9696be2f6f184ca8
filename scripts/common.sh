# shellcheck shell=bash
# Sourced by quickstart.sh and test.sh: where things are and how mpirun is called.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export NEPENTHE_DEPS=${NEPENTHE_DEPS:-$HOME/.local/share/nepenthe}

# A container's user is root and has fewer cores than ranks; Open MPI wants to be told that both are meant.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_hwloc_base_binding_policy=none
export PRTE_MCA_rmaps_default_mapping_policy=:oversubscribe PRTE_MCA_hwloc_default_binding_policy=none  # Open MPI 5

# Compiler processes that fit: one a core, and 1.5 GiB of memory for each (the torch headers are large).
build_jobs() {
    local cores memory_gib
    cores=$(nproc)
    memory_gib=$(awk '/MemAvailable/ { print int($2 / 1048576) }' /proc/meminfo)
    local fitting=$((memory_gib * 2 / 3))
    ((fitting < 1)) && fitting=1
    echo $((fitting < cores ? fitting : cores))
}

# Reads the build's output and says every ten seconds how far it is; on a terminal in one line.
build_progress() {
    local line begun=$SECONDS said=$((SECONDS - 8)) end=$'\n' open=no done all
    [[ -t 2 ]] && end=$'\r'
    while IFS= read -r line; do
        [[ $line =~ ^\[([0-9]+)/([0-9]+)\] ]] || continue
        ((SECONDS - said >= 10)) || continue
        done=${BASH_REMATCH[1]} all=${BASH_REMATCH[2]} said=$SECONDS open=yes
        printf 'build: %d of %d, %d s, about %d s left   %s' "$done" "$all" $((SECONDS - begun)) \
            $(((SECONDS - begun) * (all - done) / (done > 0 ? done : 1))) "$end" >&2
    done
    [[ $open == no || $end == $'\n' ]] || echo >&2
}

# configure_and_build TARGET...: the release preset, with the options of the array `cmake_options` where there is one.
# All of the output goes into a log, which is shown when something is wrong.
configure_and_build() {
    local log=$root/build/release.log targets=()
    [[ -v cmake_options ]] || local cmake_options=()
    local target
    for target in "$@"; do targets+=(--target "$target"); done
    mkdir -p "$root/build"
    if ! { cd "$root" && cmake --preset release "${cmake_options[@]}" &&
        cmake --build --preset release -j "$(build_jobs)" "${targets[@]}"; } 2>&1 | tee "$log" | build_progress; then
        tail -n 60 "$log" >&2
        echo "the build failed; all of its output: $log" >&2
        return 1
    fi
}
