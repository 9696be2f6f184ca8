#pragma once
// Training state on disk, complete or not there at all, readable by any number of ranks.
//
// FOLDER/step-00000120/
//     manifest.json             layout, options, step reports, digest of every shard
//     shard-00000-of-00002.bin  masters, first and second moments of one rank's shard, fp32, one after the other
// A step is written under a temporary name and renamed; "the newest" is derived from what is there, never stored.

#include "base/json.h"
#include "dist/comm.h"
#include "train/sharded_adamw.h"
#include "train/training_manifest.h"

#include <filesystem>
#include <vector>

namespace nepenthe::train {

struct TrainingState {
    Json key;                          // what must agree for a run to go on: options and data
    Json objective;                    // Objective::state()
    std::vector<StepReport> reports;   // steps done so far
    std::int64_t changed_weights = 0;  // summed over steps and ranks
};

// Steps of the checkpoints in a folder, newest first: those from which a run may have to go on. Not collective.
std::vector<std::int64_t> checkpoint_steps(const std::filesystem::path& folder);

// Collective. Either the step is there as a whole or nothing is. Older ones but one are removed.
void save_checkpoint(const dist::Comm& comm, const std::filesystem::path& folder, const FlatLayout& layout,
                     const ShardedAdamW& optimizer, const TrainingState& state);

// Collective. Restores the newest intact checkpoint into `optimizer` and `state`, whatever number of ranks wrote it,
// and returns whether there was one. Those that cannot be read whole are passed over with a warning. Throws
// Error(kUsage) with the differences when state.key is not the one that was saved.
bool load_newest_checkpoint(const dist::Comm& comm, const std::filesystem::path& folder, const FlatLayout& layout,
                            ShardedAdamW& optimizer, TrainingState& state);

}  // namespace nepenthe::train
