// Ids, offsets and decoded text against the `tokenizers` package, on the files that
// tests/golden/make_tokenizations.py wrote.

#include "base/error.h"
#include "io/file.h"
#include "text/tokenizer.h"

#include <gtest/gtest.h>

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
    std::vector<std::uint32_t> numbers(std::size_t count) {
        std::vector<std::uint32_t> values(count);
        const std::string_view raw = take(count * sizeof(std::uint32_t));
        std::memcpy(values.data(), raw.data(), raw.size());
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

class Tokenizations : public ::testing::TestWithParam<const char*> {};

TEST_P(Tokenizations, EqualThePackages) {
    const auto path = std::filesystem::path(NEPENTHE_TOKENIZATIONS) / (std::string(GetParam()) + ".expected");
    const io::MappedFile file(path);
    Cursor cursor(file.text());
    const Tokenizer tokenizer = Tokenizer::load(std::string(cursor.string()));
    const std::uint32_t texts = cursor.number();
    ASSERT_GT(texts, 10004u);
    int failures = 0;
    for (std::uint32_t i = 0; i < texts && failures < 10; ++i) {
        const std::string_view text = cursor.string();
        const std::uint32_t count = cursor.number();
        const auto ids = cursor.numbers(count), begins = cursor.numbers(count), ends = cursor.numbers(count);
        const std::string_view decoded = cursor.string();
        const Encoding encoding = tokenizer.encode(text, true);
        for (std::size_t t = 0; t < std::min<std::size_t>(count, encoding.ids.size()); ++t) {
            const Offset expected{begins[t], ends[t]};
            if (encoding.ids[t] == static_cast<TokenId>(ids[t]) && encoding.offsets[t] == expected) continue;
            ADD_FAILURE() << "text " << i << ", token " << t << ": " << encoding.ids[t] << " at ["
                          << encoding.offsets[t].begin << ", " << encoding.offsets[t].end << "), expected " << ids[t]
                          << " at [" << expected.begin << ", " << expected.end << ") in " << printable(text);
            ++failures;
            break;
        }
        EXPECT_EQ(encoding.ids.size(), count) << "text " << i << ": " << printable(text);
        ASSERT_EQ(encoding.ids.size(), encoding.offsets.size());
        EXPECT_EQ(tokenizer.encode_ids(text, true), encoding.ids);
        if (tokenizer.decode(encoding.ids, true) != decoded) {
            ADD_FAILURE() << "decoded text " << i << ": " << printable(tokenizer.decode(encoding.ids, true))
                          << ", expected " << printable(decoded);
            ++failures;
        }
    }
}

INSTANTIATE_TEST_SUITE_P(All, Tokenizations,
                         ::testing::Values("gpt2", "gpt-neox", "llama2", "llama2-published", "llama3", "qwen2",
                                           "tinystories", "gemma3"),
                         [](const auto& test) {
                             std::string name = test.param;
                             std::erase(name, '-');
                             return name;
                         });

}  // namespace
}  // namespace nepenthe::text
