#pragma once
// The data-parallel training loop: global batches, sharded AdamW, checkpoints.

#include "dist/collectives.h"
#include "dist/comm.h"
#include "model/decoder.h"
#include "train/gradient_pair.h"
#include "train/objective.h"
#include "train/trained_weights.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace nepenthe::train {

enum class ScheduleKind { kConstant, kLinear, kCosine };

struct TrainOptions {
    double lr = 1e-5;
    ScheduleKind schedule = ScheduleKind::kLinear;  // decays to lr * final_lr_share at the last step
    double final_lr_share = 0.0;
    std::int64_t warmup_steps = 0;
    double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weight_decay = 0.0;
    double clip_norm = 1.0;         // global gradient norm; 0 = off
    std::int64_t global_batch = 8;  // items a step over all ranks, whatever their number
    std::int64_t micro_batch = 4;   // items a forward pass holds at once
    LossMean loss_mean = LossMean::kGlobalBatch;
    std::int64_t epochs = 1;
    std::int64_t max_steps = 0;  // 0 = epochs decide
    std::uint64_t seed = 0;
    bool deterministic = false;  // bitwise the same weights on any number of ranks
    bool activation_checkpointing = false;
    MovingWeights moving = {};          // a mask of single weights
    std::vector<std::string> frozen;    // modules whose weights stay as they are (model/family/families.h)
    PairOptions pair = {};              // how the two sides' gradients become one
    std::int64_t checkpoint_steps = 0;  // 0 = off
    double checkpoint_minutes = 10;     // 0 = off
    std::int64_t bucket_bytes = 25 << 20;
    std::string label = "train";

    // Every problem at once, empty when fine.
    std::vector<std::string> validate() const;
};

struct StepReport {
    std::int64_t step = 0, steps = 0;  // step counts from 1
    double loss = 0;                   // the objective's, over the global batch; of labels: nats a token
    double lr = 0, gradient_norm = 0, seconds = 0;
    std::int64_t tokens = 0;         // tokens of the global batch (supervised or not)
    std::vector<double> terms = {};  // the mean of each of the objective's terms
};

struct TrainReport {
    std::vector<StepReport> steps;  // of this process's run and of the runs it continued
    bool stopped_early = false;
    double changed_share = 0;                      // share of stored weights whose bits changed (bf16 stalls show here)
    std::vector<ParameterConflict> conflict = {};  // of the last step, where the two sides were taken apart
};

// Called on all ranks after each step with the weights in place; return false to stop. May evaluate collectively.
using StepHook = std::function<bool(const StepReport&)>;

// Collective. Trains `decoder` in place on the objective's items, in the order that (seed, epoch) determines. fp32
// masters and moments are sharded over ranks. With `checkpoint_folder` not empty, continues from the newest complete
// checkpoint there, on any number of ranks. A stop request saves a checkpoint and throws Error(kResume). Non-finite
// loss or gradient: Error(kGate) naming step, rank and parameter, before any update.
TrainReport train(const dist::Comm& comm, dist::Collectives& collectives, model::Decoder& decoder, Objective& objective,
                  const TrainOptions& options, const std::filesystem::path& checkpoint_folder,
                  const StepHook& after_step = {});

}  // namespace nepenthe::train
