// Whole edits on small models: what each method promises about its keys, modes, repeated subjects, restored bytes, and
// one result for every number of ranks.

#include "edit/edit.h"

#include "base/error.h"
#include "base/hash.h"
#include "edit/edit_cases.h"
#include "edit/edit_context.h"
#include "edit/keys/keys.h"
#include "expected_errors.h"
#include "mpi_world.h"
#include "shared_folder.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <limits>
#include <numeric>
#include <tuple>

namespace nepenthe::edit {
namespace {

using nepenthe::testing::message_of;
using testing::Case;
using testing::fact;
using testing::fresh;
using testing::inputs_of;
using testing::options_for;
using testing::some_facts;
using testing::stories;
using testing::weight_bytes;

EditResult run(Case& tiny, const EditInputs& inputs, const EditOptions& options, const EditHooks& hooks = {}) {
    return edit(*nepenthe::testing::world, tiny.decoder, inputs, options, {}, hooks);
}

FactKeys keys_now(const Case& tiny, const EditInputs& inputs, const EditOptions& options, const EditResult& result,
                  const EditRecord& record) {
    const EditContext context(tiny.decoder.config(), tiny.tokenizer, inputs.facts, options, result.prefixes);
    const UnitRows rows = context.rows({record.facts, {}});
    const std::int64_t layer = options.layers.back();
    return gather_keys(tiny.decoder, std::span(&rows.rows, 1), rows.weights, layer, layer).front();
}

double distance(const at::Tensor& a, const at::Tensor& b) { return ((a - b).norm() / b.norm()).item<double>(); }

at::Tensor wanted(const EditRecord& record) { return (record.value.initial + record.value.delta).to(at::kDouble); }

class EditFamily : public ::testing::TestWithParam<std::string> {};

// T2: the matrix writes the value at the key that the method promises; pre- and post-norm families, both orientations.
TEST_P(EditFamily, RankOneMethodsWriteTheirValueAtTheirKey) {
    for (const Method method : {Method::kRRome, Method::kRome, Method::kPRome}) {
        Case tiny = fresh(GetParam());
        const EditInputs inputs = inputs_of(tiny, {some_facts()[0]});
        const EditOptions options = options_for(method);
        const EditResult result = run(tiny, inputs, options);
        ASSERT_EQ(result.records.size(), 1u);
        const FactKeys now = keys_now(tiny, inputs, options, result, result.records[0]);
        const at::Tensor& written = method == Method::kRRome ? now.mean_output : now.bare_output;
        EXPECT_LT(distance(written, wanted(result.records[0])), 1e-5) << method_name(method);
        EXPECT_LT(result.records[0].value.nll, result.records[0].value.first_nll);
        EXPECT_GT(result.deltas[0].norm, 0);
    }
}

TEST_P(EditFamily, EqualityOfABatchHoldsForEveryFact) {
    Case tiny = fresh(GetParam());
    const EditInputs inputs = inputs_of(tiny, some_facts());
    EditOptions options = options_for(Method::kEmmet);
    options.emmet_mu = 0;
    const EditResult result = run(tiny, inputs, options);
    for (const EditRecord& record : result.records) {
        EXPECT_LT(distance(keys_now(tiny, inputs, options, result, record).mean_output, wanted(record)), 1e-3)
            << record.note;
    }
}

TEST_P(EditFamily, SeveralLayersBringTheBlocksOutputToItsValue) {
    Case tiny = fresh(GetParam());
    const EditInputs inputs = inputs_of(tiny, {some_facts()[0], some_facts()[1]});
    EditOptions options = options_for(Method::kMemit);
    options.layers = {0, 1};
    options.lambda = 1e-6;
    options.value.clamp = 0.2;
    const EditResult result = run(tiny, inputs, options);
    ASSERT_EQ(result.deltas.size(), 2u);
    EXPECT_EQ(result.deltas[1].layer, 1);
    for (const EditRecord& record : result.records) {
        const double before = (record.value.delta.norm() / wanted(record).norm()).item<double>();
        const double after = distance(keys_now(tiny, inputs, options, result, record).bare_block, wanted(record));
        EXPECT_LT(after, before) << "the value is nearer than it was";
    }
    EXPECT_LT(result.deltas[1].error_before, result.deltas[0].error_before) << "the first layer took its share";
}

INSTANTIATE_TEST_SUITE_P(Families, EditFamily,
                         ::testing::Values("gpt2", "llama", "gemma3_text", "olmo2", "gptj", "granite", "bloom", "glm4"),
                         [](const auto& tested) { return tested.param; });

TEST(Edit, WhereANormFollowsTheSumOneLayerIsEditedAndSeveralAreRefused) {
    Case tiny = fresh("opt_post_norm");
    const EditInputs inputs = inputs_of(tiny, {some_facts()[0]});
    EditOptions options = options_for(Method::kMemit);
    EXPECT_GT(run(tiny, inputs, options).deltas[0].norm, 0);
    options.layers = {0, 1};
    EXPECT_THROW(run(tiny, inputs, options), Error);
}

TEST(Edit, EveryMethodMakesTheTargetLikelier) {
    for (const std::string& name : method_names()) {
        Case tiny = stories();
        const EditInputs inputs = inputs_of(tiny, some_facts());
        EditOptions options = options_for(parse_method(name));
        options.fine_tune.lr = 5e-3;
        options.fine_tune.box = 0.05;
        const std::vector<std::string> bare = {""};
        const EditContext context(tiny.decoder.config(), tiny.tokenizer, inputs.facts, options, bare);
        const auto first_nll = [&](std::size_t i) {
            const EditRow row = context.rows({{i}, {}}).rows.front();
            const at::NoGradGuard no_grad;
            const at::Tensor ids =
                at::tensor(std::vector<std::int64_t>(row.ids.begin(), row.ids.end()), at::kLong).unsqueeze(0);
            const at::Tensor logits =
                tiny.decoder.logits({ids, {}})[0][static_cast<std::int64_t>(row.ids.size() - row.targets.size())];
            return -logits.log_softmax(-1)[row.targets.front()].item<double>();
        };
        double before = 0, after = 0;
        for (std::size_t i = 0; i < inputs.facts.size(); ++i) before += first_nll(i);
        run(tiny, inputs, options);
        for (std::size_t i = 0; i < inputs.facts.size(); ++i) after += first_nll(i);
        EXPECT_LT(after, 0.75 * before) << name;
    }
}

// T9: one at a time leaves every byte as it was, and the probe sees each fact alone.
TEST(Edit, OneAtATimeRestoresTheWeightsBitByBit) {
    for (const Method method : {Method::kRRome, Method::kMemit, Method::kFineTune}) {
        Case tiny = stories();
        const std::string before = weight_bytes(tiny.decoder);
        EditOptions options = options_for(method);
        options.mode = Mode::kOneAtATime;
        EditHooks hooks;
        hooks.probe = [&](const model::Decoder& decoder, std::size_t index) {
            EXPECT_NE(weight_bytes(decoder), before);
            return sha256_hex(weight_bytes(decoder)) + std::to_string(index);
        };
        const EditResult together = run(tiny, inputs_of(tiny, some_facts()), options, hooks);
        EXPECT_EQ(weight_bytes(tiny.decoder), before);
        ASSERT_EQ(together.records.size(), 5u);
        ASSERT_EQ(together.deltas.size(), 5u);
        // The third fact by itself leaves the same weights as in company.
        const EditResult alone = run(tiny, inputs_of(tiny, {some_facts()[2]}), options, hooks);
        EXPECT_EQ(alone.records[0].probe.substr(0, 64), together.records[2].probe.substr(0, 64));
        EXPECT_EQ(together.records[4].probe.back(), '4');
        if (method == Method::kRRome) {
            EXPECT_EQ(together.deltas[3].update.right.size(0), 1);
        }
    }
}

TEST(Edit, AFailingProbeLeavesTheWeightsAsTheyWere) {
    Case tiny = stories();
    const std::string before = weight_bytes(tiny.decoder);
    EditOptions options = options_for(Method::kRRome);
    options.mode = Mode::kOneAtATime;
    EditHooks hooks;
    hooks.probe = [](const model::Decoder&, std::size_t) -> std::string { fail(ErrorKind::kInternal, "no"); };
    message_of(ErrorKind::kInternal, [&] { run(tiny, inputs_of(tiny, some_facts()), options, hooks); });
    EXPECT_EQ(weight_bytes(tiny.decoder), before);
}

TEST(Edit, SequentialRomeWritesEachFactOnWhatTheLastOneLeft) {
    Case tiny = stories();
    const EditInputs inputs = inputs_of(tiny, some_facts());
    const EditOptions options = options_for(Method::kRRome);
    std::vector<std::string> seen;
    EditHooks hooks;
    hooks.after = [&](const model::Decoder& decoder, const std::vector<EditUnit>&) {
        seen.push_back(weight_bytes(decoder));
    };
    const EditResult result = run(tiny, inputs, options, hooks);
    ASSERT_EQ(seen.size(), 5u);
    EXPECT_EQ(result.units_written, 5u);
    EXPECT_EQ(seen.back(), weight_bytes(tiny.decoder));
    // The sum of all deltas is the change.
    at::Tensor sum = at::zeros({128, 384}, at::kDouble);
    for (const Delta& delta : result.deltas) sum += delta.update.dense();
    const at::Tensor change = tiny.decoder.parameter(result.deltas[0].tensor).to(at::kDouble) -
                              stories().decoder.parameter(result.deltas[0].tensor).to(at::kDouble);
    EXPECT_LT(distance(sum, change), 1e-4);
}

TEST(Edit, AGateRollsTheLastBatchBackAndEndsASequentialRun) {
    Case tiny = stories();
    std::string kept;
    std::size_t batches = 0;
    EditOptions options = options_for(Method::kAlphaEdit);
    options.mode = Mode::kSequential;
    options.batch = 2;
    EditHooks hooks;
    hooks.after = [&](const model::Decoder& decoder, const std::vector<EditUnit>&) {
        if (++batches == 2) fail(ErrorKind::kGate, "perplexity 99 is above the budget");
        kept = weight_bytes(decoder);
    };
    const EditResult result = run(tiny, inputs_of(tiny, some_facts()), options, hooks);
    EXPECT_EQ(result.units_written, 2u);
    EXPECT_EQ(result.records.size(), 2u);
    EXPECT_NE(result.stopped.find("perplexity 99"), std::string::npos);
    EXPECT_EQ(weight_bytes(tiny.decoder), kept);
}

TEST(Edit, AGateInBatchModeEndsWithTheOriginalWeights) {
    Case tiny = stories();
    const std::string before = weight_bytes(tiny.decoder);
    EditHooks hooks;
    hooks.after = [](const model::Decoder&, const std::vector<EditUnit>&) { fail(ErrorKind::kGate, "no"); };
    message_of(ErrorKind::kGate, [&] { run(tiny, inputs_of(tiny, some_facts()), options_for(Method::kMemit), hooks); });
    EXPECT_EQ(weight_bytes(tiny.decoder), before);
}

TEST(Edit, FactsThatShareASubjectAreRefusedMergedOrKept) {
    const std::vector<Fact> facts = {fact("a", "Lily", "{} went to the", "moon"),
                                     fact("b", "Lily", "{} likes to eat", "cake"),
                                     fact("c", "Tom", "{} has a big red", "boat")};
    Case tiny = stories();
    EditOptions options = options_for(Method::kMemit);
    const std::string refusal = message_of(ErrorKind::kData, [&] { run(tiny, inputs_of(tiny, facts), options); });
    EXPECT_NE(refusal.find("a, b"), std::string::npos) << refusal;
    EXPECT_NE(refusal.find("Lily"), std::string::npos) << refusal;

    options.method = Method::kMemitMerged;
    const EditInputs inputs = inputs_of(tiny, facts);
    const EditResult merged = run(tiny, inputs, options);
    ASSERT_EQ(merged.records.size(), 2u);
    EXPECT_EQ(merged.records[0].facts, (std::vector<std::size_t>{0, 1}));
    EXPECT_NE(merged.records[0].note.find("2 facts"), std::string::npos);

    Case other = stories();
    options.method = Method::kMemit;
    options.shared_subjects = SharedSubjects::kKeep;
    const EditResult kept = run(other, inputs_of(other, facts), options);
    EXPECT_EQ(kept.records.size(), 3u);
    EXPECT_FALSE(kept.warnings.empty());
}

TEST(Edit, DuplicatesAreWrittenOnceAndContradictionsRefused) {
    std::vector<Fact> facts = some_facts();
    facts.push_back(facts[1]);
    facts.back().id = "again";
    Case tiny = stories();
    EditOptions options = options_for(Method::kEmmet);
    const EditResult result = run(tiny, inputs_of(tiny, facts), options);
    ASSERT_EQ(result.records.size(), 5u);
    EXPECT_EQ(result.records[1].facts, (std::vector<std::size_t>{1, 5}));

    facts.back().target_new = "car";
    const std::string refusal = message_of(ErrorKind::kData, [&] { run(tiny, inputs_of(tiny, facts), options); });
    EXPECT_NE(refusal.find("b, again"), std::string::npos) << refusal;
}

TEST(Edit, WhatAMethodCannotDoIsRefusedBeforeAnythingIsComputed) {
    Case tiny = stories();
    const EditInputs inputs = inputs_of(tiny, some_facts());
    EditOptions options = options_for(Method::kRRome);
    options.mode = Mode::kBatch;
    options.layers = {0, 7};
    const std::string refusal = message_of(ErrorKind::kUsage, [&] { run(tiny, inputs, options); });
    EXPECT_NE(refusal.find("one fact at a time"), std::string::npos) << refusal;
    EXPECT_NE(refusal.find("layer 7 does not exist"), std::string::npos) << refusal;

    EditInputs bare = inputs_of(tiny, some_facts());
    bare.moment = nullptr;
    message_of(ErrorKind::kUsage, [&] { run(tiny, bare, options_for(Method::kAlphaEdit)); });
    message_of(ErrorKind::kData, [&] { run(tiny, inputs_of(tiny, {}), options_for(Method::kMemit)); });

    EditInputs long_target = inputs_of(tiny, some_facts());
    for (int i = 0; i < 600; ++i) long_target.facts[3].target_new += " moon";
    const std::string too_long =
        message_of(ErrorKind::kData, [&] { run(tiny, long_target, options_for(Method::kMemit)); });
    EXPECT_NE(too_long.find("fact d"), std::string::npos) << too_long;
}

TEST(Edit, AModelThatIsNotANumberStopsAtTheGate) {
    Case tiny = stories();
    const at::NoGradGuard no_grad;
    tiny.decoder.parameter(tiny.decoder.mlp_output_name(0))[0][0] = std::numeric_limits<float>::quiet_NaN();
    message_of(ErrorKind::kGate, [&] { run(tiny, inputs_of(tiny, some_facts()), options_for(Method::kMemit)); });
}

// A later run without some facts takes the values of whole blocks that both have, and ends with the same bytes.
TEST(Edit, KnownValuesGiveTheBytesOfARunThatNeverHadTheOthers) {
    for (const auto& [method, per_block] : {std::pair{Method::kMemit, 1}, {Method::kMemit, 2}, {Method::kRRome, 1}}) {
        EditOptions options = options_for(method);
        options.facts_per_block = per_block;
        Case full = stories();
        const EditResult first = run(full, inputs_of(full, some_facts()), options);
        std::vector<Fact> fewer = some_facts();
        fewer.erase(fewer.begin() + 3);

        Case never = stories(), again = stories();
        run(never, inputs_of(never, fewer), options);
        EditInputs inputs = inputs_of(again, fewer);
        for (const EditRecord& record : first.records)
            inputs.known_values[record.block_key] += pack_values({record.value});
        inputs.prefixes = first.prefixes;
        run(again, inputs, options);
        EXPECT_EQ(sha256_hex(weight_bytes(again.decoder)), sha256_hex(weight_bytes(never.decoder)));
        EXPECT_NE(sha256_hex(weight_bytes(again.decoder)), sha256_hex(weight_bytes(full.decoder)));
    }
}

// That they are taken, and not computed again to the same bits: values that no optimisation would find come back.
TEST(Edit, KnownValuesAreNotComputedAgain) {
    for (const Mode mode : {Mode::kBatch, Mode::kOneAtATime}) {
        EditOptions options = options_for(Method::kMemit);
        options.mode = mode;
        Case first = stories(), second = stories();
        const EditResult computed = run(first, inputs_of(first, some_facts()), options);
        EditInputs inputs = inputs_of(second, some_facts());
        inputs.prefixes = computed.prefixes;
        for (const EditRecord& record : computed.records) {
            FactValue other = record.value;
            other.steps = 1234;
            inputs.known_values[record.block_key] += pack_values({other});
        }
        for (const EditRecord& record : run(second, inputs, options).records) EXPECT_EQ(record.value.steps, 1234);
    }
}

// Values in another precision come from a copy of the model, which has to follow what is written: the second of two
// facts gets what it would get on a model that holds the first.
TEST(Edit, ValuesInBFloat16FollowASequentialRun) {
    EditOptions options = options_for(Method::kRRome);
    options.value_compute = model::Compute::kBFloat16;
    const std::vector<Fact> facts = some_facts();
    Case together = stories(), apart = stories(), exact = stories();
    const EditResult both = run(together, inputs_of(together, {facts[0], facts[1]}), options);
    for (const std::size_t i : {0U, 1U}) {
        EditInputs inputs = inputs_of(apart, {facts[i]});
        inputs.prefixes = both.prefixes;
        run(apart, inputs, options);
    }
    EXPECT_EQ(sha256_hex(weight_bytes(together.decoder)), sha256_hex(weight_bytes(apart.decoder)));
    options.value_compute = model::Compute::kFloat32;
    run(exact, inputs_of(exact, {facts[0], facts[1]}), options);
    EXPECT_NE(sha256_hex(weight_bytes(together.decoder)), sha256_hex(weight_bytes(exact.decoder)));
}

// A norm behind the MLP keeps what W writes small: the published weight of its length would drown the target's loss.
TEST(Edit, DefaultsOfValuesAreThoseOfTheFamily) {
    for (const auto& [family, step, decay, prefixes] :
         {std::tuple("gemma3_text", 0.8, 1e-3, 5), {"olmo2", 0.8, 1e-3, 5}, {"llama", 0.5, 0.5, 20}}) {
        EditOptions options;
        options.value.relative_lr = options.value.clamp = options.value.decay = -1;
        options.fill_defaults(fresh(family).decoder.config());
        EXPECT_DOUBLE_EQ(options.value.relative_lr, step) << family;
        EXPECT_DOUBLE_EQ(options.value.clamp, 1) << family;
        EXPECT_DOUBLE_EQ(options.value.decay, decay) << family;
        const std::vector<std::int64_t> counts = options.prefixes().counts;
        EXPECT_EQ(std::accumulate(counts.begin(), counts.end(), std::int64_t{0}), prefixes) << family;
        EXPECT_GT(options.tau, 0) << family;
        EXPECT_GT(options.l2, 0) << family;
        options.value.decay = 0;  // what is given stays
        options.fill_defaults(fresh(family).decoder.config());
        EXPECT_DOUBLE_EQ(options.value.decay, 0) << family;
    }
}

TEST(Edit, ASubjectThatSharesItsLastTokenIsNamed) {
    Case tiny = stories();
    // This tokenizer ends words with their space: that alone is every prompt's. A letter that is glued to the subject
    // is not.
    const EditInputs glued = inputs_of(
        tiny, {fact("alone", "Lily", "{} went to the", "moon"), fact("glued", "Lil", "{}y went to the", "moon")});
    std::vector<std::string> warnings;
    check_edit(tiny.decoder.config(), glued, options_for(Method::kMemit), warnings);
    ASSERT_EQ(warnings.size(), 1u);
    EXPECT_NE(warnings[0].find("glued"), std::string::npos) << warnings[0];
    EXPECT_EQ(warnings[0].find("alone"), std::string::npos) << warnings[0];
}

// The digest that tests/mpi/one_digest_test.py compares over rank counts and after kills.
TEST(Edit, PrintsItsDigest) {
    const char* const outputs = std::getenv("NEPENTHE_TEST_OUTPUTS");
    nepenthe::testing::SharedFolder folder(*nepenthe::testing::world);
    const std::filesystem::path scratch = (outputs ? std::filesystem::path(outputs) : folder.path()) / ".work";
    std::string digests;
    std::vector<Fact> facts;
    for (int copy = 0; copy < 6; ++copy) {
        for (Fact& one : std::vector<Fact>(some_facts())) {
            one.subject += fmt::format(" {}", copy);
            one.id += fmt::format("{}", copy);
            facts.push_back(one);
        }
    }
    for (const auto& [name, mode] :
         {std::pair{"memit", Mode::kBatch}, {"r-rome", Mode::kOneAtATime}, {"ft", Mode::kBatch}}) {
        Case tiny = name == std::string("memit") ? fresh("gemma3_text") : stories();
        EditOptions options = options_for(parse_method(name));
        options.mode = mode;
        if (name == std::string("memit")) options.layers = {0, 1};
        EditHooks hooks;
        if (mode == Mode::kOneAtATime) {
            hooks.probe = [](const model::Decoder& decoder, std::size_t) { return sha256_hex(weight_bytes(decoder)); };
        }
        const EditResult result =
            edit(*nepenthe::testing::world, tiny.decoder, inputs_of(tiny, facts), options, scratch / name, hooks);
        digests += sha256_hex(weight_bytes(tiny.decoder));
        for (const EditRecord& record : result.records) digests += record.probe + std::to_string(record.value.nll);
    }
    if (nepenthe::testing::world->is_root()) std::printf("digest %s\n", sha256_hex(digests).c_str());
}

}  // namespace
}  // namespace nepenthe::edit
