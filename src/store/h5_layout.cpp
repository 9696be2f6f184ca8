#include "store/h5_layout.h"

#include "base/hash.h"

#include <algorithm>
#include <array>

namespace nepenthe::store {

namespace {

struct NamedType {
    H5Type type;
    std::string_view name;
    std::size_t bytes;
};

constexpr std::array<NamedType, 10> kTypes{{{H5Type::kU8, "u8", 1},
                                            {H5Type::kI16, "i16", 2},
                                            {H5Type::kU16, "u16", 2},
                                            {H5Type::kI32, "i32", 4},
                                            {H5Type::kU32, "u32", 4},
                                            {H5Type::kI64, "i64", 8},
                                            {H5Type::kU64, "u64", 8},
                                            {H5Type::kF32, "f32", 4},
                                            {H5Type::kF64, "f64", 8},
                                            {H5Type::kBF16, "bf16", 2}}};

const NamedType& lookup(H5Type type) {
    return *std::find_if(kTypes.begin(), kTypes.end(), [type](const NamedType& t) { return t.type == type; });
}

}  // namespace

std::size_t h5_type_bytes(H5Type type) { return lookup(type).bytes; }
std::string_view h5_type_name(H5Type type) { return lookup(type).name; }

H5Type h5_type_from_name(std::string_view name, std::string_view dataset) {
    const auto found =
        std::find_if(kTypes.begin(), kTypes.end(), [name](const NamedType& t) { return t.name == name; });
    if (found == kTypes.end()) fail(ErrorKind::kData, "dataset {} holds {}, not numbers", dataset, name);
    return found->type;
}

template <>
H5Type h5_type_of<std::uint8_t>() {
    return H5Type::kU8;
}
template <>
H5Type h5_type_of<std::int16_t>() {
    return H5Type::kI16;
}
template <>
H5Type h5_type_of<std::uint16_t>() {
    return H5Type::kU16;
}
template <>
H5Type h5_type_of<std::int32_t>() {
    return H5Type::kI32;
}
template <>
H5Type h5_type_of<std::uint32_t>() {
    return H5Type::kU32;
}
template <>
H5Type h5_type_of<std::int64_t>() {
    return H5Type::kI64;
}
template <>
H5Type h5_type_of<std::uint64_t>() {
    return H5Type::kU64;
}
template <>
H5Type h5_type_of<float>() {
    return H5Type::kF32;
}
template <>
H5Type h5_type_of<double>() {
    return H5Type::kF64;
}

std::uint64_t H5Layout::row_bytes() const {
    std::uint64_t bytes = element_bytes;
    for (std::size_t axis = 1; axis < shape.size(); ++axis) {
        if (__builtin_mul_overflow(bytes, shape[axis], &bytes))
            fail(ErrorKind::kData, "dataset {} has an impossible shape", name);
    }
    return bytes;
}

std::uint64_t H5Layout::blocks() const { return rows() / rows_per_block + (rows() % rows_per_block != 0 ? 1 : 0); }

std::uint64_t H5Layout::rows_in_block(std::uint64_t block) const {
    return std::min(rows_per_block, rows() - block * rows_per_block);
}

std::string h5_content_digest(const Json& root_attributes, const std::vector<H5Layout>& layouts,
                              const std::vector<std::vector<std::string>>& blocks) {
    Json attributes = root_attributes;
    attributes.erase("created");
    attributes.erase("command_line");
    Sha256 digest;
    digest.update(canonical_json(attributes)).update("\n");
    for (std::size_t i = 0; i < layouts.size(); ++i) {
        const H5Layout& layout = layouts[i];
        digest.update(
            canonical_json({layout.name, layout.type, layout.element_bytes, layout.shape, layout.rows_per_block}));
        for (const std::string& block : blocks[i]) digest.update("\n").update(block);
        digest.update("\n");
    }
    return digest.hex();
}

void select_rows(hid_t space, const std::vector<std::uint64_t>& shape, std::uint64_t first, std::uint64_t rows) {
    if (rows == 0) {
        check_h5(H5Sselect_none(space), "select rows");
        return;
    }
    std::vector<hsize_t> start(shape.size(), 0), count(shape.begin(), shape.end());
    start[0] = first;
    count[0] = rows;
    check_h5(H5Sselect_hyperslab(space, H5S_SELECT_SET, start.data(), nullptr, count.data(), nullptr), "select rows");
}

H5Space rows_in_memory(const std::vector<std::uint64_t>& shape, std::uint64_t rows) {
    std::vector<hsize_t> dims(shape.begin(), shape.end());
    dims[0] = std::max<std::uint64_t>(rows, 1);
    H5Space space(H5Screate_simple(static_cast<int>(dims.size()), dims.data(), nullptr), "describe memory");
    if (rows == 0) check_h5(H5Sselect_none(space.get()), "describe memory");
    return space;
}

}  // namespace nepenthe::store
