// Ledgers, delta files and the check of a saved model: what is written comes back, what is not ours is refused.

#include "edit/ledger.h"

#include "base/error.h"
#include "edit/delta_file.h"
#include "edit/edit_cases.h"
#include "edit/post_norm.h"
#include "edit/verify_edit.h"
#include "expected_errors.h"
#include "io/file.h"
#include "model/checkpoint_io.h"
#include "mpi_world.h"
#include "shared_folder.h"

#include <gtest/gtest.h>

namespace nepenthe::edit {
namespace {

using nepenthe::testing::expect_contains;
using nepenthe::testing::message_of;
using testing::inputs_of;
using testing::kStories;
using testing::options_for;
using testing::some_facts;
using testing::stories;

struct Written {
    testing::Case tiny = stories();
    EditInputs inputs = inputs_of(tiny, some_facts());
    EditOptions options = options_for(Method::kMemit);
    EditResult result = edit(*nepenthe::testing::world, tiny.decoder, inputs, options, {});
};

TEST(Ledger, ComesBackAsItWasWritten) {
    nepenthe::testing::SharedFolder folder(*nepenthe::testing::world);
    const Written written;
    const LedgerClaims claims{written.options.to_json(), "model", "tokenizer", ""};
    std::vector<Fact> facts = written.inputs.facts;
    facts[0].neighbourhood = {{"Tom went to the", "park"}};
    facts[1].source = {{"page", 7}};
    const Json metrics = {{"after", {{"rows", {1, 2}}}}};
    write_ledger(*nepenthe::testing::world, folder.path() / kLedgerFile, claims, facts, written.result, metrics);
    const Ledger ledger = read_ledger(folder.path());
    EXPECT_EQ(facts_digest(ledger.facts), facts_digest(facts));
    EXPECT_EQ(ledger.prefixes, written.result.prefixes);
    EXPECT_EQ(ledger.metrics, metrics);
    EXPECT_EQ(EditOptions::from_json(ledger.claims.options).to_json(), written.options.to_json());
    ASSERT_EQ(ledger.records.size(), written.result.records.size());
    for (std::size_t i = 0; i < ledger.records.size(); ++i) {
        const EditRecord &back = ledger.records[i], &was = written.result.records[i];
        EXPECT_EQ(pack_values({back.value}), pack_values({was.value}));
        EXPECT_TRUE(at::equal(back.key, was.key));
        EXPECT_TRUE(at::equal(back.residual, was.residual));
        EXPECT_EQ(back.block_key, was.block_key);
    }
    EXPECT_EQ(ledger.known_values().size(), 5u);
    EXPECT_NE(describe(ledger).find("The little dog likes to eat → cake"), std::string::npos);

    Ledger other = ledger;
    other.facts.pop_back();
    other.facts[1].target_new = "car";
    other.claims.options["lambda"] = 3;
    const LedgerDifference found = difference(ledger, other);
    EXPECT_EQ(found.only_first, std::vector<std::string>{"e"});
    EXPECT_EQ(found.changed, std::vector<std::string>{"b"});
    EXPECT_TRUE(found.options.contains("lambda"));
}

TEST(Ledger, OptionsOfEveryMethodComeBack) {
    for (const std::string& name : method_names()) {
        const EditOptions options = options_for(parse_method(name));
        EXPECT_EQ(EditOptions::from_json(options.to_json()).to_json(), options.to_json()) << name;
    }
    EditOptions fewer = options_for(Method::kMemit);
    EXPECT_EQ(fewer.prefixes().counts, std::vector<std::int64_t>{5});
    fewer.prefix_count = 0;
    const EditOptions back = EditOptions::from_json(fewer.to_json());
    EXPECT_EQ(back.prefixes().counts, std::vector<std::int64_t>{0});
    EXPECT_NE(back.values_json(), options_for(Method::kMemit).values_json());
}

TEST(DeltaFile, FactorsMultiplyToTheChangeAndUndoRestores) {
    nepenthe::testing::SharedFolder folder(*nepenthe::testing::world);
    const Written written;
    auto& decoder = const_cast<model::Decoder&>(written.tiny.decoder);
    if (nepenthe::testing::world->is_root()) {
        write_deltas(folder.path() / kDeltaFile, written.result.deltas, decoder);
        write_undo(folder.path() / kUndoFile, kStories, {written.result.deltas[0].tensor});
    }
    nepenthe::testing::world->barrier();
    const auto deltas = read_deltas(folder.path() / kDeltaFile);
    ASSERT_EQ(deltas.size(), 1u);
    EXPECT_EQ(deltas[0].update.left.size(1), 5) << "five facts: rank five";
    const at::Tensor exact = written.result.deltas[0].update.dense();
    EXPECT_LT(((deltas[0].update.dense() - exact).norm() / exact.norm()).item<double>(), 1e-6);
    restore_tensors(folder.path() / kUndoFile, decoder);
    EXPECT_EQ(testing::weight_bytes(decoder), testing::weight_bytes(stories().decoder));
}

TEST(CheckSaved, FindsWhatShouldNotHaveChanged) {
    nepenthe::testing::SharedFolder folder(*nepenthe::testing::world);
    const Written written;
    const std::string tensor = written.result.deltas[0].tensor;
    const std::filesystem::path saved = folder.path() / std::to_string(nepenthe::testing::world->rank());
    std::filesystem::create_directories(saved);
    model::save_model(written.tiny.decoder, kStories, saved);
    const std::vector<std::vector<std::int64_t>> probes = {{1, 5, 9}, {1, 7}};
    const SavedCheck good = check_saved(kStories, saved, {tensor}, written.tiny.decoder, probes);
    EXPECT_EQ(good.changed, std::vector<std::string>{tensor});
    EXPECT_EQ(good.rounding, 0) << "the checkpoint is fp32";
    EXPECT_EQ(good.logit_difference, 0);

    const auto refusal = [&](const std::vector<std::string>& declared, const model::Decoder& decoder) {
        return message_of(ErrorKind::kGate, [&] { check_saved(kStories, saved, declared, decoder, probes); });
    };
    expect_contains(refusal({}, written.tiny.decoder), "not among the edited");
    expect_contains(refusal({tensor}, stories().decoder), "rounded once");
}

TEST(PostNorm, InvertsWhatTheNormCanGive) {
    for (const char* const family : {"gemma3_text", "olmo2", "llama", "granite", "glm4"}) {
        const testing::Case tiny = testing::fresh(family);
        const PostNorm norm(tiny.decoder, 1);
        const std::int64_t hidden = tiny.decoder.config().hidden;
        const at::Tensor now = at::sin(at::arange(hidden, at::kDouble) * 3.7),
                         other = at::cos(at::arange(hidden, at::kDouble) * 1.3);
        const at::Tensor reachable = norm.apply(other);
        const at::Tensor stream = at::zeros({1, 1, hidden});
        const at::Tensor added = tiny.decoder.after_mlp(1, stream, other.to(at::kFloat).view({1, 1, hidden})).flatten();
        EXPECT_LT(((added.to(at::kDouble) - reachable).norm() / reachable.norm()).item<double>(), 1e-3) << family;
        const at::Tensor found = norm.invert(reachable, now);
        EXPECT_LT(((norm.apply(found) - reachable).norm() / reachable.norm()).item<double>(), 1e-4) << family;
        if (!norm.exists()) continue;
        EXPECT_NEAR(found.norm().item<double>(), now.norm().item<double>(), 1e-6);
        // A contribution that is too long: no output comes nearer than the one that is found.
        const at::Tensor wanted = 2 * reachable + 0.3 * now;
        const double best = (norm.apply(norm.invert(wanted, now)) - wanted).norm().item<double>();
        for (int i = 0; i < 20; ++i) {
            const at::Tensor near =
                norm.invert(wanted, now) + 0.05 * at::sin(at::arange(hidden, at::kDouble) * (0.3 + i));
            EXPECT_GE((norm.apply(near) - wanted).norm().item<double>(), best - 1e-9) << family;
        }
    }
}

}  // namespace
}  // namespace nepenthe::edit
