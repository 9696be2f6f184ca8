#include "fuzz/target.h"
#include "unlearn/attribution/mask_file.h"

using namespace nepenthe;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static fuzz::FolderWithFile folder("masks.h5");
    folder.put(fuzz::as_text(data, size));
    fuzz::accepted([&] {
        const unlearn::MaskFile file(folder.path() / unlearn::kMaskFile);
        fuzz::require(!file.selections().empty(), "a mask");
        for (const unlearn::MaskSelection& selection : file.selections()) {
            for (std::size_t i = 0; i < file.table().parameters.size(); ++i) {
                const std::int64_t numel = file.table().parameters[i].numel;
                fuzz::require(file.bits(selection, i).size() == numel, "a bit a weight");
                if (numel > 1) fuzz::require(file.bits(selection, i, 1, numel - 1).size() == numel - 1, "a range");
            }
        }
        file.require_model(file.table(), file.claims().model_digest, file.claims().tokenizer_digest);
    });
    return 0;
}
