#include "text/tokenizer.h"

#include "base/error.h"
#include "base/json.h"
#include "expected_errors.h"
#include "io/file.h"
#include "temporary_folder.h"
#include "text/tokenizer_digest.h"

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

constexpr const char* kSmall = R"({"added_tokens": [{"id": 3, "content": "<s>", "special": true, "normalized": false}],
    "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]}})";

TEST_F(TokenizerTest, KnowsItsVocabulary) {
    const Tokenizer tokenizer = load(kSmall);
    EXPECT_EQ(tokenizer.size(), 4);
    EXPECT_EQ(tokenizer.token(2), "ab");
    EXPECT_EQ(tokenizer.token(3), "<s>");
    EXPECT_EQ(tokenizer.token(5), "");
    EXPECT_EQ(tokenizer.token(-1), "");
    EXPECT_EQ(tokenizer.token(4), "");
    EXPECT_EQ(tokenizer.id("ab"), 2);
    EXPECT_EQ(tokenizer.id("<s>"), 3);
    EXPECT_EQ(tokenizer.id("c"), std::nullopt);
    EXPECT_TRUE(tokenizer.is_special(3));
    EXPECT_FALSE(tokenizer.is_special(2));
    EXPECT_EQ(tokenizer.digest(), tokenizer_digest(folder_.path()));
    EXPECT_EQ(tokenizer.bos(), std::nullopt);
    EXPECT_EQ(tokenizer.encode_ids("ab<s>ba", true), (std::vector<TokenId>{2, 3, 1, 0}));
    EXPECT_EQ(tokenizer.decode(std::vector<TokenId>{2, 3, 1, 5, 77, -3}, true), "ab b");
}

TEST_F(TokenizerTest, OffsetsPassAByteThatHasNoToken) {
    const Tokenizer tokenizer = load(R"({"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false},
        "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]}})");
    const Encoding encoding = tokenizer.encode(
        "a\x06"
        "b\x06"
        "ab",
        false);
    EXPECT_EQ(encoding.ids, (std::vector<TokenId>{0, 1, 2}));
    EXPECT_EQ(encoding.offsets, (std::vector<Offset>{{0, 1}, {2, 3}, {4, 6}}));
}

TEST_F(TokenizerTest, TakesBosAndEosFromTheConfig) {
    io::write_file_atomically(folder_.path() / "tokenizer_config.json",
                              R"({"bos_token": {"content": "<s>", "lstrip": false}, "eos_token": "ab"})");
    const Tokenizer tokenizer = load(kSmall);
    EXPECT_EQ(tokenizer.bos(), 3);
    EXPECT_EQ(tokenizer.eos(), 2);
    io::write_file_atomically(folder_.path() / "tokenizer_config.json", R"({"bos_token": "<no>", "eos_token": 3})");
    EXPECT_NE(refusal(kSmall).find("eos_token"), std::string::npos);
    io::write_file_atomically(folder_.path() / "tokenizer_config.json", R"({"bos_token": "<no>", "eos_token": "ab"})");
    const Tokenizer without = load(kSmall);
    EXPECT_EQ(without.bos(), std::nullopt);
    EXPECT_EQ(without.eos(), 2);
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
    const std::string whole = model(R"({"a": 0})", "[]");
    for (const std::size_t at : {std::size_t{0}, whole.size() / 2, whole.size()}) {
        EXPECT_NE(refusal(std::string(whole).insert(at, 1, '\0')).find("NUL"), std::string::npos) << at;
    }
    EXPECT_NE(
        refusal(R"({"added_tokens": [{"content": "x", "content": "y"}], "model": {"vocab": {"a": 0}}})").find("twice"),
        std::string::npos);
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
        expected.insert(expected.end(), {2, 3});
    }
    std::vector<std::thread> threads;
    std::vector<std::vector<TokenId>> results(4);
    for (auto& result : results) {
        threads.emplace_back([&] { result = tokenizer.encode(text, true).ids; });
    }
    for (std::thread& thread : threads) thread.join();
    for (const auto& result : results) EXPECT_EQ(result, expected);
}

// Rules that make much of little.
TEST_F(TokenizerTest, ATextThatGrowsWithoutEndIsRefused) {
    std::string doubling, prepending;
    for (int i = 0; i < 31; ++i) {
        doubling +=
            std::string(i > 0 ? "," : "") + R"({"type": "Replace", "pattern": {"String": "a"}, "content": "aa"})";
        prepending +=
            std::string(i > 0 ? "," : "") + R"({"type": "Prepend", "prepend": ")" + std::string(200'000, 'b') + "\"}";
    }
    const std::string model = R"("model": {"vocab": {"a": 0, "b": 1}})";
    const auto grown = [&](const std::string& json, auto&& use) {
        const Tokenizer tokenizer = load(json);
        const std::string message = nepenthe::testing::message_of(ErrorKind::kData, [&] { use(tokenizer); });
        nepenthe::testing::expect_contains(message, "as long");
    };
    const auto encode = [](const Tokenizer& tokenizer) { tokenizer.encode("aaaa", false); };
    for (const std::string& steps : {doubling, prepending}) {
        grown(R"({"normalizer": {"type": "Sequence", "normalizers": [)" + steps + "]}, " + model + "}", encode);
    }
    grown(R"({"decoder": {"type": "Sequence", "decoders": [)" + doubling + "]}, " + model + "}",
          [](const Tokenizer& tokenizer) { tokenizer.decode(std::vector<TokenId>(4, 0), false); });
    // Five doublings of every character are meant by nobody, but bounded.
    const std::string five = R"({"normalizer": {"type": "Replace", "pattern": {"String": "a"}, "content": ")" +
                             std::string(32, 'a') + "\"}, " + model + "}";
    EXPECT_EQ(load(five).encode_ids(std::string(100'000, 'a'), false).size(), 3'200'000u);
}

TEST_F(TokenizerTest, APatternThatTriesEveryWayIsRefused) {
    const Tokenizer tokenizer = load(R"({"pre_tokenizer": {"type": "Split", "pattern": {"Regex": "(a|b|ab)*[cd]"},
        "behavior": "Isolated", "invert": false}, "model": {"vocab": {"a": 0}}})");
    const std::string message =
        nepenthe::testing::message_of(ErrorKind::kData, [&] { tokenizer.encode(std::string(10'000, 'a'), false); });
    nepenthe::testing::expect_contains(message, "regular expression \"(a|b|ab)*[cd]\"");
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
