// Masks written by all ranks and read by one: every bit, every figure, refusals; masks of masks.
#include "unlearn/attribution/mask_file.h"
#include "base/random.h"
#include "expected_errors.h"
#include "material.h"
#include "model/decoder.h"
#include "shared_folder.h"
#include "store/hdf5.h"
#include "unlearn/attribution/compose.h"
#include "unlearn/attribution/score.h"
#include "unlearn/attribution/shards.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include <algorithm>
#include <cstdio>

namespace nepenthe::unlearn {
namespace {

using nepenthe::testing::error_of;
using nepenthe::testing::expect_contains;
using nepenthe::testing::message_of;
using nepenthe::testing::world;

float score_of(std::int64_t index) {
    // Every fourth weight is tied with many others.
    return index % 4 == 0 ? .5f : random_score(11, index);
}

MaskClaims claims(const std::string& model = "00ff") {
    return {.model_digest = model,
            .tokenizer_digest = "1122",
            .score = "wagle",
            .loss = "npo",
            .gamma = 1e-8,
            .forget_items = 400,
            .retain_items = 401,
            .seed = 3,
            .config = {{"score", "wagle"}}};
}

class Masks : public ::testing::Test {
  protected:
    std::vector<Cut> cuts(const std::vector<double>& shares) const {
        return select(*world, table_, shard_.scores, shard_.ranges, shares);
    }
    WrittenMasks write(const std::string& name, const std::vector<double>& shares, bool with_scores = false,
                       const std::string& model = "00ff") const {
        const std::vector<Cut> of_shares = cuts(shares);
        return write_mask_file(
            *world, path(name),
            selected_masks(*world, claims(model), table_, shard_.scores, shard_.ranges, of_shares, with_scores));
    }
    std::filesystem::path path(const std::string& name) const { return folder_.path() / name; }

    nepenthe::testing::SharedFolder folder_{*world};
    ParameterTable table_ = small_table();
    Shard shard_ = shard_of(table_, *world, score_of);
};

TEST_F(Masks, HoldEveryBit) {
    const std::vector<double> shares{0, .625, 1};
    const WrittenMasks written = write("masks.h5", shares, true);
    const std::vector<Cut> expected = cuts(shares);
    const MaskFile file(path("masks.h5"));
    EXPECT_EQ(file.table(), table_);
    ASSERT_EQ(file.selections().size(), shares.size());
    for (std::size_t s = 0; s < shares.size(); ++s) {
        const MaskSelection& selection = file.selection(selection_name(shares[s]));
        ASSERT_TRUE(selection.cut.has_value());
        EXPECT_EQ(*selection.cut, expected[s]);
        EXPECT_EQ(selection.kept, expected[s].kept);
        std::int64_t kept = 0;
        for (std::size_t p = 0; p < table_.parameters.size(); ++p) {
            const CountedParameter& parameter = table_.parameters[p];
            const PackedBits bits = file.bits(selection, p);
            for (std::int64_t i = 0; i < parameter.numel; ++i)
                ASSERT_EQ(bits.get(i), expected[s].keeps(score_of(parameter.begin + i), parameter.begin + i));
            kept += bits.count();
            // Any range of it.
            RandomStream random(1, "mask_file_test", p);
            for (int trial = 0; trial < 20; ++trial) {
                const auto begin = static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(parameter.numel)));
                const auto numel =
                    static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(parameter.numel - begin) + 1));
                ASSERT_EQ(file.bits(selection, p, begin, numel), bits.slice(begin, numel));
            }
        }
        EXPECT_EQ(kept, selection.kept);
        const Json& density = written.density.at(selection.name);
        EXPECT_EQ(density.at("all").at("numerator"), kept);
        EXPECT_EQ(density.at("all").at("denominator"), table_.numel());
        for (const char* by : {"module", "layer"}) {
            std::int64_t sum = 0;
            for (const auto& [name, share] : density.at(by).items()) sum += share.at("numerator").get<std::int64_t>();
            EXPECT_EQ(sum, kept) << by;
        }
        EXPECT_EQ(density.at("module").at("q").at("denominator"), 2 * 29 * 11);
        EXPECT_EQ(density.at("layer").at("1").at("denominator"), 29 * 11 + 11 * 53);
        EXPECT_EQ(density.at("layer").at("none").at("denominator"), 37 * 11 + 1);
    }
    ASSERT_TRUE(file.has_scores());
    const std::vector<float> scores = file.scores(1);
    for (std::size_t i = 0; i < scores.size(); ++i) {
        const float exact = score_of(table_.parameters[1].begin + static_cast<std::int64_t>(i));
        EXPECT_NEAR(scores[i], exact, exact * 0x1p-8f);
    }
}

