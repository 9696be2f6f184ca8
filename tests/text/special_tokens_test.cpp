// Which tokens begin and end a text, by whatever file of the folder names them: tests/golden/make_special_tokens.py has
// asked transformers.
#include "base/json.h"
#include "expected_errors.h"
#include "io/file.h"
#include "temporary_folder.h"
#include "text/corpus.h"

#include <gtest/gtest.h>

namespace nepenthe::text {
namespace {

using Ids = std::vector<TokenId>;

const Json& golden() {
    static const Json json = [] {
        const std::string path = NEPENTHE_SOURCE_DIR "/tests/golden/special_tokens.json";
        return parse_json(io::read_file(path), path);
    }();
    return json;
}

// A folder with these files beside the golden tokenizer: <unk> 0, <s> 1, </s> 2, <|endoftext|> 3, <bos> 4, <eos> 5,
// <|turn|> 6, a 7, b 8.
class SpecialTokens : public ::testing::Test {
  protected:
    Tokenizer load(const Json& files, std::optional<std::int64_t> rows = {}) {
        Json tokenizer = golden().at("tokenizer");
        if (files.contains("tokenizer")) tokenizer.update(files["tokenizer"]);
        folder_.emplace();
        io::write_file_atomically(folder_->path() / "tokenizer.json", tokenizer.dump());
        for (const auto& [name, content] : files.items()) {
            if (name != "tokenizer") io::write_file_atomically(folder_->path() / (name + ".json"), content.dump());
        }
        return Tokenizer::load(folder_->path(), rows);
    }
    std::optional<nepenthe::testing::TemporaryFolder> folder_;
};

// Begins every text with <s>, ends it with </s>.
Json template_processing() {
    return Json::parse(R"({"post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>",
        "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "</s>", "type_id": 0}}],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}], "special_tokens": {"<s>": {"id": "<s>", "ids": [1],
        "tokens": ["<s>"]}, "</s>": {"id": "</s>", "ids": [2], "tokens": ["</s>"]}}}})");
}

TEST_F(SpecialTokens, AreThoseOfTransformersWhereItKnowsThem) {
    int known = 0;
    for (const Json& item : golden().at("cases")) {
        SCOPED_TRACE(item["name"].get<std::string>());
        const Tokenizer tokenizer = load(item["files"]);
        for (const auto& [token, expected] :
             {std::pair(tokenizer.bos(), item["bos"]), std::pair(tokenizer.eos(), item["eos"])}) {
            if (expected.is_null()) continue;
            ++known;
            ASSERT_TRUE(token.has_value());
            EXPECT_EQ(tokenizer.token(*token), expected.get<std::string>());
        }
    }
    EXPECT_GT(known, 50);
}

TEST_F(SpecialTokens, AreTheModelsWhereTheTokenizerNamesNone) {
    const Json fast = {{"tokenizer_class", "PreTrainedTokenizerFast"}};
    const Json model = {{"model_type", "llama"}, {"bos_token_id", 4}, {"eos_token_id", 5}};
    Tokenizer tokenizer = load({{"tokenizer_config", fast}, {"config", model}});
    EXPECT_EQ(tokenizer.bos(), 4);
    EXPECT_EQ(tokenizer.eos(), 5);
    // generation_config.json goes first; of a list the first that is a token.
    tokenizer = load({{"tokenizer_config", fast},
                      {"config", model},
                      {"generation_config", {{"bos_token_id", 1}, {"eos_token_id", {77, 2, 3}}}}});
    EXPECT_EQ(tokenizer.bos(), 1);
    EXPECT_EQ(tokenizer.eos(), 2);
    tokenizer = load({{"config", {{"model_type", "llama"}, {"text_config", {{"eos_token_id", 3}}}}}});
    EXPECT_EQ(tokenizer.bos(), std::nullopt);
    EXPECT_EQ(tokenizer.eos(), 3);
}

TEST_F(SpecialTokens, AreNoneWhereTheTokenizerSaysSo) {
    const Json model = {{"model_type", "llama"}, {"bos_token_id", 4}, {"eos_token_id", 5}};
    for (const Json& none : {Json(), Json("")}) {
        const Tokenizer tokenizer = load({{"tokenizer_config", {{"bos_token", none}}}, {"config", model}});
        EXPECT_EQ(tokenizer.bos(), std::nullopt);
        EXPECT_EQ(tokenizer.eos(), 5);
    }
    // Qwen's class has no BOS, whatever its models' files say.
    const Json qwen = {{"model_type", "qwen2"}, {"bos_token_id", 3}, {"eos_token_id", 3}};
    EXPECT_EQ(load({{"config", qwen}}).bos(), std::nullopt);
    // A class's default that the tokenizer lacks is none.
    const Json gpt2 = {{"model_type", "gpt2"}, {"bos_token_id", 1}, {"eos_token_id", 2}};
    const Json plain = {{"added_tokens", Json::array()},
                        {"model", {{"type", "BPE"}, {"vocab", {{"a", 0}, {"b", 1}, {"c", 2}}}}}};
    const Tokenizer tokenizer = load({{"config", gpt2}, {"tokenizer", plain}});
    EXPECT_EQ(tokenizer.bos(), 1);
    EXPECT_EQ(tokenizer.eos(), 2);
}

