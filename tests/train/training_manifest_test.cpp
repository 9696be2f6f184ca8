// A training checkpoint's manifest is as it was written, or an Error(kData): nothing else is thrown, nothing is
// guessed.

#include "train/training_manifest.h"

#include "base/hash.h"
#include "expected_errors.h"

#include <gtest/gtest.h>

#include <functional>

namespace nepenthe::train {
namespace {

TrainingManifest example() {
    TrainingManifest manifest;
    manifest.layout = make_layout({{"a", 100, true}, {"b", 50, false}}, 120, 2);
    manifest.key = {{"lr", 1e-5}, {"seed", 7}};
    manifest.reports = {{1, 3, 2.5, 1e-5, 0.5, 0.1, 64, {}}, {2, 3, 2.25, 5e-6, 0.25, 0.1, 64, {1.5, 0.75}}};
    manifest.objective = {{"multiplier", 2.5}};
    manifest.changed_weights = 17;
    manifest.shards = {std::string(64, 'a'), std::string(64, 'b')};
    return manifest;
}

ErrorKind refusal(const std::string& text) {
    return testing::error_of([&] { TrainingManifest::parse(text, "manifest"); }).kind();
}

// The example with a change, and a digest that fits it.
std::string resealed(const std::function<void(Json&)>& change) {
    Json json = Json::parse(example().to_text());
    change(json);
    if (json.is_object()) {
        json.erase("digest");
        json["digest"] = sha256_hex(canonical_json(json));
    }
    return json.dump();
}

TEST(TrainingManifest, ComesBackAsItWas) {
    const TrainingManifest read = TrainingManifest::parse(example().to_text(), "manifest");
    EXPECT_EQ(read.layout, example().layout);
    EXPECT_EQ(read.key, example().key);
    EXPECT_EQ(read.changed_weights, 17);
    EXPECT_EQ(read.shards, example().shards);
    ASSERT_EQ(read.reports.size(), 2u);
    EXPECT_EQ(read.reports[1].loss, 2.25);
    EXPECT_EQ(read.reports[1].tokens, 64);
    EXPECT_EQ(read.reports[1].terms, (std::vector<double>{1.5, 0.75}));
    EXPECT_EQ(read.objective, example().objective);
}

TEST(TrainingManifest, CutOrChangedAnywhereIsDamaged) {
    const std::string whole = example().to_text();
    for (std::size_t bytes = 0; bytes < whole.size(); ++bytes) {
        EXPECT_EQ(refusal(whole.substr(0, bytes)), ErrorKind::kData) << bytes;
    }
    for (std::size_t byte = 0; byte < whole.size(); ++byte) {
        std::string changed = whole;
        changed[byte] = static_cast<char>(changed[byte] ^ 1);
        EXPECT_EQ(refusal(changed), ErrorKind::kData) << byte;
    }
}

TEST(TrainingManifest, OfAnotherFormIsDamagedWhateverItsDigestSays) {
    for (const std::function<void(Json&)>& change : std::vector<std::function<void(Json&)>>{
             [](Json& json) { json = Json::array(); },
             [](Json& json) { json.erase("layout"); },
             [](Json& json) { json.erase("reports"); },
             [](Json& json) { json["reports"] = Json::array(); },
             [](Json& json) {
                 json["reports"][0] = {1, 2};
             },
             [](Json& json) { json["reports"][0][2] = "x"; },
             [](Json& json) { json["key"] = 5; },
             [](Json& json) {
                 json["shards"] = {{"a", "b"}};
             },
             [](Json& json) { json["shards"].push_back("c"); },
             [](Json& json) { json["format_version"] = 1; },
             [](Json& json) { json["changed_weights"] = nullptr; },
             [](Json& json) { json["layout"]["ranks"] = 2147483647; },
             [](Json& json) { json["layout"]["ranks"] = 0; },
             [](Json& json) { json["layout"]["numel"] = std::int64_t{1} << 62; },
             [](Json& json) { json["layout"]["buckets"][0]["end"] = std::int64_t{1} << 62; },
             [](Json& json) { json["layout"]["buckets"][0]["begin"] = -(std::int64_t{1} << 62); },
             [](Json& json) { json["layout"]["buckets"][0]["parameters"] = ~std::uint64_t{0}; },
             [](Json& json) { json["layout"]["parameters"][0]["numel"] = std::int64_t{1} << 62; },
             [](Json& json) { json["layout"]["parameters"][0]["offset"] = -64; },
         }) {
        EXPECT_EQ(refusal(resealed(change)), ErrorKind::kData) << resealed(change);
    }
}

}  // namespace
}  // namespace nepenthe::train