TEST_F(Masks, SayWhatTheyAreOf) {
    const WrittenMasks written = write("masks.h5", {.5});
    const store::H5Reader reader(path("masks.h5"), kMaskFormat);
    EXPECT_EQ(reader.content_digest(), written.digest);
    const Json attributes = reader.attributes();
    for (const char* name : {"format_version", "creator", "created", "command_line", "config_json", "seed"})
        EXPECT_TRUE(attributes.contains(name)) << name;
    EXPECT_EQ(attributes.at("gamma_mean").get<double>(), 1e-8);
    const MaskFile file(path("masks.h5"));
    EXPECT_EQ(file.claims().score, "wagle");
    EXPECT_EQ(file.claims().loss, "npo");
    EXPECT_EQ(file.claims().gamma, 1e-8);
    EXPECT_EQ(file.claims().forget_items, 400);
    EXPECT_EQ(file.claims().retain_items, 401);
    EXPECT_EQ(file.claims().seed, 3u);
    EXPECT_EQ(file.claims().config, claims().config);
    EXPECT_FALSE(file.has_scores());
    EXPECT_EQ(&file.selection(""), &file.selections().front());
    EXPECT_EQ(error_of([&] { write("twice.h5", {.5, .5}); }).kind(), ErrorKind::kUsage);
}

TEST_F(Masks, AreRefusedForAnotherModel) {
    write("masks.h5", {.5, .75});
    const MaskFile file(path("masks.h5"));
    file.require_model(table_, "00ff", "1122");
    const auto refusal = [&](const ParameterTable& table, const char* model, const char* tokenizer) {
        return message_of(ErrorKind::kData, [&] { file.require_model(table, model, tokenizer); });
    };
    expect_contains(refusal(table_, "00fe", "1122"), "model digest is 00ff, this model's 00fe");
    expect_contains(refusal(table_, "00ff", "1123"), "tokenizer digest is 1122, this model's 1123");
    Json wider = table_.to_json(), fewer = table_.to_json(), renamed = table_.to_json();
    wider[1]["shape"] = {29, 12};
    fewer.erase(5);
    renamed[2]["name"] = "layers.0.other";
    expect_contains(refusal(ParameterTable::from_json(wider), "00ff", "1122"),
                    "parameter 1 is layers.0.q.weight [29, 11], this model's layers.0.q.weight [29, 12]");
    expect_contains(refusal(ParameterTable::from_json(fewer), "00ff", "1122"), "number of parameters is 6");
    expect_contains(refusal(ParameterTable::from_json(renamed), "00ff", "1122"), "layers.0.other");
    expect_contains(message_of(ErrorKind::kUsage, [&] { file.selection("0.9"); }), "it holds 0.5, 0.75");
    expect_contains(message_of(ErrorKind::kUsage, [&] { file.selection(""); }), "say which");
}

TEST_F(Masks, ThatDoNotFitTheirTablesAreRefused) {
    const auto write_broken = [&](const std::string& parameters, const std::string& selections,
                                  std::vector<std::uint8_t> bytes) {
        const std::filesystem::path file_path = path("broken.h5");
        store::H5Writer file(*world, file_path, kMaskFormat, 1,
                             {{"model_digest", "a"},
                              {"tokenizer_digest", "b"},
                              {"score", "snip"},
                              {"loss", ""},
                              {"n_forget", 0},
                              {"n_retain", 0},
                              {"seed", 0u},
                              {"config_json", "{}"}});
        file.write_text("/parameters", parameters, "");
        file.write_text("/selections", selections, "");
        file.write_small({.name = "/mask/x/w",
                          .type = store::H5Type::kU8,
                          .shape = {bytes.size()},
                          .axes = {"byte"},
                          .description = "",
                          .units = ""},
                         std::as_bytes(std::span(bytes)));
        file.close();
        return error_of([&] {
            const MaskFile read(file_path);
            read.bits(read.selection(""), 0);
        });
    };
    const std::string nine = R"([{"name":"w","shape":[3,3],"module":"q","layer":0}])";
    const std::string one = R"([{"name":"x","kept":1}])";
    EXPECT_EQ(write_broken(nine, one, {1}).kind(), ErrorKind::kData);     // too short
    EXPECT_EQ(write_broken(nine, one, {1, 2}).kind(), ErrorKind::kData);  // a bit behind the last
    EXPECT_EQ(write_broken(nine, R"([{"name":"x","kept":10}])", {1, 0}).kind(), ErrorKind::kData);
    EXPECT_EQ(write_broken(nine, R"([{"name":"y","kept":1}])", {1, 0}).kind(), ErrorKind::kData);
    EXPECT_EQ(write_broken(nine, R"([{"name":"a/b","kept":1}])", {1, 0}).kind(), ErrorKind::kData);
    EXPECT_EQ(write_broken(nine, "[]", {1, 0}).kind(), ErrorKind::kData);
    EXPECT_EQ(
        write_broken(R"([{"name":"w","shape":[4294967296,4294967296],"module":"q","layer":0}])", one, {1, 0}).kind(),
        ErrorKind::kData);
}

