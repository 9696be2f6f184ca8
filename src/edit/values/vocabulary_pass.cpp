#include "edit/values/vocabulary_pass.h"

#include "edit/values/vocabulary_strips.h"
#include "kernels/lane_softmax.h"
#include "kernels/soft_cap.h"
#include "kernels/vector_math.h"

#include <ATen/Parallel.h>
#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace nepenthe::edit {

namespace {

using kernels::fast_exp;

constexpr std::int64_t kParts = 16;
constexpr std::int64_t kStrip = 96;  // ids: with 640 columns a quarter of a second-level cache

void scale(float* row, std::int64_t n, float factor) {
    kernels::with_instruction_set([=]() NEPENTHE_INLINED {
        for (std::int64_t i = 0; i < n; ++i) row[i] *= factor;
    });
}

// What one part of the vocabulary adds up to, a number a lane.
struct Part {
    std::vector<float> maximum;  // of the logits
    std::vector<double> sum;     // of exp(logit - maximum)
    std::vector<double> shift;   // of exp(logit - maximum) · (logit - reference), held rows only
    std::vector<float> sums;     // [lane, hidden]: weighted unembedding rows
};

class HostPass {
  public:
    HostPass(const model::Decoder& decoder, const at::Tensor& normed, const at::Tensor& targets,
             ReferenceLogits& reference)
        : unembedding_(decoder.unembedding().contiguous()),
          targets_(targets.contiguous()),
          reference_(reference),
          rows_(normed.size(0)),
          likelihood_rows_(targets.numel()),
          held_(rows_ - likelihood_rows_),
          blocks_((rows_ + held_ + kLaneBlock - 1) / kLaneBlock),
          hidden_(normed.size(1)),
          vocabulary_(unembedding_.size(0)),
          cap_(static_cast<float>(decoder.config().logit_soft_cap)),
          half_(VocabularyStrips::can_be_half(unembedding_, normed)),
          // Rows become lanes. Behind them stand lanes for the held rows' weights times (logit - reference); their
          // states are zero.
          states_(normed, rows_ + held_, half_),
          target_logits_(static_cast<std::size_t>(likelihood_rows_)),
          parts_(kParts) {
        if (decoder.unembedding_bias().defined()) bias_ = decoder.unembedding_bias().to(at::kFloat).contiguous();
        recording_ = held_ > 0 && !reference.logits.defined();
        if (recording_) reference.logits = at::empty({held_, vocabulary_}, at::kFloat);
    }

    TargetLoss run() {
        const std::int64_t share = (vocabulary_ + kParts - 1) / kParts;
        at::parallel_for(0, kParts, 1, [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t part = begin; part < end; ++part) {
                visit_part(parts_[static_cast<std::size_t>(part)], std::min(vocabulary_, part * share),
                           std::min(vocabulary_, (part + 1) * share));
            }
        });
        return finish();
    }

  private:
    std::int64_t lanes() const { return blocks_ * kLaneBlock; }
    std::int64_t used_lanes(std::int64_t block) const {
        return std::min(kLaneBlock, rows_ + held_ - block * kLaneBlock);
    }

    void visit_part(Part& part, std::int64_t first, std::int64_t last) {
        const auto count = static_cast<std::size_t>(lanes());
        part.maximum.assign(count, -std::numeric_limits<float>::infinity());
        part.sum.assign(count, 0.0);
        part.shift.assign(count, 0.0);
        part.sums.assign(count * static_cast<std::size_t>(hidden_), 0.0f);
        std::vector<float> logits(count * kStrip), shifts(static_cast<std::size_t>(held_ * kStrip));
        VocabularyStrips strips(unembedding_, states_, kStrip, half_);
        for (std::int64_t id = first; id < last; id += kStrip) {
            const std::int64_t ids = std::min(kStrip, last - id);
            strips.go_to(id, ids);
            visit_strip(part, strips, id, ids, logits.data(), shifts.data());
        }
    }

