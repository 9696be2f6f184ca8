#include "fuzz/target.h"
#include "store/hdf5.h"

#include <algorithm>

using namespace nepenthe;

// Small files may not ask for much memory: what this target may hold at a time is a property of it, too (CMakeLists).
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static fuzz::MemoryFile file("");
    file.put(fuzz::as_text(data, size));
    fuzz::accepted([&] {
        const store::H5Reader reader(file.path(), "nepenthe.sample");
        for (const std::string& name : reader.datasets()) {
            const std::vector<std::uint64_t> shape = reader.shape(name);
            fuzz::require(!shape.empty() && reader.has(name), "a dataset has rows");
            fuzz::accepted([&] { static_cast<void>(reader.read_text(name)); });
            fuzz::accepted([&] { static_cast<void>(reader.read<std::int32_t>(name)); });
            fuzz::accepted([&] { static_cast<void>(reader.read<double>(name)); });
            fuzz::accepted([&] {
                const auto rows = reader.read_rows(name, 0, shape[0]);
                const auto half = reader.read_rows(name, shape[0] / 2, shape[0] - shape[0] / 2);
                fuzz::require(
                    half.size() <= rows.size() &&
                        std::equal(half.begin(), half.end(), rows.end() - static_cast<std::ptrdiff_t>(half.size())),
                    "rows are the same however they are asked for");
            });
        }
        static_cast<void>(reader.content_digest());
    });
    return 0;
}
