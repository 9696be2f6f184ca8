#include "fuzz/target.h"
#include "model/family/config.h"

using namespace nepenthe;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    model::DecoderConfig config;
    if (!fuzz::accepted([&] { config = model::parse_config(parse_json(fuzz::as_text(data, size), "input")); }))
        return 0;
    fuzz::require(config.layers > 0 && config.hidden > 0 && config.vocabulary > 0 && config.heads > 0 &&
                      config.kv_heads > 0 && config.head_dim > 0 && config.intermediate > 0,
                  "sizes are positive");
    fuzz::require(config.heads % config.kv_heads == 0, "key-value heads divide heads");
    fuzz::require(config.window_of.size() == static_cast<std::size_t>(config.layers), "a window a layer");
    if (config.positions != model::Positions::kRotary) return 0;
    fuzz::require(config.rotary_of.size() == static_cast<std::size_t>(config.layers), "a rotary table a layer");
    for (const std::int32_t table : config.rotary_of) {
        const bool turned = table != -1;
        fuzz::require(!turned || (table >= 0 && static_cast<std::size_t>(table) < config.rotaries.size()),
                      "the table exists");
    }
    for (const model::Rotary& rotary : config.rotaries) {
        // An odd part of a head is rounded up.
        fuzz::require(rotary.dims > 0 && rotary.dims + rotary.dims % 2 <= config.head_dim, "a head can be turned");
    }
    return 0;
}
