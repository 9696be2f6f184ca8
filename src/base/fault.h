#pragma once
// Named places where a test can make a process die, throw or hang. Always compiled in; a place that is not armed costs
// one branch.
//
// NEPENTHE_FAULT=[ACTION@]POINT[:RANK[:NTH]]
//     ACTION  kill (default: SIGKILL to itself), throw (Error(kInternal)), hang, or starve (from here on the
//             process gets no more memory)
//     POINT   one of those below, or any
//     RANK    the rank it happens on, or * for every rank (default)
//     NTH     at which passage of the point it happens, from 1 (default)

#include <array>

namespace nepenthe {

// Every point there is; tests/house compares it with the calls of fault_point.
inline constexpr std::array kFaultPoints{
    "file.before_rename",        // a file is complete under its temporary name
    "file.after_rename",         // it bears its own name, the folder is not flushed
    "tensors.header",            // a file of tensors has its header and no tensor
    "lock.made",                 // the lock's file is there, not locked
    "lock.taken",                // locked, its holder is not named in it
    "work.locked",               // an artefact's working folder is this job's, its folders are not there
    "journal.part",              // a rank's part file is there, its journal is not
    "journal.made",              // the journal is there, empty
    "journal.header",            // the journal has its header, its folder is not flushed
    "blocks.before",             // before a block is computed
    "blocks.after_data",         // its result is written, the journal does not know it yet
    "blocks.after_journal",      // journalled, not yet synced
    "blocks.before_agreement",   // own blocks done, the others not asked yet
    "hdf5.created",              // the file is there without attributes or datasets
    "hdf5.in_call",              // before a call of HDF5 in which ranks wait for each other
    "hdf5.before_write",         // before a round of a collective write
    "hdf5.before_close",         // all written, not flushed
    "publish.before_manifest",   // data complete, manifest not written
    "publish.before_rename",     // all synced under the temporary name
    "publish.after_rename",      // renamed, parent folder not synced
    "publish.before_tidy",       // published for good, the working folder is still there
    "train.before_step",         // before a step's first micro-batch
    "train.backward",            // gradients of a step are there, not yet summed over ranks
    "checkpoint.folder",         // the folder of a training checkpoint is there, empty
    "checkpoint.shard",          // a rank's part of a training checkpoint is written
    "checkpoint.before_rename",  // the checkpoint is complete under its temporary name
    "checkpoint.after_rename",   // it bears its own name, older ones are still there
    "checkpoint.doomed",         // an older one has lost its name and is not removed
    "forget.best_weights",       // the best step's weights are kept, what was measured of them is not
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

}  // namespace nepenthe
