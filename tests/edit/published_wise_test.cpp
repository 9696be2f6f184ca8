// WISE as published takes the steps of a plain computation.

#include "edit/edit_cases.h"
#include "edit/memories/side_merge.h"
#include "edit/memories/wise.h"
#include "edit/published/rows.h"
#include "model/linear.h"
#include "mpi_world.h"

#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/types.h>

#include <algorithm>
#include <cmath>

namespace nepenthe::edit {
namespace {

using testing::Case;
using testing::some_facts;

// WISE's steps: plain SGD by autograd on a copy of the matrix, every row whole, all layers above it.
class PlainWise {
  public:
    PlainWise(const Case& tiny, const WiseOptions& options) : tiny_(tiny), options_(options) {
        name_ = tiny.decoder.mlp_output_name(options.layer);
        weight_ = tiny.decoder.parameter(name_).detach().clone();
        mask_ = shard_mask(weight_.size(0), weight_.size(1), options.mask_ratio, options.seed, 0);
        memory_ = weight_.clone();
    }

    void write(const std::vector<EditRow>& rows, const std::vector<text::TokenId>& irrelevant) {
        double last = 0, before = 0;
        for (std::int64_t i = 0; i < options_.steps; ++i) {
            at::Tensor memory = memory_.detach().requires_grad_(true);
            const at::Tensor loss = loss_of(memory, rows, irrelevant);
            if (i > 1 && std::abs(last - before) <= 1e-4 && last <= 0.02) break;
            const at::Tensor gradient = torch::autograd::grad({loss}, {memory})[0] * mask_;
            memory_ = memory_ - options_.lr * (gradient + 1e-5 * memory_);
            memory_ = at::minimum(at::maximum(memory_, weight_ - 1.0), weight_ + 1.0);
            before = last;
            last = loss.item<double>();
        }
    }

    const at::Tensor& memory() const { return memory_; }
    double inside() const { return inside_; }

  private:
    struct Passed {
        at::Tensor distance, logits;
    };
    Passed pass(const at::Tensor& memory, const std::vector<text::TokenId>& row) const {
        const model::Decoder& decoder = tiny_.decoder;
        const at::Tensor ids = at::tensor(std::vector<std::int64_t>(row.begin(), row.end()), at::kLong).unsqueeze(0);
        const model::Context context = decoder.context({ids, {}});
        at::Tensor hidden = decoder.embed(ids, context), distance;
        for (std::int64_t layer = 0; layer < decoder.config().layers; ++layer) {
            if (layer != options_.layer) {
                hidden = decoder.block(layer, hidden, context);
                continue;
            }
            const at::Tensor stream = decoder.after_attention(layer, hidden, context);
            const at::Tensor key = decoder.mlp_key(layer, hidden, stream);
            const at::Tensor main = decoder.mlp_output(layer, key);
            const at::Tensor side = at::matmul(key, memory.t());
            distance = (at::silu(side) - at::silu(main)).norm(2, {2})[0].mean();
            hidden = decoder.after_mlp(layer, stream, side);
        }
        return {distance, decoder.head(hidden)[0]};
    }

    at::Tensor loss_of(const at::Tensor& memory, const std::vector<EditRow>& rows,
                       const std::vector<text::TokenId>& irrelevant) {
        std::vector<at::Tensor> target, inside;
        for (const EditRow& row : rows) {
            std::vector<text::TokenId> ids = row.ids;
            ids.push_back(row.targets.back());
            const auto [distance, logits] = pass(memory, ids);
            inside.push_back(distance);
            at::Tensor sum = at::zeros({});
            for (std::size_t t = 0; t < row.targets.size(); ++t) {
                const auto position = static_cast<std::int64_t>(ids.size() - row.targets.size() + t - 1);
                sum = sum - logits[position].log_softmax(-1)[row.targets[t]];
            }
            target.push_back(sum / static_cast<double>(row.targets.size() + 1));
        }
        const at::Tensor in = at::stack(inside), out = pass(memory, irrelevant).distance;
        inside_ = in.mean().item<double>();
        const auto positive_mean = [](const at::Tensor& values) {
            const at::Tensor positive = values.masked_select(values.gt(0));
            return positive.numel() > 0 ? positive.mean() : at::zeros({});
        };
        return at::stack(target).mean() + positive_mean(out - options_.alpha) + positive_mean(options_.beta - in) +
               positive_mean(out - in + options_.gamma);
    }

    const Case& tiny_;
    const WiseOptions& options_;
    std::string name_;
    at::Tensor weight_, mask_, memory_;
    double inside_ = 0;
};

TEST(AsPublished, WiseTakesThePlainStepsOfItsAuthors) {
    Case tiny = testing::fresh("llama", 4);
    WiseOptions options = WiseOptions::published(find_published_wise({}, "llama-2-7b"));
    options.layer = 1;
    options.steps = 4;
    options.lr = 0.3;
    WiseInputs inputs;
    inputs.tokenizer = &tiny.tokenizer;
    inputs.facts = {some_facts()[0], some_facts()[1]};
    inputs.irrelevant = {"It rained all day.", "They ate some bread."};
    inputs.prefixes = {"", "The day was bright", "I know this"};
    PlainWise plain(tiny, options);
    double threshold = 1e9;
    for (std::size_t i = 0; i < inputs.facts.size(); ++i) {
        const Fact& fact = inputs.facts[i];
        std::vector<EditRow> rows;
        for (const std::string& prefix : inputs.prefixes) {
            rows.push_back(make_row(tiny.tokenizer, prefix, fact.prompt, fact.subject, fact.target_new, 1 << 20, " "));
        }
        plain.write(rows, tiny.tokenizer.encode_ids(inputs.irrelevant[i], true));
        threshold = std::min(threshold, plain.inside());
    }
    const at::Tensor start = tiny.decoder.parameter(tiny.decoder.mlp_output_name(1)).detach().clone();
    const WiseResult result = wise(*nepenthe::testing::world, tiny.decoder, inputs, options, {});
    ASSERT_EQ(result.memory->alternatives.size(), 1u);
    const at::Tensor expected = (plain.memory() - start).to(at::kDouble),
                     found = (result.memory->alternatives[0].weight - start).to(at::kDouble);
    ASSERT_GT(expected.norm().item<double>(), 1e-3);
    EXPECT_LT(((found - expected).norm() / expected.norm()).item<double>(), 1e-3);
    EXPECT_NEAR(result.memory->alternatives[0].threshold, threshold, 1e-4 * threshold);
    // Weights outside the mask shrink with the others, by lr · 1e-5 a step.
    const at::Tensor outside = shard_mask(start.size(0), start.size(1), 0.2, options.seed, 0).eq(0);
    const at::Tensor shrunk = (result.memory->alternatives[0].weight / start).masked_select(outside);
    EXPECT_NEAR(shrunk.median().item<double>(), std::pow(1 - 0.3 * 1e-5, 8), 2e-7);
}

}  // namespace
}  // namespace nepenthe::edit
