#pragma once
// A label file that another program may have written: its tables must fit together before anybody follows an index.

#include "store/hdf5.h"
#include "unlearn/anchors/dictionary.h"

#include <cstdint>
#include <string>

namespace nepenthe::unlearn {

struct LabelShape {
    std::uint64_t blocks = 0, length = 0, top_k = 0;
};

// The shape of its tables. Throws Error(kData) that lists every table which is missing or of another shape, a block's
// translation that lies outside /translation/tokens, and a position of /map outside its block's translation.
LabelShape check_label_file(const store::H5Reader& file, const std::string& path);

// The rows of /anchors/hits, 8 numbers each. Throws Error(kData) for one that names a block, term or replacement that
// does not exist.
std::vector<std::int32_t> read_anchor_hits(const store::H5Reader& file, const Dictionary& dictionary,
                                           std::uint64_t blocks, const std::string& path);

}  // namespace nepenthe::unlearn
