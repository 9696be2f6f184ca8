#include "fuzz/target.h"
#include "unlearn/anchors/dictionary.h"

using namespace nepenthe;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    unlearn::Dictionary dictionary;
    if (!fuzz::accepted([&] { dictionary = unlearn::parse_dictionary(fuzz::as_text(data, size), "input"); })) return 0;
    fuzz::require(!dictionary.entries.empty(), "a dictionary has terms");
    for (const unlearn::DictionaryEntry& entry : dictionary.entries)
        fuzz::require(!entry.term.empty() && !entry.replacements.empty(), "a term has replacements");
    const unlearn::Dictionary again = unlearn::parse_dictionary(dictionary.to_text(), "its text");
    fuzz::require(again.digest() == dictionary.digest(), "its text says the same");
    static_cast<void>(unlearn::prune(dictionary, nullptr));
    return 0;
}
