#include "pipelines/train_options.h"

#include "model/family/families.h"

#include <algorithm>

namespace nepenthe::pipelines {

void TrainOptionsReader::declare(Options& table) {
    switch (options_.schedule) {
        case train::ScheduleKind::kConstant: schedule_ = "constant"; break;
        case train::ScheduleKind::kLinear: schedule_ = "linear"; break;
        case train::ScheduleKind::kCosine: schedule_ = "cosine"; break;
    }
    table.add("lr", options_.lr, "learning rate");
    table.add("schedule", schedule_, {"constant", "linear", "cosine"}, "of the learning rate");
    table.add("final-lr-share", options_.final_lr_share, "learning rate at the end, as a share of --lr");
    table.add("warmup-steps", options_.warmup_steps, "steps of linear warm-up");
    table.add("beta1", options_.beta1, "AdamW");
    table.add("beta2", options_.beta2, "AdamW");
    table.add("weight-decay", options_.weight_decay, "AdamW, decoupled");
    table.add("clip-norm", options_.clip_norm, "global gradient norm; 0 = off");
    table.add("global-batch", options_.global_batch, "sequences a step, over all ranks");
    table.add("micro-batch", options_.micro_batch, "sequences a forward pass holds");
    table.add("epochs", options_.epochs, "passes over the data");
    table.add("max-steps", options_.max_steps, "stop after so many steps; 0 = epochs decide");
    table.add("deterministic", options_.deterministic, "the same bits on any number of ranks");
    table.add("freeze", options_.frozen, model::module_names(), "modules whose weights stay as they are; a list");
    table.add("activation-checkpointing", options_.activation_checkpointing, "recompute activations, less memory");
    table.add("checkpoint-steps", options_.checkpoint_steps, "save every N steps; 0 = by time only");
    table.add("checkpoint-minutes", options_.checkpoint_minutes, "save every N minutes; 0 = off");
}

void TrainOptionsReader::finish(const Options& table, const CommonOptions& common) {
    options_.seed = common.seed;
    std::ranges::sort(options_.frozen);
    options_.frozen.erase(std::ranges::unique(options_.frozen).begin(), options_.frozen.end());
    options_.schedule = schedule_ == "constant" ? train::ScheduleKind::kConstant
                        : schedule_ == "cosine" ? train::ScheduleKind::kCosine
                                                : train::ScheduleKind::kLinear;
    Problems problems;
    if (options_.max_steps > 0) table.refuse_unread({"epochs"}, "without --max-steps, which decides", problems);
    if (schedule_ == "constant")
        table.refuse_unread({"final-lr-share"}, "by schedules that fall, not by the constant one", problems);
    if (options_.deterministic && common.device == "cuda") {
        problems.add("--deterministic holds on CPUs: kernels of --device cuda add in any order; leave one of them out");
    }
    for (const std::string& problem : options_.validate()) problems.add("{}", problem);
    problems.throw_if_any(ErrorKind::kUsage, "options");
}

Json TrainOptionsReader::key() const {
    Json key = {{"lr", options_.lr},
                {"schedule", schedule_},
                {"final_lr_share", options_.final_lr_share},
                {"warmup_steps", options_.warmup_steps},
                {"betas", {options_.beta1, options_.beta2}},
                {"epsilon", options_.epsilon},
                {"weight_decay", options_.weight_decay},
                {"clip_norm", options_.clip_norm},
                {"global_batch", options_.global_batch},
                {"micro_batch", options_.micro_batch},
                {"epochs", options_.epochs},
                {"max_steps", options_.max_steps},
                {"deterministic", options_.deterministic},
                {"seed", options_.seed}};
    if (!options_.frozen.empty()) key["frozen"] = options_.frozen;
    return key;
}

}  // namespace nepenthe::pipelines
