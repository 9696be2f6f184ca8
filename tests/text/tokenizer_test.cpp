#include "text/tokenizer.h"

#include "base/error.h"
#include "base/hash.h"
#include "base/json.h"
#include "io/file.h"
#include "temporary_folder.h"

#include <gtest/gtest.h>

#include <thread>

namespace nepenthe::text {
namespace {

class TokenizerTest : public ::testing::Test {
  protected:
    Tokenizer load(const std::string& json) {
        io::write_file_atomically(folder_.path() / "tokenizer.json", json);
        return Tokenizer::load(folder_.path());
    }
    // The message of the refusal, "" when it loads.
    std::string refusal(const std::string& json) {
        try {
            load(json);
        } catch (const Error& error) {
            EXPECT_EQ(error.kind(), ErrorKind::kData);
            return error.what();
        }
        return "";
    }
    nepenthe::testing::TemporaryFolder folder_;
};

constexpr const char* kSmall = R"({"added_tokens": [{"id": 9, "content": "<s>", "special": true, "normalized": false}],
    "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]}})";

TEST_F(TokenizerTest, KnowsItsVocabulary) {
    const Tokenizer tokenizer = load(kSmall);
    EXPECT_EQ(tokenizer.size(), 10);
    EXPECT_EQ(tokenizer.token(2), "ab");
    EXPECT_EQ(tokenizer.token(9), "<s>");
    EXPECT_EQ(tokenizer.token(5), "");
    EXPECT_EQ(tokenizer.token(-1), "");
    EXPECT_EQ(tokenizer.token(10), "");
    EXPECT_EQ(tokenizer.id("ab"), 2);
    EXPECT_EQ(tokenizer.id("<s>"), 9);
    EXPECT_EQ(tokenizer.id("c"), std::nullopt);
    EXPECT_TRUE(tokenizer.is_special(9));
    EXPECT_FALSE(tokenizer.is_special(2));
    EXPECT_EQ(tokenizer.digest(), sha256_hex(kSmall));
    EXPECT_EQ(tokenizer.bos(), std::nullopt);
    EXPECT_EQ(tokenizer.encode_ids("ab<s>ba", true), (std::vector<TokenId>{2, 9, 1, 0}));
    EXPECT_EQ(tokenizer.decode(std::vector<TokenId>{2, 9, 1, 5, 77, -3}, true), "ab b");
}

TEST_F(TokenizerTest, TakesBosAndEosFromTheConfig) {
    io::write_file_atomically(folder_.path() / "tokenizer_config.json",
                              R"({"bos_token": {"content": "<s>", "lstrip": false}, "eos_token": "ab"})");
    const Tokenizer tokenizer = load(kSmall);
    EXPECT_EQ(tokenizer.bos(), 9);
    EXPECT_EQ(tokenizer.eos(), 2);
    io::write_file_atomically(folder_.path() / "tokenizer_config.json", R"({"bos_token": "<no>", "eos_token": 3})");
    const std::string message = refusal(kSmall);
    EXPECT_NE(message.find("<no>"), std::string::npos);
    EXPECT_NE(message.find("eos_token"), std::string::npos);
}

TEST_F(TokenizerTest, NamesEverythingThatIsNotSupportedAtOnce) {
    const std::string message = refusal(R"({"normalizer": {"type": "Precompiled", "precompiled_charsmap": ""},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "UnicodeScripts"}, {"type": "Split",
            "pattern": {"Regex": "\\bx"}, "behavior": "Isolated", "invert": false}]},
        "post_processor": {"type": "RobertaProcessing"}, "decoder": {"type": "CTC"}, "added_tokens": [{"id": 7}, 3],
        "model": {"type": "BPE", "dropout": 0.1, "end_of_word_suffix": "</w>", "unk_token": "?", "fuse_unk": "yes",
                  "vocab": {"a": 0}, "merges": ["a b", "b c"]}})");
    for (const char* part : {"Precompiled", "UnicodeScripts", "\\b", "RobertaProcessing", "CTC", "dropout",
                             "end_of_word_suffix", "unk_token", "fuse_unk", "entry 0", "1 more", "added_tokens[1]"}) {
        EXPECT_NE(message.find(part), std::string::npos) << part << " in " << message;
    }
    EXPECT_NE(refusal(R"({"model": {"type": "Unigram", "vocab": [["a", -1.5]]}})").find("Unigram"), std::string::npos);
}

