# Sourced by the tests of the job scripts.
# shellcheck shell=bash

failures=0

check() {  # check WHAT CONDITION...
    local what=$1
    shift
    if "$@"; then
        echo "ok      $what"
    else
        echo "FAILED  $what"
        failures=$((failures + 1))
    fi
}
holds() { [[ $1 == "$2" ]] || { echo "        \"$1\" instead of \"$2\"" && false; }; }
