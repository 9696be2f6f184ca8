#include "unlearn/objectives/labels.h"

#include "base/error.h"
#include "base/log.h"
#include "base/random.h"
#include "base/tree_sum.h"
#include "dist/guard.h"
#include "unlearn/start/sample_loss.h"

#include <algorithm>
#include <cmath>
#include <iterator>

namespace nepenthe::unlearn {

namespace {

// Blocks for training and for the held-out loss, drawn from (seed, number of blocks).
struct Split {
    std::vector<std::size_t> train, holdout;
};

Split split_blocks(std::size_t blocks, double holdout_share, std::uint64_t seed) {
    const auto held = static_cast<std::size_t>(std::floor(holdout_share * static_cast<double>(blocks)));
    const auto order = random_permutation(blocks, RandomStream(seed, "forget.holdout", 0));
    Split out;
    for (std::size_t i = 0; i < blocks; ++i) (i < held ? out.holdout : out.train).push_back(order[i]);
    std::sort(out.train.begin(), out.train.end());
    std::sort(out.holdout.begin(), out.holdout.end());
    return out;
}

}  // namespace

train::TrainOptions published_label_training() {
    train::TrainOptions options;
    options.lr = 1e-6;
    options.schedule = train::ScheduleKind::kLinear;
    options.beta1 = 0.9;
    options.beta2 = 0.98;
    options.weight_decay = 0;
    options.warmup_steps = 0;
    options.clip_norm = 0;
    options.global_batch = 128;
    options.epochs = 2;
    options.label = "forget";
    return options;
}

void LabelOptions::check(Problems& problems) const {
    if (!(holdout_share >= 0 && holdout_share < 1)) problems.add("held-out share {} is not in 0 … 1", holdout_share);
    targets.check(problems);
    mix.check(problems);
}

Json LabelledBlocks::to_json() const {
    return {
        {"train_blocks", train_blocks},     {"retain_blocks", retain_blocks}, {"translated_blocks", translated_blocks},
        {"holdout_blocks", holdout_blocks}, {"labelled", labelled},           {"unlabelled_blocks", unlabelled_blocks}};
}

LabelObjective::LabelObjective(const dist::Comm& comm, const model::Decoder& decoder,
                               const std::filesystem::path& labels, const TextBlocks& retain,
                               const LabelOptions& options, std::uint64_t seed, const std::filesystem::path& work)
    : SequenceObjective({train::SequenceTerm{{.name = "labels"}}}) {
    Problems problems;
    options.check(problems);
    problems.throw_if_any(ErrorKind::kUsage, "forget");
    dist::run_agreed(comm, "read labels", [&] {
        targets_.emplace(labels, options.alpha, options.targets);
        const std::size_t blocks = targets_->rows().ids.size();
        counts_.unlabelled_blocks = targets_->leave_out_unlabelled();
        if (targets_->rows().ids.empty()) {
            fail(ErrorKind::kData, "{}: none of its {} blocks has a label; there is nothing to train on",
                 labels.string(), blocks);
        }
        std::filesystem::create_directories(work);
    });
    if (counts_.unlabelled_blocks > 0) {
        log_info("forget: {} blocks have no label and are left out, {} remain", counts_.unlabelled_blocks,
                 targets_->rows().ids.size());
    }
    Split split = split_blocks(targets_->rows().ids.size(), options.holdout_share, seed);
    counts_.train_blocks = std::ssize(split.train);
    counts_.holdout_blocks = std::ssize(split.holdout);
    counts_.labelled = targets_->rows().labelled();
    holdout_ = std::move(split.holdout);
    samples_.emplace(comm, decoder, *targets_, std::move(split.train), retain, options.mix, seed, work);
    counts_.retain_blocks = samples_->retained();
    counts_.translated_blocks = samples_->translated();
}

std::optional<double> LabelObjective::holdout_loss(const dist::Comm& comm, const model::Decoder& decoder) const {
    if (holdout_.empty()) return std::nullopt;
    std::vector<double> sums(holdout_.size(), 0.0), weights(holdout_.size(), 0.0);
    dist::run_agreed(comm, "held-out loss", [&] {
        for (auto i = static_cast<std::size_t>(comm.rank()); i < holdout_.size();
             i += static_cast<std::size_t>(comm.size())) {
            const SampleLoss loss = sample_loss(decoder, targets_->sample(holdout_[i]));
            sums[i] = loss.sum, weights[i] = loss.weight;
        }
    });
    comm.merge_owned(sums);
    comm.merge_owned(weights);
    const double weight = tree_sum(weights);
    return weight > 0 ? std::optional<double>(tree_sum(sums) / weight) : std::nullopt;
}

}  // namespace nepenthe::unlearn