TEST_F(TokenizerTest, RefusesAFileThatIsNotWhatItClaims) {
    const auto model = [](const std::string& vocab, const std::string& merges) {
        return R"({"model": {"type": "BPE", "vocab": )" + vocab + R"(, "merges": )" + merges + "}}";
    };
    EXPECT_EQ(refusal(model(R"({"a": 0, "b": 1, "ab": 2})", R"([["a", "b"]])")), "");
    EXPECT_NE(refusal("").find("JSON"), std::string::npos);
    EXPECT_NE(refusal("[]").find("object"), std::string::npos);
    EXPECT_NE(refusal("{}").find("model"), std::string::npos);
    EXPECT_NE(refusal(R"({"model": [1, 2})").find("byte"), std::string::npos);
    EXPECT_NE(refusal(model(R"({"a": 0, "a": 1})", "[]")).find("twice"), std::string::npos);
    EXPECT_NE(refusal(model(R"({"a": 0, "b": 0})", "[]")).find("both have id 0"), std::string::npos);
    EXPECT_NE(refusal(model(R"({"a": 4294967296})", "[]")).find("limit"), std::string::npos);
    for (const char* id : {"-1", "1.5", "null", "true", "\"1\"", "[1]", "{\"x\": 1}"}) {
        EXPECT_NE(refusal(model(std::string("{\"a\": ") + id + "}", "[]")).find("vocab"), std::string::npos) << id;
    }
    for (const char* merge :
         {"\"ab\"", "\"a b c\"", "[\"a\"]", "[\"a\", \"b\", \"c\"]", "3", "[\"a\", 3]", "[[\"a\"]]", "{}", "null"}) {
        EXPECT_NE(refusal(model(R"({"a": 0, "b": 1, "ab": 2})", std::string("[") + merge + "]")).find("merges"),
                  std::string::npos)
            << merge;
    }
    EXPECT_NE(refusal("{\"x\": " + std::string(1000, '[')).find("deeper"), std::string::npos);
    EXPECT_NE(refusal(R"({"added_tokens": [{"id": 0, "content": "x"}], "model": {"vocab": {"a": 0}}})").find("added"),
              std::string::npos);
    const std::string special = R"({"single": [{"SpecialToken": {"id": "x"}}, {"Sequence": {"id": "A"}}],
        "type": "TemplateProcessing", "special_tokens": {"x": {"ids": [)";
    for (const char* id : {"5", "-1", "99999999999"}) {
        EXPECT_NE(
            refusal(R"({"model": {"vocab": {"a": 0}}, "post_processor": )" + special + id + "]}}}}").find("post_"),
            std::string::npos)
            << id;
    }
    EXPECT_THROW(Tokenizer::load(folder_.path() / "nowhere"), Error);
}

TEST_F(TokenizerTest, RefusesTextThatIsNotUtf8) {
    const Tokenizer tokenizer = load(kSmall);
    EXPECT_THROW(tokenizer.encode("ab\xFF", false), Error);
    EXPECT_THROW(tokenizer.encode_ids("\xE2\x96", false), Error);
}

TEST_F(TokenizerTest, ServesSeveralThreads) {
    const Tokenizer tokenizer = load(kSmall);
    std::vector<TokenId> expected;
    std::string text;
    for (int i = 0; i < 2000; ++i) {
        text += "ab<s>";
        expected.insert(expected.end(), {2, 9});
    }
    std::vector<std::thread> threads;
    std::vector<std::vector<TokenId>> results(4);
    for (auto& result : results) {
        threads.emplace_back([&] { result = tokenizer.encode(text, true).ids; });
    }
    for (std::thread& thread : threads) thread.join();
    for (const auto& result : results) EXPECT_EQ(result, expected);
}

// One word of two million characters: neither quadratic time nor a deep stack.
TEST_F(TokenizerTest, MergesAVeryLongWord) {
    const Tokenizer tokenizer = load(R"({"model": {"type": "BPE", "merges": ["a a", "aa aa", "aaaa aaaa"],
        "vocab": {"a": 0, "aa": 1, "aaaa": 2, "aaaaaaaa": 3}}})");
    const Encoding encoding = tokenizer.encode(std::string(2'000'001, 'a'), false);
    ASSERT_EQ(encoding.ids.size(), 250'001u);
    EXPECT_EQ(encoding.ids.back(), 0);
    EXPECT_EQ(encoding.offsets.back(), (Offset{2'000'000, 2'000'001}));
}

}  // namespace
}  // namespace nepenthe::text
