// What is published is done: every row of rows.h holds its authors' numbers, and the multi-layer loops of MEMIT and
// AlphaEdit and the steps of WISE are those of plain computations of their own.

#include "base/error.h"
#include "edit/edit_cases.h"
#include "edit/memories/side_merge.h"
#include "edit/memories/wise.h"
#include "edit/published/rows.h"
#include "edit/value_reference.h"
#include "expected_errors.h"
#include "model/linear.h"
#include "mpi_world.h"

#include <fmt/ranges.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/types.h>

#include <cmath>
#include <map>
#include <numeric>

namespace nepenthe::edit {
namespace {

using nepenthe::testing::message_of;
using testing::Case;
using testing::inputs_of;
using testing::made_moment;
using testing::some_facts;

// One line a row, as it stands in the authors' file: layers, v_num_grad_steps, v_lr, clamp_norm_factor, v_weight_decay,
// kl_factor, mom2_adjustment, prefixes from the text's start, mom2_update_weight, nullspace_threshold, L2.
std::string line_of(const PublishedEdit& row) {
    return fmt::format("{} {}: {} | {} {} {} {} {} | {} {} | {} {} {}", row.method, row.model.name,
                       fmt::join(row.layers, ","), row.steps, row.lr, row.clamp, row.decay, row.kl, row.moments,
                       row.text_start, row.lambda, row.tau, row.l2);
}

TEST(AsPublished, EveryRowOfEditsHoldsItsAuthorsNumbers) {
    const std::vector<std::string> expected = {
        "rome gpt2-medium: 8 | 20 0.5 3 0.5 0.0625 | true true | 0 0 0",
        "rome gpt2-large: 12 | 20 0.5 4 0.5 0.0625 | true true | 0 0 0",
        "rome gpt2-xl: 17 | 20 0.5 4 0.5 0.0625 | true true | 0 0 0",
        "rome gpt-j-6b: 5 | 20 0.5 4 0.5 0.0625 | true true | 0 0 0",
        "rome gpt-neox-20b: 15 | 20 0.5 4 0.5 0.0625 | true true | 0 0 0",
        "rome llama-2-7b: 5 | 25 0.5 4 0.001 0.0625 | false false | 0 0 0",
        "rome llama-3-8b: 5 | 25 0.5 4 0.001 0.0625 | false false | 0 0 0",
        "rome llama-3.2-3b: 5 | 25 0.5 4 0.001 0.0625 | false false | 0 0 0",
        "rome mistral-7b: 5 | 25 0.5 4 0.001 0.0625 | false false | 0 0 0",
        "rome qwen2.5-7b: 5 | 25 0.5 4 0.001 0.0625 | false false | 0 0 0",
        "memit gpt2-xl: 13,14,15,16,17 | 20 0.5 0.75 0.5 0.0625 | true false | 20000 0 0",
        "memit gpt-j-6b: 3,4,5,6,7,8 | 25 0.5 0.75 0.5 0.0625 | true false | 15000 0 0",
        "memit llama-2-7b: 4,5,6,7,8 | 25 0.5 4 0.001 0.0625 | true false | 15000 0 0",
        "memit llama-3-8b: 4,5,6,7,8 | 25 0.1 0.75 0.5 0.0625 | true false | 15000 0 0",
        "memit llama-3.2-3b: 4,5,6,7,8 | 25 0.5 4 0.001 0.0625 | true false | 15000 0 0",
        "memit mistral-7b: 4,5,6,7,8 | 25 0.5 4 0.001 0.0625 | true false | 15000 0 0",
        "memit qwen2.5-7b: 4,5,6,7,8 | 25 0.5 4 0.001 0.0625 | true false | 15000 0 0",
        "alphaedit gpt2-xl: 13,14,15,16,17 | 20 0.5 0.75 0.5 0.0625 | true false | 0 0.02 10",
        "alphaedit gpt-j-6b: 3,4,5,6,7,8 | 25 0.5 0.75 0.5 0.0625 | true false | 0 0.02 10",
        "alphaedit llama-3-8b: 4,5,6,7,8 | 25 0.1 0.75 0.5 0.0625 | true false | 0 0.02 10",
        "alphaedit llama-3.1-8b: 4,5,6,7,8 | 25 0.1 0.75 0.5 0.0625 | true false | 0 0.02 10",
        "alphaedit qwen2.5-7b: 4,5,6,7,8 | 25 0.5 4 0.001 0.0625 | true false | 0 0.02 1",
    };
    ASSERT_EQ(published_edits().size(), expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
        EXPECT_EQ(line_of(published_edits()[i]), expected[i]);
        EXPECT_NE(published_edits()[i].source.find("hparams/"), std::string::npos) << expected[i];
    }
}

// inner_params, n_iter, edit_lr, act_margin, act_ratio, use_chat_template.
TEST(AsPublished, EveryRowOfWiseHoldsItsAuthorsNumbers) {
    const std::vector<std::string> expected = {
        "llama-2-7b: 27 | 70 1 | 5 20 10 | 0.88 false",    "mistral-7b: 27 | 70 1 | 5 20 10 | 0.88 false",
        "gpt-j-6b: 21 | 70 1 | 15 40 20 | 0.88 false",     "llama-3-8b: 29 | 30 0.9 | 2 20 10 | 0.5 true",
        "llama-3.1-8b: 29 | 30 0.9 | 5 10 10 | 0.88 true", "llama-3.2-3b: 27 | 70 1 | 5 20 10 | 0.88 true",
        "qwen2.5-7b: 23 | 70 1 | 5 20 10 | 0.88 true"};
    ASSERT_EQ(published_wise().size(), expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
        const PublishedWise& row = published_wise()[i];
        EXPECT_EQ(fmt::format("{}: {} | {} {} | {} {} {} | {} {}", row.model.name, row.layer, row.steps, row.lr,
                              row.alpha, row.beta, row.gamma, row.ratio, row.chat_template),
                  expected[i]);
        const WiseOptions options = WiseOptions::published(row);
        EXPECT_EQ(options.mask_ratio, 0.2);
        EXPECT_EQ(options.clamp, 1.0);
        EXPECT_EQ(options.facts_per_shard, 500);
        EXPECT_EQ(options.merge_shards, 2);
        EXPECT_EQ(options.merge_density, 0.53);
        EXPECT_EQ(options.irrelevant_rows, 1);
    }
}

model::DecoderConfig config_of(const PublishedModel& model) {
    model::DecoderConfig config;
    config.family = model.family;
    config.layers = model.layers;
    config.hidden = model.hidden;
    config.intermediate = model.intermediate;
    config.max_positions = model.positions == 0 ? 4096 : model.positions;
    return config;
}

TEST(AsPublished, AModelIsKnownByItsNumbersAndOthersAreToldTheRows) {
    for (const PublishedEdit& row : published_edits()) {
        EXPECT_EQ(find_published_edit(row.method, config_of(row.model)).model.name, row.model.name);
    }
    for (const PublishedWise& row : published_wise()) {
        EXPECT_EQ(find_published_wise(config_of(row.model)).model.name, row.model.name);
    }
    model::DecoderConfig other = config_of(published_edits().front().model);
    other.layers = 12;
    const std::string refusal = message_of(ErrorKind::kUsage, [&] { find_published_edit("memit", other); });
    for (const char* part : {"memit", "gpt2", "12 layers", "gpt2-xl, gpt-j-6b", "--published-row"}) {
        EXPECT_NE(refusal.find(part), std::string::npos) << refusal;
    }
    EXPECT_EQ(find_published_edit("memit", other, "gpt-j-6b").layers.size(), 6u);
    message_of(ErrorKind::kUsage, [&] { find_published_edit("memit", other, "gpt2"); });
    message_of(ErrorKind::kUsage, [&] { find_published_edit("emmet", other); });
    message_of(ErrorKind::kUsage, [&] { find_published_wise(other); });
}

TEST(AsPublished, MethodsDoWhatTheirAuthorsCodeDoes) {
    const auto options_of = [](const char* method, const char* name) {
        return published_options(find_published_edit(method, {}, name));
    };
    const EditOptions rome = options_of("rome", "gpt2-xl");
    EXPECT_EQ(rome.method, Method::kRome);
    EXPECT_EQ(rome.value_site(), ValueSite::kMlpOutput);
    EXPECT_EQ(rome.value.relative_lr, 0) << "steps are absolute";
    EXPECT_EQ(rome.prefixes().counts, (std::vector<std::int64_t>{10, 10}));
    EXPECT_EQ(rome.prefixes().beginnings, (std::vector<std::string>{""}));
    EXPECT_EQ(rome.prefix_mean(), PrefixMean::kFlat);
    const EditOptions memit = options_of("memit", "gpt2-xl");
    EXPECT_EQ(memit.mode, Mode::kBatch);
    EXPECT_EQ(memit.value_site(), ValueSite::kBlockOutput);
    EXPECT_EQ(memit.residual_at(), ResidualAt::kBare);
    EXPECT_EQ(memit.prefixes().counts, (std::vector<std::int64_t>{5}));
    EXPECT_EQ(memit.prefixes().beginnings.size(), 5u);
    EXPECT_EQ(memit.prefix_mean(), PrefixMean::kHalfBare);
    const EditOptions alphaedit = options_of("alphaedit", "llama-3-8b");
    EXPECT_EQ(alphaedit.mode, Mode::kSequential);
    EXPECT_EQ(alphaedit.batch, 100);
    EXPECT_EQ(EditOptions::from_json(memit.to_json()).to_json(), memit.to_json());
    EXPECT_EQ(EditOptions::from_json(rome.to_json()).to_json(), rome.to_json());
}

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
    Case tiny = fresh("llama");
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
