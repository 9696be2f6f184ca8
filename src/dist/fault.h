#pragma once
// Named places where a test can make a process die, throw or hang. Always compiled in; a place that is not armed costs
// one branch.
//
// NEPENTHE_FAULT=[ACTION@]POINT[:RANK[:NTH]]
//     ACTION  kill (default: SIGKILL to itself), throw (Error(kInternal)) or hang
//     RANK    the rank it happens on, or * for every rank (default)
//     NTH     at which passage of the point it happens, from 1 (default)

#include <array>

namespace nepenthe::dist {

// Every point there is; tests/house compares it with the calls of fault_point.
inline constexpr std::array kFaultPoints{
    "blocks.before",             // before a block is computed
    "blocks.after_data",         // its result is written, the journal does not know it yet
    "blocks.after_journal",      // journalled, not yet synced
    "blocks.before_agreement",   // own blocks done, the others not asked yet
    "hdf5.before_write",         // before a round of a collective write
    "hdf5.before_close",         // all written, not flushed
    "publish.before_manifest",   // data complete, manifest not written
    "publish.before_rename",     // all synced under the temporary name
    "publish.after_rename",      // renamed, parent folder not synced
    "train.backward",            // gradients of a step are there, not yet summed over ranks
    "checkpoint.shard",          // a rank's part of a training checkpoint is written
    "checkpoint.before_rename",  // the checkpoint is complete under its temporary name
};

// Reads the environment; run_guarded calls it. Throws Error(kUsage), the same on every rank, on a value that cannot be
// meant: another form, a point or a rank that there is not. An empty value is none.
void arm_faults(int rank, int ranks);

namespace detail {
extern bool faults_armed;
void fault_passed(const char* point);
}  // namespace detail

inline void fault_point(const char* point) {
    if (detail::faults_armed) [[unlikely]]
        detail::fault_passed(point);
}

}  // namespace nepenthe::dist