TEST_F(Masks, AreComposed) {
    write("a.h5", {.3, .6});
    const Shard other = shard_of(table_, *world, [](std::int64_t index) { return random_score(12, index); });
    const std::vector<Cut> other_cuts = select(*world, table_, other.scores, other.ranges, std::vector{.5});
    write_mask_file(*world, path("b.h5"),
                    selected_masks(*world, claims(), table_, other.scores, other.ranges, other_cuts, false));
    const MaskFile a(path("a.h5")), b(path("b.h5"));
    const std::vector<MaskSource> both{{&a, "0.3", "aa"}, {&b, "", "bb"}}, one{{&b, "", "bb"}};
    for (const MaskOperation operation : {MaskOperation::kUnion, MaskOperation::kIntersect, MaskOperation::kInvert}) {
        const std::string name(mask_operation_name(operation));
        EXPECT_EQ(parse_mask_operation(name), operation);
        const std::vector<MaskSource>& sources = operation == MaskOperation::kInvert ? one : both;
        write_mask_file(*world, path(name), composed_mask(*world, operation, sources));
        const MaskFile made(path(name));
        const MaskSelection& selection = made.selection("");
        EXPECT_EQ(selection.name, name);
        EXPECT_FALSE(selection.cut.has_value());
        std::int64_t kept = 0;
        for (std::size_t p = 0; p < table_.parameters.size(); ++p) {
            const PackedBits bits = made.bits(selection, p), of_a = a.bits(a.selection("0.3"), p),
                             of_b = b.bits(b.selection("0.5"), p);
            for (std::int64_t i = 0; i < bits.size(); ++i) {
                const bool x = of_a.get(i), y = of_b.get(i);
                const bool expected = operation == MaskOperation::kUnion       ? x || y
                                      : operation == MaskOperation::kIntersect ? x && y
                                                                               : !y;
                ASSERT_EQ(bits.get(i), expected) << name;
            }
            kept += bits.count();
        }
        EXPECT_EQ(selection.kept, kept);
        EXPECT_EQ(made.claims().config.at("sources").at(0).at("digest"), sources[0].digest);
    }
    EXPECT_EQ(error_of([&] { composed_mask(*world, MaskOperation::kInvert, both); }).kind(), ErrorKind::kUsage);
    EXPECT_EQ(error_of([&] { composed_mask(*world, MaskOperation::kUnion, one); }).kind(), ErrorKind::kUsage);
    EXPECT_EQ(error_of([] { parse_mask_operation("minus"); }).kind(), ErrorKind::kUsage);
    write("c.h5", {.5}, false, "another model");
    const MaskFile c(path("c.h5"));
    const std::vector<MaskSource> mixed{{&b, "", "bb"}, {&c, "", "cc"}};
    EXPECT_EQ(error_of([&] { composed_mask(*world, MaskOperation::kUnion, mixed); }).kind(), ErrorKind::kData);
}

// The set gone through twice, under the same γ of mean gradients: the same masks. Sums would give others.
TEST_F(Masks, DoNotDependOnHowManyItemsThereWere) {
    const auto masks_of = [&](int passes) {
        const auto mean = [&](std::uint64_t seed, std::int64_t index) {
            double sum = 0;
            for (int pass = 0; pass < passes; ++pass) {
                for (std::uint64_t item = 0; item < 3; ++item)
                    sum += static_cast<double>(random_score(seed + item, index)) - .5;
            }
            return static_cast<float>(sum / (3 * passes));
        };
        const Shard weights = shard_of(table_, *world, [&](std::int64_t i) { return random_score(1, i) - .5f; });
        const Shard forget = shard_of(table_, *world, [&](std::int64_t i) { return mean(20, i); });
        const Shard retain = shard_of(table_, *world, [&](std::int64_t i) { return mean(30, i); });
        const auto tensor = [](const Shard& shard) { return torch::tensor(shard.scores); };
        const at::Tensor scores = tensor(weights);
        score(ScoreKind::kWagle,
              {.weights = scores, .forget_gradient = tensor(forget), .retain_gradient = tensor(retain), .gamma = 1e-3},
              scores);
        const std::span<const float> values(scores.data_ptr<float>(), weights.scores.size());
        return select(*world, table_, values, weights.ranges, std::vector{.2, .8});
    };
    EXPECT_EQ(masks_of(1), masks_of(2));
}

TEST_F(Masks, KnowARealModelsParameters) {
    const auto decoder = model::Decoder::load(nepenthe::testing::kStories, model::Compute::kFloat32);
    const ParameterTable table = parameter_table(decoder);
    std::int64_t weights = 0;
    ASSERT_EQ(table.parameters.size(), decoder.parameters().size());
    for (std::size_t i = 0; const auto& [name, tensor] : decoder.parameters()) {
        EXPECT_EQ(table.parameters[i].name, name);
        EXPECT_EQ(table.parameters[i].begin, weights);
        EXPECT_FALSE(table.parameters[i++].module.empty()) << name;
        weights += tensor.numel();
    }
    EXPECT_EQ(table.numel(), weights);
    EXPECT_EQ(table.holder(weights - 1).end(), weights);
    EXPECT_EQ(ParameterTable::from_json(table.to_json()), table);
}

// For tests/mpi/one_digest_test.py.
TEST_F(Masks, PrintTheirDigest) {
    const WrittenMasks written = write("masks.h5", {.1, .5, .95}, true);
    if (world->is_root()) std::printf("digest %s\n", written.digest.c_str());
}

}  // namespace
}  // namespace nepenthe::unlearn
