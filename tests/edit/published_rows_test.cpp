// Every row of rows.h holds its authors' numbers, and sets what their code does.

#include "base/error.h"
#include "edit/edit_options.h"
#include "edit/memories/wise.h"
#include "edit/published/rows.h"
#include "expected_errors.h"

#include <fmt/ranges.h>
#include <gtest/gtest.h>

namespace nepenthe::edit {
namespace {

using nepenthe::testing::message_of;

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

}  // namespace
}  // namespace nepenthe::edit
