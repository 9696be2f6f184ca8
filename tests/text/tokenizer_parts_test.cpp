// One component at a time against the `tokenizers` package (tests/golden/make_tokenizer_parts.py).

#include "base/json.h"
#include "io/file.h"
#include "temporary_folder.h"
#include "text/tokenizer.h"

#include <gtest/gtest.h>

namespace nepenthe::text {

// How a failed comparison shows an offset.
void PrintTo(const Offset& offset, std::ostream* out) { *out << "[" << offset.begin << ", " << offset.end << ")"; }

namespace {

std::vector<Offset> offsets_of(const Json& pairs) {
    std::vector<Offset> offsets;
    for (const Json& pair : pairs) offsets.push_back({pair[0].get<std::uint32_t>(), pair[1].get<std::uint32_t>()});
    return offsets;
}

TEST(TokenizerParts, EqualThePackages) {
    const std::string path = NEPENTHE_SOURCE_DIR "/tests/golden/tokenizer_parts.json";
    const Json cases = parse_json(io::read_file(path), path);
    ASSERT_GT(cases.size(), 80u);
    const nepenthe::testing::TemporaryFolder folder;
    const auto file = folder.path() / "tokenizer.json";
    for (const Json& item : cases) {
        SCOPED_TRACE(item["name"].get<std::string>());
        io::write_file_atomically(file,
                                  item.contains("raw") ? item["raw"].get<std::string>() : item["tokenizer"].dump());
        const Tokenizer tokenizer = Tokenizer::load(file);
        for (const Json& expected : item.value("encodings", Json::array())) {
            const std::string text = expected["text"];
            SCOPED_TRACE(expected["text"].dump(-1, ' ', true));
            const Encoding encoding = tokenizer.encode(text, true);
            EXPECT_EQ(encoding.ids, expected["ids"].get<std::vector<TokenId>>());
            EXPECT_EQ(encoding.offsets, offsets_of(expected["offsets"]));
            EXPECT_EQ(tokenizer.encode_ids(text, true), encoding.ids);
            EXPECT_EQ(tokenizer.decode(encoding.ids, true), expected["decoded"].get<std::string>());
        }
        for (const Json& expected : item.value("decodings", Json::array())) {
            const auto ids = expected["ids"].get<std::vector<TokenId>>();
            EXPECT_EQ(tokenizer.decode(ids, true), expected["decoded"].get<std::string>()) << expected["ids"].dump();
        }
    }
}

}  // namespace
}  // namespace nepenthe::text
