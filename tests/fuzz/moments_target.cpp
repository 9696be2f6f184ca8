#include "edit/keys/moment_file.h"
#include "fuzz/target.h"

#include <torch/types.h>

using namespace nepenthe;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static fuzz::MemoryFile file("");
    file.put(fuzz::as_text(data, size));
    fuzz::accepted([&] {
        const edit::MomentFile moments(file.path());
        fuzz::require(moments.count() > 0 && moments.intermediate() > 0, "keys of some tokens");
        for (const std::int64_t layer : moments.claims().layers) {
            const at::Tensor moment = moments.moment(layer);
            fuzz::require(moment.size(0) == moments.intermediate() && moment.size(1) == moments.intermediate(),
                          "a square");
        }
        for (const edit::MomentMap& map : edit::moment_maps(moments.claims().layers, moments.widths()))
            fuzz::require(moments.moment(map).size(0) == moments.widths().at(map.input), "a square of its width");
        static_cast<void>(edit::digest_of_parts(moments.parts()));
    });
    return 0;
}
