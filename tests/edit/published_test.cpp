// The multi-layer loops of MEMIT and AlphaEdit as published are those of plain computations, and residuals and prefixes
// are taken where their authors take them.

#include "edit/edit_cases.h"
#include "edit/memories/wise.h"
#include "edit/published/rows.h"
#include "edit/value_reference.h"
#include "mpi_world.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

namespace nepenthe::edit {
namespace {

using testing::Case;
using testing::inputs_of;
using testing::made_moment;
using testing::some_facts;

// What the last layer writes at the subject is seen by no later position: four layers for three that are edited.
Case fresh(const std::string& family) { return testing::fresh(family, 4); }

// Several layers, with what a row gives but for layers and values that a tiny model has.
EditOptions tiny_options(const char* method, const char* name) {
    EditOptions options = published_options(find_published_edit(method, {}, name));
    options.layers = {0, 1, 2};
    options.value.lr = 0.05;
    options.value.steps = 5;
    options.value.decay = 1e-3;
    options.lambda = options.lambda > 0 ? 0.02 : 0;
    options.tau = 0.2;
    options.l2 = 0.1;
    options.facts_per_block = 1;
    return options;
}

// What stands at the subject's last token of one row alone: the key of `layer`, and the output of block `last`.
std::pair<at::Tensor, at::Tensor> plain_states(const model::Decoder& decoder, const EditRow& row, std::int64_t layer,
                                               std::int64_t last) {
    const at::NoGradGuard no_grad;
    const at::Tensor ids =
        at::tensor(std::vector<std::int64_t>(row.ids.begin(), row.ids.end()), at::kLong).unsqueeze(0);
    const model::Context context = decoder.context({ids, {}});
    const auto at_subject = [&](const at::Tensor& states) {
        return states[0][static_cast<std::int64_t>(row.subject_last)].to(at::kDouble);
    };
    at::Tensor hidden = decoder.embed(ids, context), key;
    for (std::int64_t l = 0; l <= last; ++l) {
        const at::Tensor stream = decoder.after_attention(l, hidden, context);
        if (l == layer) key = at_subject(decoder.mlp_key(l, hidden, stream));
        hidden = decoder.block(l, hidden, context);
    }
    return {key, at_subject(hidden)};
}

struct Columns {
    at::Tensor keys, present;  // [intermediate, fact], [hidden, fact] fp64
};

// Keys with half the weight on the bare prompt, and the bare prompt's block output.
Columns plain_columns(const Case& tiny, const std::vector<Fact>& facts, const std::vector<std::string>& prefixes,
                      std::int64_t layer, std::int64_t last) {
    std::vector<at::Tensor> keys, present;
    for (const Fact& fact : facts) {
        at::Tensor bare, others;
        for (std::size_t p = 0; p < prefixes.size(); ++p) {
            const EditRow row =
                make_row(tiny.tokenizer, prefixes[p], fact.prompt, fact.subject, fact.target_new, 1 << 20);
            const auto [key, block] = plain_states(tiny.decoder, row, layer, last);
            if (p == 0) {
                bare = key;
                present.push_back(block);
            } else {
                others = others.defined() ? others + key : key;
            }
        }
        keys.push_back(0.5 * bare + 0.5 * others / static_cast<double>(prefixes.size() - 1));
    }
    return {at::stack(keys, 1), at::stack(present, 1)};
}

// What the plain computations share: z by naive optimisation on the present weights, then layer by layer the rest of
// what is missing over the layers that are left, by `update`(layer position, K, R), added to the weights in fp64.
using Update = std::function<at::Tensor(std::size_t position, const at::Tensor& keys, const at::Tensor& residuals)>;

void plain_batch(Case& tiny, const std::vector<Fact>& facts, const std::vector<std::string>& prefixes,
                 const EditOptions& options, const Update& update) {
    const std::int64_t last = options.layers.back();
    ValueOptions values = options.value;
    values.site = ValueSite::kBlockOutput;
    values.layer = last;
    std::vector<at::Tensor> wanted;
    for (const Fact& fact : facts) {
        ValueProblem problem;
        for (const std::string& prefix : prefixes) {
            problem.rows.push_back(
                make_row(tiny.tokenizer, prefix, fact.prompt, fact.subject, fact.target_new, 1 << 20));
        }
        problem.kl_row = make_row(tiny.tokenizer, "", "{} is a", fact.subject, "", 1 << 20);
        const FactValue value = testing::naive_value(tiny.decoder, problem, values);
        wanted.push_back((value.initial + value.delta).to(at::kDouble));
    }
    const at::Tensor z = at::stack(wanted, 1);
    for (std::size_t position = 0; position < options.layers.size(); ++position) {
        const Columns columns = plain_columns(tiny, facts, prefixes, options.layers[position], last);
        const at::Tensor residuals = (z - columns.present) / static_cast<double>(options.layers.size() - position);
        at::Tensor change = update(position, columns.keys, residuals);
        const std::string name = tiny.decoder.mlp_output_name(options.layers[position]);
        if (tiny.decoder.stores_transposed(name)) change = change.t();
        const at::NoGradGuard no_grad;
        at::Tensor weight = tiny.decoder.parameter(name);
        weight.copy_((weight.to(at::kDouble) + change).to(at::kFloat));
    }
}

// How far the changes of two copies of one model are apart, relative to one of them, in the worst edited layer.
double difference(const Case& edited, const Case& plain, const Case& start, const EditOptions& options) {
    double worst = 0;
    for (const std::int64_t layer : options.layers) {
        const std::string name = start.decoder.mlp_output_name(layer);
        const auto change = [&](const Case& of) {
            return of.decoder.parameter(name).to(at::kDouble) - start.decoder.parameter(name).to(at::kDouble);
        };
        const at::Tensor expected = change(plain);
        EXPECT_GT(expected.norm().item<double>(), 1e-4) << name;
        worst = std::max(worst, ((change(edited) - expected).norm() / expected.norm()).item<double>());
    }
    return worst;
}

class AsPublishedFamily : public ::testing::TestWithParam<std::string> {};

TEST_P(AsPublishedFamily, MemitIsAPlainLoopOverItsLayers) {
    Case edited = fresh(GetParam()), plain = fresh(GetParam());
    const Case start = fresh(GetParam());
    const EditInputs inputs = inputs_of(edited, some_facts());
    const EditOptions options = tiny_options("memit", "gpt2-xl");
    const EditResult result = edit(*nepenthe::testing::world, edited.decoder, inputs, options, {});
    const at::Tensor moment = made_moment(edited.decoder.config().intermediate);
    plain_batch(plain, inputs.facts, result.prefixes, options,
                [&](std::size_t, const at::Tensor& keys, const at::Tensor& residuals) {
                    const at::Tensor system = options.lambda * moment + at::matmul(keys, keys.t());
                    return at::matmul(residuals, at::linalg_solve(system, keys).t());
                });
    EXPECT_LT(difference(edited, plain, start, options), 2e-3);
}

// Two batches in sequence: the second one also weighs the keys of the first, as they are after it was written.
TEST_P(AsPublishedFamily, AlphaEditIsAPlainLoopWithTheKeysOfEarlierBatches) {
    Case edited = fresh(GetParam()), plain = fresh(GetParam());
    const Case start = fresh(GetParam());
    const EditInputs inputs = inputs_of(edited, some_facts());
    EditOptions options = tiny_options("alphaedit", "gpt2-xl");
    options.batch = 3;
    const EditResult result = edit(*nepenthe::testing::world, edited.decoder, inputs, options, {});
    const std::int64_t width = edited.decoder.config().intermediate;
    const auto [eigenvalues, eigenvectors] = at::linalg_eigh(made_moment(width));
    const at::Tensor kept = eigenvalues.lt(options.tau).to(at::kDouble);
    ASSERT_GT(kept.sum().item<double>(), 3);
    ASSERT_LT(kept.sum().item<double>(), static_cast<double>(width));
    const at::Tensor projection = at::matmul(eigenvectors * kept, eigenvectors.t());
    std::vector<at::Tensor> cached(options.layers.size(), at::zeros({width, width}, at::kDouble));
    const std::vector<Fact> first(inputs.facts.begin(), inputs.facts.begin() + 3),
        second(inputs.facts.begin() + 3, inputs.facts.end());
    for (const std::vector<Fact>& batch : {first, second}) {
        plain_batch(plain, batch, result.prefixes, options,
                    [&](std::size_t position, const at::Tensor& keys, const at::Tensor& residuals) {
                        // As the authors' code solves it: not symmetric, in all dimensions.
                        const at::Tensor system =
                            at::matmul(projection, at::matmul(keys, keys.t()) + cached[position]) +
                            options.l2 * at::eye(width, at::kDouble);
                        const at::Tensor right = at::matmul(projection, at::matmul(keys, residuals.t()));
                        return at::linalg_solve(system, right).t();
                    });
        for (std::size_t position = 0; position < options.layers.size(); ++position) {
            const at::Tensor keys =
                plain_columns(plain, batch, result.prefixes, options.layers[position], options.layers.back()).keys;
            cached[position] = cached[position] + at::matmul(keys, keys.t());
        }
    }
    EXPECT_LT(difference(edited, plain, start, options), 5e-3);
}

INSTANTIATE_TEST_SUITE_P(Families, AsPublishedFamily, ::testing::Values("gpt2", "gptj", "llama"),
                         [](const auto& tested) { return tested.param; });

// The residual over the prefixes is another one at the block's output, too.
TEST(AsPublished, TheResidualIsTakenWhereItIsAskedFor) {
    std::map<ResidualAt, std::string> bytes;
    for (const ResidualAt residual : {ResidualAt::kBare, ResidualAt::kMean}) {
        Case tiny = fresh("llama");
        EditOptions options = tiny_options("memit", "gpt2-xl");
        options.residual = residual;
        edit(*nepenthe::testing::world, tiny.decoder, inputs_of(tiny, some_facts()), options, {});
        bytes[residual] = testing::weight_bytes(tiny.decoder);
    }
    EXPECT_NE(bytes[ResidualAt::kBare], bytes[ResidualAt::kMean]);
    Case tiny = fresh("llama");
    EditOptions options = tiny_options("memit", "gpt2-xl");
    options.residual.reset();
    edit(*nepenthe::testing::world, tiny.decoder, inputs_of(tiny, some_facts()), options, {});
    EXPECT_EQ(testing::weight_bytes(tiny.decoder), bytes[ResidualAt::kBare]) << "what is published is the default";
}

TEST(AsPublished, PrefixesBeginWhereTheAuthorsDo) {
    const Case tiny = fresh("gpt2");
    EditOptions options = published_options(find_published_edit("rome", {}, "gpt2-xl"));
    const std::vector<std::string> from_start = make_prefixes(tiny.decoder, tiny.tokenizer, options.prefixes());
    options.text_start_prefixes = false;
    const std::vector<std::string> from_words = make_prefixes(tiny.decoder, tiny.tokenizer, options.prefixes());
    ASSERT_EQ(from_start.size(), 21u);
    ASSERT_EQ(from_words.size(), 21u);
    EXPECT_TRUE(from_start[0].empty() && from_words[0].empty());
    EXPECT_TRUE(from_words[1].starts_with("The") && from_words[2].starts_with("Therefore"));
    std::size_t with_word = 0;
    for (const std::string& prefix : from_start) with_word += prefix.starts_with("The") ? 1 : 0;
    EXPECT_LT(with_word, from_start.size() / 2);
    WiseOptions wise;
    wise.as_published = true;
    const std::vector<std::string> of_wise = make_prefixes(tiny.decoder, tiny.tokenizer, wise_prefixes(wise));
    ASSERT_EQ(of_wise.size(), 11u);
    EXPECT_TRUE(of_wise[1].starts_with("I") && of_wise[4].starts_with("Yes") && of_wise[5].starts_with("Q:"));
    EXPECT_EQ(of_wise, make_prefixes(tiny.decoder, tiny.tokenizer, wise_prefixes([&] {
                                         WiseOptions other = wise;
                                         other.seed = 9;
                                         return other;
                                     }())))
        << "they are the likeliest continuations, whatever the seed";
}

}  // namespace
}  // namespace nepenthe::edit
