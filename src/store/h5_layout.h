#pragma once
// What a dataset is, apart from how its bytes lie in the file, and the digest over a file's content.

#include "store/h5_handle.h"

#include <cstdint>
#include <string>
#include <vector>

namespace nepenthe::store {

struct H5Layout {
    std::string name;               // full, "/labels/5"
    std::string type;               // "f32", "bf16", "text"
    std::size_t element_bytes = 0;  // of a text: its length
    std::vector<std::uint64_t> shape;
    std::uint64_t rows_per_block = 1;  // blocks are what the digest is made of

    std::uint64_t rows() const { return shape[0]; }
    std::uint64_t row_bytes() const;
    std::uint64_t blocks() const;
    std::uint64_t rows_in_block(std::uint64_t block) const;
};

std::string_view h5_type_name(H5Type type);
// Throws Error(kData) for "text" and other names that are no number.
H5Type h5_type_from_name(std::string_view name, std::string_view dataset);

// Digest over root attributes (except `created`, `command_line`), and for every dataset its name, type, shape and the
// SHA-256 of each block's bytes. `blocks[i]` belongs to `layouts[i]`; layouts are sorted by name.
std::string h5_content_digest(const Json& root_attributes, const std::vector<H5Layout>& layouts,
                              const std::vector<std::vector<std::string>>& blocks);

// Selects rows [first, first+rows) of `space`; rows = 0 selects nothing.
void select_rows(hid_t space, const std::vector<std::uint64_t>& shape, std::uint64_t first, std::uint64_t rows);
// A memory space for `rows` rows.
H5Space rows_in_memory(const std::vector<std::uint64_t>& shape, std::uint64_t rows);

}  // namespace nepenthe::store
