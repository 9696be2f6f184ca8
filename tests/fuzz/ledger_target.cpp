#include "edit/ledger.h"
#include "fuzz/target.h"

#include <torch/types.h>

using namespace nepenthe;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static fuzz::FolderWithFile folder("ledger.h5");
    folder.put(fuzz::as_text(data, size));
    fuzz::accepted([&] {
        const edit::Ledger ledger = edit::read_ledger(folder.path());
        for (const edit::EditRecord& record : ledger.records) {
            for (const std::size_t fact : record.facts) fuzz::require(fact < ledger.facts.size(), "a fact of the list");
        }
        static_cast<void>(edit::describe(ledger));
        static_cast<void>(ledger.known_values());
    });
    return 0;
}
