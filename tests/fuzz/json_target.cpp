#include "base/json.h"
#include "fuzz/target.h"

using namespace nepenthe;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = fuzz::as_text(data, size);
    Json value;
    if (!fuzz::accepted([&] { value = parse_json(text, "input"); })) return 0;
    fuzz::require(Json::accept(text), "what we accept is JSON");
    const std::string canonical = canonical_json(value);
    const Json again = parse_json(canonical, "canonical");
    fuzz::require(again == value, "canonical bytes give the same value");
    fuzz::require(canonical_json(again) == canonical, "canonical bytes are a fixed point");
    return 0;
}
