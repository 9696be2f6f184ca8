#include "fuzz/target.h"
#include "io/safetensors_header.h"

using namespace nepenthe;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::map<std::string, std::string> shard_of_tensor;
    if (!fuzz::accepted([&] { shard_of_tensor = io::parse_shard_index(fuzz::as_text(data, size), "input"); })) return 0;
    for (const auto& [tensor, shard] : shard_of_tensor) {
        const std::filesystem::path path = shard;
        fuzz::require(path.filename() == path && shard != "." && shard != ".." && !shard.empty(),
                      "a shard is a plain file name");
        fuzz::require(shard.find('\0') == std::string::npos, "a shard's name holds no NUL");
    }
    return 0;
}
