#pragma once
// The data-parallel training loop: global batches, sharded AdamW, checkpoints.

#include "dist/collectives.h"
#include "dist/comm.h"
#include "model/decoder.h"
#include "text/tokenizer.h"
#include "train/targets.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace nepenthe::train {

// One training sequence: labels[t] is what position t should predict for position t+1 already shifted, i.e. the loss
// compares the logits at t with labels[t]; kIgnore = not supervised.
struct Sample {
    std::vector<text::TokenId> ids;
    std::vector<std::int64_t> labels;  // parallel to ids
    std::vector<Distribution> targets =
        {};  // empty, or parallel to ids: what supervised positions should predict instead
};

// Causal language modelling of a token block: labels[t] = ids[t+1], the last one ignored.
Sample causal_sample(const std::vector<text::TokenId>& ids);

enum class ScheduleKind { kConstant, kLinear, kCosine };

struct TrainOptions {
    double lr = 1e-5;
    ScheduleKind schedule = ScheduleKind::kLinear;  // decays to lr * final_lr_share at the last step
    double final_lr_share = 0.0;
    std::int64_t warmup_steps = 0;
    double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weight_decay = 0.0;
    double clip_norm = 1.0;         // global gradient norm; 0 = off
    std::int64_t global_batch = 8;  // sequences a step over all ranks, whatever their number
    std::int64_t micro_batch = 4;   // sequences a forward pass holds at once
    std::int64_t epochs = 1;
    std::int64_t max_steps = 0;  // 0 = epochs decide
    std::uint64_t seed = 0;
    bool deterministic = false;  // bitwise the same weights on any number of ranks
    bool activation_checkpointing = false;
    std::int64_t checkpoint_steps = 0;  // 0 = off
    double checkpoint_minutes = 10;     // 0 = off
    std::int64_t bucket_bytes = 25 << 20;
    std::string label = "train";

    // Every problem at once, empty when fine.
    std::vector<std::string> validate() const;
};

struct StepReport {
    std::int64_t step = 0, steps = 0;  // step counts from 1
    double loss = 0;                   // mean over the global batch's supervised tokens, by their weights, nats
    double lr = 0, gradient_norm = 0, seconds = 0;
    std::int64_t tokens = 0;  // tokens of the global batch (supervised or not)
};

struct TrainReport {
    std::vector<StepReport> steps;  // of this process's run and of the runs it continued
    bool stopped_early = false;
    double changed_share = 0;  // share of stored weights whose bits changed (bf16 stalls show here)
};

// Called on all ranks after each step with the weights in place; return false to stop. May evaluate collectively.
using StepHook = std::function<bool(const StepReport&)>;

// Collective. Trains `decoder` in place on samples 0 … n_samples-1 in the order that (seed, epoch) determines. fp32
// masters and moments are sharded over ranks. With `checkpoint_folder` not empty, continues from the newest complete
// checkpoint there, on any number of ranks. A stop request saves a checkpoint and throws Error(kResume). Non-finite
// loss or gradient: Error(kGate) naming step, rank and parameter, before any update.
TrainReport train(const dist::Comm& comm, dist::Collectives& collectives, model::Decoder& decoder,
                  std::int64_t n_samples, const std::function<Sample(std::int64_t index)>& sample,
                  const TrainOptions& options, const std::filesystem::path& checkpoint_folder,
                  const StepHook& after_step = {});

}  // namespace nepenthe::train
