// A description, a NUL byte, and the file of its weights.

#include "fuzz/target.h"
#include "model/side_memory.h"
#include "temporary_folder.h"

#include <torch/types.h>

#include <algorithm>
#include <fstream>

using namespace nepenthe;

namespace {

void put(const std::filesystem::path& path, std::string_view bytes) {
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    fuzz::require(file.good(), "a file to write");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const testing::TemporaryFolder folder;
    const std::string_view bytes = fuzz::as_text(data, size);
    const std::size_t end = std::min(bytes.find('\0'), bytes.size());
    put(folder.path() / model::kSideMemoryDescription, bytes.substr(0, end));
    put(folder.path() / model::kSideMemoryWeights, bytes.substr(std::min(end + 1, bytes.size())));
    fuzz::accepted([&] {
        const model::SideMemory memory = model::load_side_memory(folder.path(), at::kFloat, at::kCPU);
        fuzz::require(!memory.alternatives.empty(), "a memory holds something");
        model::check_side_memory(memory, 2, at::zeros({2, 3}));
        fuzz::require(memory.layer >= 0 && memory.layer < 2, "a layer of the model");
        for (const auto& alternative : memory.alternatives)
            fuzz::require(alternative.weight.sizes() == at::IntArrayRef({2, 3}), "of the matrix's shape");
    });
    return 0;
}
