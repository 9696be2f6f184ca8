#include "fuzz/target.h"
#include "io/safetensors_header.h"

using namespace nepenthe;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const Bytes file = as_bytes(fuzz::as_text(data, size));
    io::SafetensorsHeader header;
    if (!fuzz::accepted([&] { header = io::parse_safetensors_header(file, "input"); })) return 0;

    fuzz::require(header.order.size() == header.entries.size(), "every tensor is in the order once");
    std::uint64_t covered = 0;
    for (const std::string& name : header.order) {
        const auto& entry = header.entries.at(name);
        fuzz::require(entry.begin <= entry.end && entry.end <= size, "a tensor lies in the file");
        std::uint64_t elements = 1;
        for (const std::int64_t length : entry.shape) elements *= static_cast<std::uint64_t>(length);
        fuzz::require(elements * io::dtype_bytes(entry.dtype) == entry.end - entry.begin, "shape and range agree");
        covered += entry.end - entry.begin;
    }
    fuzz::require(covered + 8 <= size, "tensors do not overlap");
    return 0;
}
