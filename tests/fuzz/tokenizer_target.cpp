#include "fuzz/target.h"
#include "text/tokenizer.h"

#include <algorithm>

using namespace nepenthe;

namespace {
// ASCII, accents, Han, an emoji of several code points, runs of spaces, digits, a byte-order mark and a special token's
// spelling.
constexpr std::string_view kText =
    "Hello  world, it's 1234567 o'clock\n\n\ttab caf\u00e9 na\u0308ive \u6f22\u5b57 \U0001F469\u200D\U0001F680 \uFEFF "
    "<s></s> end ";
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const fuzz::MemoryFile file(fuzz::as_text(data, size));
    fuzz::accepted([&] {
        const text::Tokenizer tokenizer = text::Tokenizer::load(file.path());
        const text::Encoding encoding = tokenizer.encode(kText, true);
        fuzz::require(encoding.ids.size() == encoding.offsets.size(), "ids and offsets are parallel");
        for (std::size_t i = 0; i < encoding.ids.size(); ++i) {
            fuzz::require(encoding.ids[i] >= 0 && encoding.ids[i] < tokenizer.size(), "an id is in the vocabulary");
            fuzz::require(
                encoding.offsets[i].begin <= encoding.offsets[i].end && encoding.offsets[i].end <= kText.size(),
                "an offset is in the text");
        }
        fuzz::require(tokenizer.encode_ids(kText, true) == encoding.ids, "both encoders agree");
        static_cast<void>(tokenizer.decode(encoding.ids, true));
        for (text::TokenId id = 0; id < std::min(tokenizer.size(), 300); ++id) {
            static_cast<void>(tokenizer.token(id));
            static_cast<void>(tokenizer.decode({&id, 1}, false));
        }
    });
    return 0;
}
