#pragma once
// How far a text can be compressed: the yardstick by which a loss is judged that easy texts have as well (Carlini et
// al. 2021, arXiv 2012.07805).

#include <cstddef>
#include <string_view>

namespace nepenthe::evaluate {

// Bytes of the text's zlib stream at level 6, header and checksum among them: what len(zlib.compress(text)) is in
// Python with the same zlib. Throws Error(kDoesNotFit) where memory does not suffice.
std::size_t compressed_length(std::string_view text);

}  // namespace nepenthe::evaluate
