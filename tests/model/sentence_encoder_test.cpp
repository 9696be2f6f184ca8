// Embeddings against sentence-transformers (tests/golden/make_sentence_embeddings.py), and what is refused.

#include "model/sentence_encoder.h"
#include "base/error.h"
#include "base/json.h"
#include "io/file.h"
#include "temporary_folder.h"

#include <gtest/gtest.h>
#include <torch/types.h>

namespace nepenthe::model {
namespace {

constexpr const char* kTiny = NEPENTHE_SOURCE_DIR "/tests/golden/tiny_bert";

struct Expected {
    std::vector<std::string> texts;
    at::Tensor vectors;
};

Expected read_expected(const std::string& path) {
    Expected expected;
    std::vector<at::Tensor> rows;
    for (const Json& row : parse_json(io::read_file(path), path)) {
        expected.texts.push_back(row["text"]);
        rows.push_back(at::tensor(row["vector"].get<std::vector<float>>()));
    }
    expected.vectors = at::stack(rows);
    return expected;
}

double largest_difference(const SentenceEncoder& encoder, const Expected& expected) {
    const at::Tensor ours = encoder.encode(expected.texts);
    EXPECT_EQ(ours.sizes(), expected.vectors.sizes());
    EXPECT_LT((ours.norm(2, {1}) - 1).abs().max().item<double>(), 1e-6);
    return (ours - expected.vectors).abs().max().item<double>();
}

TEST(SentenceEncoder, TinyEqualsSentenceTransformers) {
    const SentenceEncoder encoder = SentenceEncoder::load(kTiny);
    EXPECT_EQ(encoder.max_tokens(), 32);
    EXPECT_LT(largest_difference(encoder, read_expected(std::string(kTiny) + "/embeddings.json")), 1e-5);
}

TEST(SentenceEncoder, ATextDoesNotSeeItsNeighbours) {
    const SentenceEncoder encoder = SentenceEncoder::load(kTiny);
    const std::vector<std::string> texts = {"the tower is in paris", "fact",
                                            "the mother of the word is in the tower of words"};
    const at::Tensor together = encoder.encode(texts);
    for (std::size_t i = 0; i < texts.size(); ++i) {
        const at::Tensor alone = encoder.encode(std::span(texts).subspan(i, 1))[0];
        EXPECT_LT((alone - together[static_cast<std::int64_t>(i)]).abs().max().item<double>(), 1e-6) << texts[i];
    }
    EXPECT_EQ(encoder.encode({}).size(0), 0);
}

TEST(SentenceEncoder, RefusesWhatItIsNot) {
    const nepenthe::testing::TemporaryFolder folder;
    const auto refused = [&](const std::string& what) {
        try {
            SentenceEncoder::load(folder.path());
        } catch (const Error& error) {
            EXPECT_NE(std::string(error.what()).find(what), std::string::npos) << error.what();
            return;
        }
        ADD_FAILURE() << "accepted";
    };
    std::filesystem::copy(kTiny, folder.path(), std::filesystem::copy_options::recursive);
    Json config = parse_json(io::read_file(folder.path() / "config.json"), "config.json");
    const Json good = config;
    config["model_type"] = "roberta";
    config["hidden_act"] = "relu";
    io::write_file_atomically(folder.path() / "config.json", config.dump());
    refused("hidden_act");
    config = good;
    config["num_hidden_layers"] = 3;
    io::write_file_atomically(folder.path() / "config.json", config.dump());
    refused("encoder.layer.2.");
    io::write_file_atomically(folder.path() / "config.json", good.dump());
    io::write_file_atomically(folder.path() / "1_Pooling" / "config.json", R"({"pooling_mode_cls_token": true})");
    refused("mean over tokens");
}

TEST(SentenceEncoderReal, MiniLmEqualsSentenceTransformers) {
    const SentenceEncoder encoder = SentenceEncoder::load(NEPENTHE_DEPS "/models/all-minilm-l6-v2");
    EXPECT_EQ(encoder.width(), 384);
    EXPECT_LT(largest_difference(encoder, read_expected(NEPENTHE_SOURCE_DIR "/tests/golden/sentence_embeddings.json")),
              1e-4);
}

}  // namespace
}  // namespace nepenthe::model
