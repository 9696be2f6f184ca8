#include "model/token_scores.h"

#include "kernels/composed_softmax.h"
#include "kernels/running_moments.h"
#include "kernels/running_softmax.h"
#include "kernels/span_softmax.h"
#include "model/gemm.h"

#include <ATen/Parallel.h>
#include <torch/types.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace nepenthe::model {

namespace {

constexpr std::int64_t kRows = 512;         // positions a pass over the unembedding
constexpr std::int64_t kVocabulary = 4096;  // columns a slice: a tile of logits is 8 MiB

// What is known of one position after the slices seen so far.
struct RowScore {
    kernels::RunningSoftmax softmax;
    kernels::RunningMoments moments;  // where they are asked for
    std::int64_t best = -1;
    float target = 0;

    float log_probability() const { return static_cast<float>(static_cast<double>(target) - softmax.log_sum_exp()); }
};

// Takes in the logits of ids [first, first + n).
void take_in(const float* logits, std::int64_t first, std::int64_t n, std::int64_t target, Moments moments,
             RowScore& row) {
    const float of_span = kernels::span_maximum(logits, n), before = static_cast<float>(row.softmax.maximum);
    if (of_span > before) row.best = first + (std::find(logits, logits + n, of_span) - logits);
    const float most = std::max(of_span, before);
    row.softmax.merge(static_cast<double>(most), static_cast<double>(kernels::sum_of_exponentials(logits, n, most)));
    if (moments == Moments::kOfLogProbabilities)
        row.moments.merge(static_cast<double>(most), kernels::span_moments(logits, n, most));
    if (target >= first && target < first + n) row.target = logits[target - first];
}

// fp32 logits of some positions for ids [first, first + count).
at::Tensor logits_slice(const Decoder& decoder, const at::Tensor& normed, std::int64_t first, std::int64_t count) {
    const at::Tensor weight = decoder.unembedding().detach().narrow(0, first, count).to(at::kFloat);
    at::Tensor logits = matrix_product(normed, weight.t());
    if (decoder.unembedding_bias().defined()) {
        logits.add_(decoder.unembedding_bias().detach().narrow(0, first, count).to(at::kFloat));
    }
    const double cap = decoder.config().logit_soft_cap;
    return cap > 0.0 ? logits.div_(cap).tanh_().mul_(cap) : logits;
}

// A chunk of positions on the CPU, into `scores` from position `offset` on.
void score_rows(const Decoder& decoder, const at::Tensor& normed, const std::int64_t* targets, Moments moments,
                std::int64_t offset, TokenScores& scores) {
    const std::int64_t rows = normed.size(0), vocabulary = decoder.config().vocabulary;
    std::vector<RowScore> states(static_cast<std::size_t>(rows));
    for (std::int64_t first = 0; first < vocabulary; first += kVocabulary) {
        const std::int64_t count = std::min(kVocabulary, vocabulary - first);
        const at::Tensor logits = logits_slice(decoder, normed, first, count);
        const float* data = logits.const_data_ptr<float>();
        at::parallel_for(0, rows, 8, [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t row = begin; row < end; ++row) {
                take_in(data + row * count, first, count, targets[row], moments, states[static_cast<std::size_t>(row)]);
            }
        });
    }
    float* values = scores.log_probabilities.mutable_data_ptr<float>() + offset;
    bool* greedy = scores.greedy.mutable_data_ptr<bool>() + offset;
    std::int64_t* best = scores.best.mutable_data_ptr<std::int64_t>() + offset;
    for (std::int64_t row = 0; row < rows; ++row) {
        const RowScore& state = states[static_cast<std::size_t>(row)];
        values[row] = state.log_probability();
        greedy[row] = state.best == targets[row];
        best[row] = state.best;
        if (moments == Moments::kNone) continue;
        scores.mean.mutable_data_ptr<double>()[offset + row] = state.moments.mean_log_probability();
        scores.variance.mutable_data_ptr<double>()[offset + row] = state.moments.variance();
    }
}

}  // namespace

TokenScores composed_token_scores(const Decoder& decoder, const at::Tensor& normed, const at::Tensor& targets,
                                  Moments moments) {
    const at::NoGradGuard no_grad;
    const at::Tensor exact = normed.to(at::kFloat).contiguous();
    std::vector<at::Tensor> values, best, means, variances;
    for (std::int64_t first = 0; first < targets.size(0); first += kRows) {
        const std::int64_t count = std::min(kRows, targets.size(0) - first);
        const at::Tensor logits = logits_slice(decoder, exact.narrow(0, first, count), 0, decoder.config().vocabulary);
        const at::Tensor sums = kernels::composed_log_sum_exp(logits);
        values.push_back(kernels::composed_likelihood_loss(logits, sums, targets.narrow(0, first, count)).neg_());
        best.push_back(kernels::composed_first_maximum(logits));
        if (moments == Moments::kNone) continue;
        kernels::LogProbabilityMoments of_rows = kernels::composed_log_probability_moments(logits, sums);
        means.push_back(std::move(of_rows.mean));
        variances.push_back(std::move(of_rows.variance));
    }
    const at::Tensor most_likely = at::cat(best);
    TokenScores scores{at::cat(values), most_likely == targets, most_likely, {}, {}};
    if (moments == Moments::kOfLogProbabilities) {
        scores.mean = at::cat(means);
        scores.variance = at::cat(variances);
    }
    return scores;
}

TokenScores score_tokens(const Decoder& decoder, const at::Tensor& normed, const at::Tensor& targets, Moments moments) {
    const at::NoGradGuard no_grad;
    const std::int64_t total = targets.size(0);
    if (!normed.is_cpu() && total > 0) return composed_token_scores(decoder, normed, targets, moments);
    const at::Tensor exact = normed.to(at::kFloat).contiguous();
    TokenScores scores{at::empty({total}, exact.options()),
                       at::empty({total}, exact.options().dtype(at::kBool)),
                       at::empty({total}, exact.options().dtype(at::kLong)),
                       {},
                       {}};
    if (moments == Moments::kOfLogProbabilities) {
        scores.mean = at::empty({total}, exact.options().dtype(at::kDouble));
        scores.variance = at::empty_like(scores.mean);
    }
    const at::Tensor wanted = targets.contiguous();
    for (std::int64_t first = 0; first < total; first += kRows) {
        score_rows(decoder, exact.narrow(0, first, std::min(kRows, total - first)),
                   wanted.const_data_ptr<std::int64_t>() + first, moments, first, scores);
    }
    return scores;
}

}  // namespace nepenthe::model
