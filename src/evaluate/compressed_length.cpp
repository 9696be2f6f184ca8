#include "evaluate/compressed_length.h"

#include "base/error.h"

#include <zlib.h>

#include <vector>

namespace nepenthe::evaluate {

std::size_t compressed_length(std::string_view text) {
    constexpr int kLevel = 6;
    uLongf bytes = compressBound(static_cast<uLong>(text.size()));
    std::vector<Bytef> stream(bytes);
    const int result = compress2(stream.data(), &bytes, reinterpret_cast<const Bytef*>(text.data()),
                                 static_cast<uLong>(text.size()), kLevel);
    if (result == Z_MEM_ERROR) fail(ErrorKind::kDoesNotFit, "no memory to compress a text of {} bytes", text.size());
    NEPENTHE_CHECK(result == Z_OK);
    return bytes;
}

}  // namespace nepenthe::evaluate
