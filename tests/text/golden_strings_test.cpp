// The 47 strings of each published set of ids (no special tokens).

#include "io/file.h"
#include "text/tokenizer.h"

#include <gtest/gtest.h>

#include <sstream>

namespace nepenthe::text {
namespace {

struct GoldenSet {
    const char* name;       // of the .inp and .out files
    std::string tokenizer;  // path of the tokenizer.json
};

std::string published(const std::string& file) { return NEPENTHE_SHARED_DATA "/tokenizers/" + file; }
std::string converted(const std::string& family) { return NEPENTHE_TOKENIZATIONS "/" + family + "/tokenizer.json"; }

std::vector<std::string> golden_strings(const std::string& file) {
    const std::string separator = "\n__ggml_vocab_test__\n";
    std::vector<std::string> strings;
    std::size_t at = 0;
    for (std::size_t end = file.find(separator); end != std::string::npos; end = file.find(separator, at)) {
        strings.push_back(file.substr(at, end - at));
        at = end + separator.size();
    }
    strings.push_back(file.substr(at));
    return strings;
}

class GoldenStrings : public ::testing::TestWithParam<GoldenSet> {};

TEST_P(GoldenStrings, HaveThePublishedIds) {
    const std::string stem = published(std::string("golden/") + GetParam().name);
    const auto strings = golden_strings(io::read_file(stem + ".inp"));
    ASSERT_EQ(strings.size(), 47u);
    std::istringstream lines(io::read_file(stem + ".out"));
    const Tokenizer tokenizer = Tokenizer::load(GetParam().tokenizer);
    for (const std::string& string : strings) {
        std::string line;
        ASSERT_TRUE(std::getline(lines, line));
        std::istringstream fields(line);
        std::vector<TokenId> expected;
        for (TokenId id = 0; fields >> id;) expected.push_back(id);
        EXPECT_EQ(tokenizer.encode_ids(string, false), expected) << string;
        EXPECT_EQ(tokenizer.encode(string, false).ids, expected) << string;
    }
}

INSTANTIATE_TEST_SUITE_P(All, GoldenStrings,
                         ::testing::Values(GoldenSet{"gpt-2", published("gpt2/tokenizer.json")},
                                           GoldenSet{"llama-spm", published("llama2/tokenizer.json")},
                                           GoldenSet{"llama-bpe", converted("llama3")},
                                           GoldenSet{"qwen2", converted("qwen2")},
                                           GoldenSet{"mpt", published("gpt-neox/20B_tokenizer.json")}),
                         [](const auto& test) {
                             std::string name = test.param.name;
                             std::erase(name, '-');
                             return name;
                         });

}  // namespace
}  // namespace nepenthe::text
