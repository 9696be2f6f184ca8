// The 47 strings of each published set of ids (no special tokens).

#include "io/file.h"
#include "published_data.h"
#include "text/tokenizer.h"

#include <gtest/gtest.h>

#include <sstream>

namespace nepenthe::text {
namespace {

struct GoldenSet {
    const char* name;                              // of the .inp and .out files
    std::string (*tokenizer)(const std::string&);  // where its tokenizer.json is
    const char* file;
};

std::string published(const std::string& file) { return nepenthe::testing::published_data() / "tokenizers" / file; }
std::string converted(const std::string& family) {
    return NEPENTHE_TOKENIZATIONS "/published_tokenizations/" + family + "/tokenizer.json";
}

// The last part is what follows the last separator: an empty string, of no ids.
std::vector<std::string> parts_between(const std::string& separator, const std::string& file) {
    std::vector<std::string> parts;
    std::size_t at = 0;
    for (std::size_t end = file.find(separator); end != std::string::npos; end = file.find(separator, at)) {
        parts.push_back(file.substr(at, end - at));
        at = end + separator.size();
    }
    parts.push_back(file.substr(at));
    return parts;
}

class GoldenStrings : public ::testing::TestWithParam<GoldenSet> {};

TEST_P(GoldenStrings, HaveThePublishedIds) {
    const std::string stem = published(std::string("golden/") + GetParam().name);
    const auto strings = parts_between("\n__ggml_vocab_test__\n", io::read_file(stem + ".inp"));
    const auto lines = parts_between("\n", io::read_file(stem + ".out"));
    ASSERT_EQ(strings.size(), 47u);
    ASSERT_EQ(lines.size(), 47u);
    const Tokenizer tokenizer = Tokenizer::load(GetParam().tokenizer(GetParam().file));
    for (std::size_t i = 0; i < strings.size(); ++i) {
        std::istringstream fields(lines[i]);
        std::vector<TokenId> expected;
        for (TokenId id = 0; fields >> id;) expected.push_back(id);
        EXPECT_EQ(tokenizer.encode_ids(strings[i], false), expected) << strings[i];
        EXPECT_EQ(tokenizer.encode(strings[i], false).ids, expected) << strings[i];
    }
}

INSTANTIATE_TEST_SUITE_P(Published, GoldenStrings,
                         ::testing::Values(GoldenSet{"gpt-2", published, "gpt2/tokenizer.json"},
                                           GoldenSet{"llama-spm", converted, "llama2-published"},
                                           GoldenSet{"llama-bpe", converted, "llama3"},
                                           GoldenSet{"qwen2", converted, "qwen2"},
                                           GoldenSet{"mpt", published, "gpt-neox/20B_tokenizer.json"}),
                         [](const auto& test) {
                             std::string name = test.param.name;
                             std::erase(name, '-');
                             return name;
                         });

}  // namespace
}  // namespace nepenthe::text