    void visit_strip(Part& part, const VocabularyStrips& strips, std::int64_t id, std::int64_t ids, float* logits,
                     float* shifts) {
        for (std::int64_t block = 0; block < blocks_; ++block) {
            float* mine = logits + block * kStrip * kLaneBlock;
            strips.logits(block, used_lanes(block), mine);
            if (bias_.defined()) add_bias(mine, id, ids);
            if (cap_ > 0.0f) kernels::soft_cap(mine, ids * kLaneBlock, cap_);
        }
        note_targets(logits, id, ids);
        note_shifts(logits, id, ids, shifts);
        for (std::int64_t block = 0; block < blocks_; ++block) {
            weigh(part, block, ids, logits + block * kStrip * kLaneBlock);
        }
        for (std::int64_t held = 0; held < held_; ++held) {
            shift_lane(part, held, id, ids, logits, shifts + held * kStrip);
        }
        if (half_) sum_targets(part, logits, id, ids);
        for (std::int64_t block = 0; block < blocks_; ++block) {
            strips.add_sums(logits + block * kStrip * kLaneBlock, used_lanes(block),
                            part.sums.data() + block * kLaneBlock * hidden_);
        }
    }

    static float& lane_of(float* logits, std::int64_t lane, std::int64_t v) {
        return logits[(lane / kLaneBlock * kStrip + v) * kLaneBlock + lane % kLaneBlock];
    }

    void add_bias(float* logits, std::int64_t id, std::int64_t ids) const {
        const float* bias = bias_.const_data_ptr<float>() + id;
        for (std::int64_t v = 0; v < ids; ++v) {
            for (std::int64_t l = 0; l < kLaneBlock; ++l) logits[v * kLaneBlock + l] += bias[v];
        }
    }

    void note_targets(float* logits, std::int64_t id, std::int64_t ids) {
        const std::int64_t* targets = targets_.const_data_ptr<std::int64_t>();
        for (std::int64_t row = 0; row < likelihood_rows_; ++row) {
            const std::int64_t v = targets[row] - id;
            if (v >= 0 && v < ids) target_logits_[static_cast<std::size_t>(row)] = lane_of(logits, row, v);
        }
    }

    // The targets' own share of the sums, in fp32: once a value is found a target has nearly all of the probability,
    // and what bf16 would take off its factor is what the gradient is made of.
    void sum_targets(Part& part, float* weights, std::int64_t id, std::int64_t ids) const {
        const std::int64_t* targets = targets_.const_data_ptr<std::int64_t>();
        for (std::int64_t row = 0; row < likelihood_rows_; ++row) {
            const std::int64_t v = targets[row] - id;
            if (v < 0 || v >= ids) continue;
            float& weight = lane_of(weights, row, v);
            add_row(unembedding_, targets[row], weight, part.sums.data() + row * hidden_);
            weight = 0;
        }
    }

    // logit - reference of the held rows; on the first visit the logits become the reference.
    void note_shifts(float* logits, std::int64_t id, std::int64_t ids, float* shifts) {
        for (std::int64_t held = 0; held < held_; ++held) {
            float* reference = reference_.logits.mutable_data_ptr<float>() + held * vocabulary_ + id;
            for (std::int64_t v = 0; v < ids; ++v) {
                const float logit = lane_of(logits, likelihood_rows_ + held, v);
                if (recording_) reference[v] = logit;
                shifts[held * kStrip + v] = logit - reference[v];
            }
        }
    }

    void weigh(Part& part, std::int64_t block, std::int64_t ids, float* logits) const {
        float factor[kLaneBlock], sum[kLaneBlock];
        const std::int64_t first = block * kLaneBlock;
        kernels::weigh_strip(logits, ids, cap_, part.maximum.data() + first, factor, sum);
        for (std::int64_t l = 0; l < kLaneBlock && first + l < rows_; ++l) {
            const std::int64_t lane = first + l;
            if (factor[l] != 1.0f) rescale(part, lane, factor[l]);
            part.sum[static_cast<std::size_t>(lane)] += static_cast<double>(sum[l]);
        }
    }

    // Brings what a row has summed up so far to a new maximum, in its own lane and in its shifted one.
    void rescale(Part& part, std::int64_t row, float factor) const {
        part.sum[static_cast<std::size_t>(row)] *= static_cast<double>(factor);
        part.shift[static_cast<std::size_t>(row)] *= static_cast<double>(factor);
        scale(part.sums.data() + row * hidden_, hidden_, factor);
        if (row >= likelihood_rows_) scale(part.sums.data() + (row + held_) * hidden_, hidden_, factor);
    }