TEST_F(SpecialTokens, GenerationEndsAtEveryIdThatAnyFileNames) {
    const Json named = {{"bos_token", "<s>"}, {"eos_token", "</s>"}};
    EXPECT_EQ(load({{"tokenizer_config", named}}).ends(), (Ids{2}));
    EXPECT_EQ(load({{"tokenizer_config", named}, {"config", {{"eos_token_id", 6}}}}).ends(), (Ids{2, 6}));
    EXPECT_EQ(load({{"tokenizer_config", named}, {"config", {{"eos_token_id", {6, 2}}}}}).ends(), (Ids{2, 6}));
    EXPECT_EQ(load({{"tokenizer_config", named},
                    {"config", {{"eos_token_id", 5}}},
                    {"generation_config", {{"eos_token_id", {6, 3, 900}}}}})
                  .ends(),
              (Ids{2, 3, 5, 6, 900}));
    EXPECT_EQ(load({{"generation_config", {{"eos_token_id", nullptr}}}, {"config", {{"eos_token_id", -1}}}}).ends(),
              Ids{});
}

TEST_F(SpecialTokens, WhatIsNoTokenIsRefusedAllAtOnce) {
    const auto loading = [&] {
        load({{"tokenizer_config", {{"bos_token", 7}, {"eos_token", 3}}},
              {"config", {{"eos_token_id", "two"}}},
              {"generation_config", {{"eos_token_id", {1.5, 1ull << 40}}}}});
    };
    const std::string message = nepenthe::testing::message_of(ErrorKind::kData, loading);
    for (const char* part : {"bos_token", "eos_token", "\"two\"", "1.5", "1099511627776"}) {
        nepenthe::testing::expect_contains(message, part);
    }
}

TEST_F(SpecialTokens, AreNotDoubledWhereTheTextBringsThem) {
    const Tokenizer tokenizer = load({{"tokenizer", template_processing()}});
    const auto ids = [&](const char* text) {
        const Encoding encoding = tokenizer.encode(text, true);
        EXPECT_EQ(encoding.offsets.size(), encoding.ids.size());
        EXPECT_EQ(tokenizer.encode_ids(text, true), encoding.ids);
        return encoding.ids;
    };
    EXPECT_EQ(ids("ab"), (Ids{1, 7, 8, 2}));
    EXPECT_EQ(ids("<s>ab"), (Ids{1, 7, 8, 2}));
    EXPECT_EQ(ids("ab</s>"), (Ids{1, 7, 8, 2}));
    EXPECT_EQ(ids("<s>ab</s>"), (Ids{1, 7, 8, 2}));
    EXPECT_EQ(ids("a<s>b"), (Ids{1, 7, 1, 8, 2}));
    EXPECT_EQ(ids("<s><s>a"), (Ids{1, 1, 7, 2}));  // what the text itself doubles stays
    EXPECT_EQ(ids("</s>"), (Ids{1, 2}));
    EXPECT_EQ(ids(""), (Ids{1, 2}));
    EXPECT_EQ(tokenizer.encode("<s>a", true).offsets, (std::vector<Offset>{{0, 3}, {3, 4}, {0, 0}}));
    EXPECT_EQ(tokenizer.encode_ids("<s>a", false), (Ids{1, 7}));
}

TEST_F(SpecialTokens, ABlockOfACorpusHasOneBos) {
    const Tokenizer tokenizer = load({{"tokenizer_config", {{"bos_token", "<s>"}}}});
    const Corpus corpus = make_corpus({"<s>abab", "ab"}, tokenizer, {.length = 3});
    ASSERT_EQ(corpus.blocks.size(), 3u);
    EXPECT_EQ(corpus.blocks[0].ids, (Ids{1, 7, 8}));
    EXPECT_EQ(corpus.blocks[0].offsets, (std::vector<Offset>{{0, 0}, {3, 4}, {4, 5}}));
    EXPECT_EQ(corpus.blocks[1].ids, (Ids{1, 7, 8}));
    EXPECT_EQ(corpus.blocks[2].ids, (Ids{1, 7, 8}));
}

// Gemma 3's tokenizer has an id for images that its text models have no row for.
TEST_F(SpecialTokens, ATokenBehindTheModelsRowsIsRefusedWhereItOccurs) {
    const Json named = {{"bos_token", "<|turn|>"}};
    const Tokenizer tokenizer = load({{"tokenizer_config", named}}, 8);
    EXPECT_EQ(tokenizer.size(), 9);
    EXPECT_EQ(tokenizer.encode_ids("aa", true), (Ids{7, 7}));
    for (const bool offsets : {true, false}) {
        const auto encoding = [&] {
            offsets ? static_cast<void>(tokenizer.encode("a\naba", true))
                    : static_cast<void>(tokenizer.encode_ids("a\naba", true));
        };
        const std::string message = nepenthe::testing::message_of(ErrorKind::kData, encoding);
        for (const char* part : {"\"b\" (id 8)", "8 rows", "byte 3", "\"a aba\""}) {
            nepenthe::testing::expect_contains(message, part);
        }
    }
    EXPECT_EQ(make_corpus({"aa"}, tokenizer, {}).blocks.size(), 1u);
    const Tokenizer narrow = load({{"tokenizer_config", named}}, 6);
    const std::string message =
        nepenthe::testing::message_of(ErrorKind::kData, [&] { make_corpus({"aa"}, narrow, {}); });
    nepenthe::testing::expect_contains(message, "\"<|turn|>\" (id 6)");
}

}  // namespace
}  // namespace nepenthe::text
