#include "text/corpus.h"

#include "base/error.h"
#include "io/file.h"
#include "temporary_folder.h"
#include "text/token_span.h"

#include <gtest/gtest.h>

namespace nepenthe::text {
namespace {

// A token a letter: a = 1 … e = 5; "<s>" = 0.
class CorpusTest : public ::testing::Test {
  protected:
    CorpusTest() {
        io::write_file_atomically(folder_.path() / "tokenizer.json", R"({"model": {"type": "BPE", "merges": [],
            "vocab": {"<s>": 0, "a": 1, "b": 2, "c": 3, "d": 4, "e": 5}}})");
        io::write_file_atomically(folder_.path() / "tokenizer_config.json", R"({"bos_token": "<s>"})");
    }
    Tokenizer tokenizer() const { return Tokenizer::load(folder_.path()); }
    nepenthe::testing::TemporaryFolder folder_;
};

TEST_F(CorpusTest, CutsDocumentsIntoBlocksThatBeginWithBos) {
    const Corpus corpus = make_corpus({"abcde", "", "ab"}, tokenizer(), {.length = 3});
    ASSERT_EQ(corpus.blocks.size(), 4u);
    EXPECT_EQ(corpus.blocks[0].ids, (std::vector<TokenId>{0, 1, 2}));
    EXPECT_EQ(corpus.blocks[1].ids, (std::vector<TokenId>{0, 3, 4}));
    EXPECT_EQ(corpus.blocks[2].ids, (std::vector<TokenId>{0, 5}));
    EXPECT_EQ(corpus.blocks[3].ids, (std::vector<TokenId>{0, 1, 2}));
    EXPECT_EQ(corpus.blocks[1].offsets, (std::vector<Offset>{{0, 0}, {2, 3}, {3, 4}}));
    EXPECT_EQ(corpus.blocks[2].document, 0u);
    EXPECT_EQ(corpus.blocks[3].document, 2u);
    EXPECT_EQ(corpus.tokens(), 11);
}

TEST_F(CorpusTest, LeavesOutBosAndTailsOnDemand) {
    const Corpus corpus = make_corpus({"abcde"}, tokenizer(), {.length = 2, .bos = false, .keep_tail = false});
    ASSERT_EQ(corpus.blocks.size(), 2u);
    EXPECT_EQ(corpus.blocks[1].ids, (std::vector<TokenId>{3, 4}));
}

TEST_F(CorpusTest, DigestTellsDocumentsApart) {
    const std::string one = make_corpus({"ab", "c"}, tokenizer(), {}).digest;
    EXPECT_EQ(one.size(), 64u);
    EXPECT_EQ(one, make_corpus({"ab", "c"}, tokenizer(), {.length = 7}).digest);
    EXPECT_NE(one, make_corpus({"a", "bc"}, tokenizer(), {}).digest);
}

TEST_F(CorpusTest, RefusesBlocksWithoutRoomForText) {
    EXPECT_THROW(make_corpus({"a"}, tokenizer(), {.length = 1}), Error);
    EXPECT_THROW(make_corpus({"a"}, tokenizer(), {.length = 0, .bos = false}), Error);
}

TEST_F(CorpusTest, BlocksOfOneTokenPredictNothing) {
    const BlockCut cut{.length = 3, .bos = false};
    Corpus corpus = make_corpus({"a", "abcd", "", "ab"}, tokenizer(), cut);
    ASSERT_EQ(corpus.blocks.size(), 4u);
    EXPECT_EQ(leave_out_single_tokens(corpus), 2);
    ASSERT_EQ(corpus.blocks.size(), 2u);
    EXPECT_EQ(corpus.blocks[0].ids, (std::vector<TokenId>{1, 2, 3}));
    EXPECT_EQ(corpus.blocks[1].document, 3u);
    EXPECT_EQ(leave_out_single_tokens(corpus), 0);
    Corpus none = make_corpus({"a", "b"}, tokenizer(), cut);
    EXPECT_THROW(leave_out_single_tokens(none), Error);
    Corpus with_bos = make_corpus({"a"}, tokenizer(), {.length = 3});
    EXPECT_EQ(leave_out_single_tokens(with_bos), 0) << "BOS predicts it";
}

TEST(TokenSpan, FindsTheTokensOfAStretchOfText) {
    const std::vector<Offset> offsets{{0, 0}, {0, 3}, {3, 7}, {7, 8}, {8, 12}};
    EXPECT_EQ(tokens_covering(offsets, {4, 8}), (TokenSpan{2, 4}));
    EXPECT_EQ(tokens_covering(offsets, {0, 1}), (TokenSpan{1, 2}));
    EXPECT_TRUE(tokens_covering(offsets, {12, 20}).empty());
}

}  // namespace
}  // namespace nepenthe::text