    void shift_lane(Part& part, std::int64_t held, std::int64_t id, std::int64_t ids, float* logits,
                    const float* shifts) const {
        const std::int64_t row = likelihood_rows_ + held;
        const float maximum = part.maximum[static_cast<std::size_t>(row)];
        const float* reference = reference_.logits.const_data_ptr<float>() + held * vocabulary_ + id;
        double sum = 0;
        for (std::int64_t v = 0; v < ids; ++v) {
            const float weight = lane_of(logits, row, v);
            lane_of(logits, row + held_, v) = weight * shifts[v];
            // The mean is over the softmax itself, without the cap's slope.
            const float plain = cap_ > 0.0f ? fast_exp(reference[v] + shifts[v] - maximum) : weight;
            sum += static_cast<double>(plain * shifts[v]);
        }
        part.shift[static_cast<std::size_t>(row)] += sum;
    }

    // One row over all parts, at their common maximum.
    struct Whole {
        double maximum = -std::numeric_limits<double>::infinity(), sum = 0, shift = 0;
        double factors[kParts];
        double log_sum_exp() const { return maximum + std::log(sum); }
    };
    Whole merge(std::int64_t row) const {
        const auto lane = static_cast<std::size_t>(row);
        Whole whole;
        for (const Part& part : parts_)
            whole.maximum = std::max(whole.maximum, static_cast<double>(part.maximum[lane]));
        for (std::size_t p = 0; p < parts_.size(); ++p) {
            const Part& part = parts_[p];
            whole.factors[p] =
                part.sum[lane] == 0 ? 0 : std::exp(static_cast<double>(part.maximum[lane]) - whole.maximum);
            whole.sum += whole.factors[p] * part.sum[lane];
            whole.shift += whole.factors[p] * part.shift[lane];
        }
        return whole;
    }

    // Adds scale · (weighted unembedding rows of a lane, over all parts) to `gradient`.
    void add_sums(const Whole& whole, std::int64_t lane, double scale_by, float* gradient) const {
        for (std::size_t p = 0; p < parts_.size(); ++p) {
            const float* sums = parts_[p].sums.data() + lane * hidden_;
            const auto factor = static_cast<float>(whole.factors[p] * scale_by);
            for (std::int64_t d = 0; d < hidden_; ++d) gradient[d] += factor * sums[d];
        }
    }

    TargetLoss finish() {
        TargetLoss loss{std::vector<double>(static_cast<std::size_t>(rows_)), at::zeros({rows_, hidden_}, at::kFloat)};
        if (recording_) reference_.log_sums.assign(static_cast<std::size_t>(held_), 0.0);
        for (std::int64_t row = 0; row < rows_; ++row) {
            const Whole whole = merge(row);
            float* gradient = loss.gradient.mutable_data_ptr<float>() + row * hidden_;
            loss.losses[static_cast<std::size_t>(row)] =
                row < likelihood_rows_ ? finish_likelihood(row, whole, gradient) : finish_held(row, whole, gradient);
        }
        return loss;
    }

    double finish_likelihood(std::int64_t row, const Whole& whole, float* gradient) const {
        const auto logit = static_cast<double>(target_logits_[static_cast<std::size_t>(row)]);
        const double share = cap_ > 0.0f ? logit / static_cast<double>(cap_) : 0.0;
        add_sums(whole, row, 1.0 / whole.sum, gradient);
        add_row(unembedding_, targets_.const_data_ptr<std::int64_t>()[row], static_cast<float>(share * share - 1.0),
                gradient);
        return whole.log_sum_exp() - logit;
    }

    // KL = E[logit - reference] - (log-sum - reference log-sum); its gradient by a logit is
    // p · (logit - reference - E[logit - reference]).
    double finish_held(std::int64_t row, const Whole& whole, float* gradient) {
        double& log_sum = reference_.log_sums[static_cast<std::size_t>(row - likelihood_rows_)];
        if (recording_) log_sum = whole.log_sum_exp();
        const double mean_shift = whole.shift / whole.sum;
        add_sums(whole, row + held_, 1.0 / whole.sum, gradient);
        add_sums(whole, row, -mean_shift / whole.sum, gradient);
        return mean_shift - whole.log_sum_exp() + log_sum;
    }

    at::Tensor unembedding_, bias_, targets_;
    ReferenceLogits& reference_;
    std::int64_t rows_, likelihood_rows_, held_, blocks_, hidden_, vocabulary_;
    float cap_;
    bool half_;
    LaneStates states_;
    std::vector<float> target_logits_;
    std::vector<Part> parts_;
    bool recording_ = false;
};

}  // namespace

TargetLoss vocabulary_pass(const model::Decoder& decoder, const at::Tensor& normed, const at::Tensor& targets,
                           ReferenceLogits& reference) {
    return HostPass(decoder, normed, targets, reference).run();
}

}  // namespace nepenthe::edit
