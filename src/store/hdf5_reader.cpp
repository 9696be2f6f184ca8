#include "base/error.h"
#include "base/hash.h"
#include "store/h5_layout.h"
#include "store/hdf5.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <exception>

namespace nepenthe::store {

namespace {

constexpr auto kData = ErrorKind::kData;

// Bytes that lie in another file, or that a filter of unknown code would make.
void refuse_unsafe_storage(hid_t plist, const std::string& name) {
    const H5D_layout_t storage = H5Pget_layout(plist);
    if (storage != H5D_CHUNKED && storage != H5D_CONTIGUOUS)
        fail(kData, "dataset {} is virtual or of unknown layout", name);
    if (H5Pget_external_count(plist) != 0) fail(kData, "dataset {} keeps its bytes in another file", name);
    const int filters = check_h5(H5Pget_nfilters(plist), "read dataset " + name, kData);
    for (unsigned i = 0; i < static_cast<unsigned>(filters); ++i) {
        unsigned flags = 0;
        std::size_t values = 0;
        const H5Z_filter_t filter = H5Pget_filter2(plist, i, &flags, &values, nullptr, 0, nullptr, nullptr);
        if (filter != H5Z_FILTER_DEFLATE && filter != H5Z_FILTER_SHUFFLE && filter != H5Z_FILTER_FLETCHER32) {
            fail(kData, "dataset {} uses filter {}, which this program does not run", name, filter);
        }
    }
}

std::string type_name_of(hid_t type, const Json& attributes, const std::string& name) {
    if (H5Tget_class(type) == H5T_STRING && H5Tis_variable_str(type) == 0) return "text";
    for (const H5Type known : {H5Type::kU8, H5Type::kI16, H5Type::kU16, H5Type::kI32, H5Type::kU32, H5Type::kI64,
                               H5Type::kU64, H5Type::kF32, H5Type::kF64}) {
        if (H5Tequal(type, h5_native(known)) <= 0) continue;
        const bool bfloat16 = known == H5Type::kU16 && attributes.value("dtype", "") == "bfloat16";
        return std::string(h5_type_name(bfloat16 ? H5Type::kBF16 : known));
    }
    fail(kData, "dataset {} is of a type that this program does not write", name);
}

// A dataset that was not written whole would read as fill values, and a tiny file could ask for any amount of memory:
// what the file says that it stores must fit into its `file_bytes`, and the dataset into what such storage can hold.
void require_whole(hid_t dataset, hid_t plist, hid_t space, const H5Layout& layout, std::uint64_t file_bytes) {
    const auto multiply = [&](std::uint64_t a, std::uint64_t b) {
        std::uint64_t product = 0;
        if (__builtin_mul_overflow(a, b, &product)) fail(kData, "dataset {} has an impossible shape", layout.name);
        return product;
    };
    const std::uint64_t total = multiply(layout.row_bytes(), layout.rows());
    // Rows without content cost nothing to claim, and a loop over them has no end.
    constexpr std::uint64_t kMostEmptyRows = std::uint64_t{1} << 32;
    if (total == 0 && layout.rows() > kMostEmptyRows) fail(kData, "dataset {} has an impossible shape", layout.name);
    const std::uint64_t stored = H5Dget_storage_size(dataset);
    if (stored > file_bytes) {
        fail(kData, "dataset {} claims {} bytes of a file of {}", layout.name, stored, file_bytes);
    }
    if (H5Pget_layout(plist) == H5D_CONTIGUOUS) {
        if (stored != total) fail(kData, "dataset {} was not written whole", layout.name);
        return;
    }
    std::vector<hsize_t> chunk(layout.shape.size());
    check_h5(H5Pget_chunk(plist, static_cast<int>(chunk.size()), chunk.data()), "read dataset " + layout.name, kData);
    std::uint64_t expected = 1;
    for (std::size_t axis = 0; axis < chunk.size(); ++axis) {
        const std::uint64_t size = layout.shape[axis];
        if (chunk[axis] == 0) fail(kData, "dataset {} has an impossible chunk", layout.name);
        expected = multiply(expected, size / chunk[axis] + (size % chunk[axis] != 0 ? 1 : 0));
    }
    hsize_t present = 0;
    check_h5(H5Dget_num_chunks(dataset, space, &present), "read dataset " + layout.name, kData);
    // Deflate shrinks at most about a thousandfold.
    constexpr std::uint64_t kMostShrink = 1100;
    if (present != expected || stored < total / kMostShrink) {
        fail(kData, "dataset {} was not written whole: {} of {} chunks", layout.name, present, expected);
    }
}

// What one dataset is, after all refusals.
H5Layout inspect(hid_t file, const std::string& name, std::uint64_t file_bytes) {
    const std::string action = "read dataset " + name;
    const H5Dataset dataset(H5Dopen2(file, name.c_str(), H5P_DEFAULT), action, kData);
    const H5Properties plist(H5Dget_create_plist(dataset.get()), action, kData);
    refuse_unsafe_storage(plist.get(), name);

    H5Layout layout;
    layout.name = name;
    const H5Space space(H5Dget_space(dataset.get()), action, kData);
    constexpr int kMaxAxes = 8;
    const int axes = H5Sget_simple_extent_ndims(space.get());
    if (axes < 1 || axes > kMaxAxes) fail(kData, "dataset {} has {} axes", name, axes);
    std::vector<hsize_t> dims(static_cast<std::size_t>(axes));
    check_h5(H5Sget_simple_extent_dims(space.get(), dims.data(), nullptr), action, kData);
    layout.shape.assign(dims.begin(), dims.end());

    const H5TypeId type(H5Dget_type(dataset.get()), action, kData);
    const Json attributes = read_attributes(dataset.get());
    layout.type = type_name_of(type.get(), attributes, name);
    layout.element_bytes = H5Tget_size(type.get());
    const Json rows = attributes.value("rows_per_block", Json(1));
    layout.rows_per_block = rows.is_number_unsigned() ? std::max<std::uint64_t>(rows.get<std::uint64_t>(), 1) : 1;
    require_whole(dataset.get(), plist.get(), space.get(), layout, file_bytes);
    return layout;
}

struct Listing {
    std::uint64_t file_bytes = 0;
    std::vector<H5Layout> layouts;
    std::exception_ptr failure;
};

// Called by HDF5, which knows no exceptions.
herr_t visit_link(hid_t root, const char* name, const H5L_info_t* link, void* data) {
    auto* listing = static_cast<Listing*>(data);
    try {
        require_utf8(name, "read a dataset's name");
        if (link->type != H5L_TYPE_HARD) fail(kData, "{} is a link to elsewhere", name);
        H5O_info_t object;
#if H5_VERSION_GE(1, 12, 0)
        const herr_t found = H5Oget_info_by_name3(root, name, &object, H5O_INFO_BASIC, H5P_DEFAULT);
#else
        const herr_t found = H5Oget_info_by_name(root, name, &object, H5P_DEFAULT);
#endif
        check_h5(found, fmt::format("read {}", name), kData);
        if (object.type == H5O_TYPE_GROUP) return 0;
        if (object.type != H5O_TYPE_DATASET) fail(kData, "{} is neither group nor dataset", name);
        listing->layouts.push_back(inspect(root, std::string("/") + name, listing->file_bytes));
        return 0;
    } catch (...) {
        listing->failure = std::current_exception();
        return -1;
    }
}

}  // namespace

struct H5Reader::Impl {
    std::string path;
    H5File file;
    std::vector<H5Layout> layouts;  // sorted by name

    const H5Layout& layout(const std::string& name) const {
        const auto found =
            std::find_if(layouts.begin(), layouts.end(), [&](const H5Layout& l) { return l.name == name; });
        if (found == layouts.end()) fail(kData, "{} has no dataset {}", path, name);
        return *found;
    }

    std::vector<std::byte> read(const H5Layout& layout, hid_t type, std::uint64_t first, std::uint64_t rows) const {
        const std::string action = fmt::format("read {} from {}", layout.name, path);
        std::vector<std::byte> bytes(rows * layout.row_bytes());
        if (bytes.empty()) return bytes;
        const H5Dataset dataset(H5Dopen2(file.get(), layout.name.c_str(), H5P_DEFAULT), action, kData);
        const H5Space space(H5Dget_space(dataset.get()), action, kData);
        select_rows(space.get(), layout.shape, first, rows);
        const H5Space memory = rows_in_memory(layout.shape, rows);
        check_h5(H5Dread(dataset.get(), type, memory.get(), space.get(), H5P_DEFAULT, bytes.data()), action, kData);
        return bytes;
    }

    std::vector<std::byte> read(const H5Layout& layout, std::uint64_t first, std::uint64_t rows) const {
        if (layout.type == "text") return read(layout, h5_string_type(layout.element_bytes).get(), first, rows);
        return read(layout, h5_native(h5_type_from_name(layout.type, layout.name)), first, rows);
    }
};

H5Reader::H5Reader(const std::filesystem::path& path, std::string_view format) : impl_(std::make_unique<Impl>()) {
    prepare_hdf5();
    impl_->path = path.string();
    const std::string action = "open " + impl_->path;
    if (std::error_code error; !std::filesystem::is_regular_file(path, error)) {
        fail(ErrorKind::kInputOutput, "cannot {}: no such file", action);
    }
    try {
        const H5Properties access(H5Pcreate(H5P_FILE_ACCESS), action);
        // What is published never changes, and some cluster file systems refuse locks.
        check_h5(H5Pset_file_locking(access.get(), false, true), action);
        impl_->file = H5File(H5Fopen(path.c_str(), H5F_ACC_RDONLY, access.get()), action, kData);
        const Json found = attributes();
        if (found.value("format", "") != format) {
            fail(kData, "is not a \"{}\" file but \"{}\"", format, found.value("format", "of no known format"));
        }
        Listing listing;
        listing.file_bytes = std::filesystem::file_size(path);
        const herr_t visited = H5Lvisit(impl_->file.get(), H5_INDEX_NAME, H5_ITER_INC, visit_link, &listing);
        if (listing.failure) std::rethrow_exception(listing.failure);
        check_h5(visited, "list the datasets", kData);
        std::sort(listing.layouts.begin(), listing.layouts.end(),
                  [](const H5Layout& a, const H5Layout& b) { return a.name < b.name; });
        impl_->layouts = std::move(listing.layouts);
    } catch (const Error& error) {
        throw error.with_context(impl_->path);
    } catch (const Json::exception& error) {
        fail(kData, "{}: attributes of unexpected type ({})", impl_->path, error.what());
    }
}

H5Reader::~H5Reader() = default;
H5Reader::H5Reader(H5Reader&&) noexcept = default;

Json H5Reader::attributes() const {
    const H5Group root(H5Gopen2(impl_->file.get(), "/", H5P_DEFAULT), "open the root group", kData);
    return read_attributes(root.get());
}

bool H5Reader::has(const std::string& name) const {
    return std::any_of(impl_->layouts.begin(), impl_->layouts.end(), [&](const H5Layout& l) { return l.name == name; });
}

std::vector<std::string> H5Reader::datasets() const {
    std::vector<std::string> names;
    for (const H5Layout& layout : impl_->layouts) names.push_back(layout.name);
    return names;
}

std::vector<std::uint64_t> H5Reader::shape(const std::string& name) const { return impl_->layout(name).shape; }
H5Type H5Reader::type(const std::string& name) const { return h5_type_from_name(impl_->layout(name).type, name); }

std::vector<std::byte> H5Reader::read_rows(const std::string& name, std::uint64_t first, std::uint64_t rows) const {
    const H5Layout& layout = impl_->layout(name);
    if (first > layout.rows() || rows > layout.rows() - first) {
        fail(kData, "{}: rows {} to {} of {} were asked for, it has {}", impl_->path, first, first + rows, name,
             layout.rows());
    }
    return impl_->read(layout, first, rows);
}

template <typename T>
std::vector<T> H5Reader::read(const std::string& name, std::uint64_t first, std::uint64_t rows) const {
    const H5Layout& layout = impl_->layout(name);
    const bool raw_bfloat16 = layout.type == "bf16" && h5_type_of<T>() == H5Type::kU16;
    if (!raw_bfloat16 && layout.type != h5_type_name(h5_type_of<T>())) {
        fail(kData, "{}: {} holds {}, not {}", impl_->path, name, layout.type, h5_type_name(h5_type_of<T>()));
    }
    const std::vector<std::byte> bytes = read_rows(name, first, rows);
    std::vector<T> values(bytes.size() / sizeof(T));
    if (!bytes.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
    return values;
}

template <typename T>
std::vector<T> H5Reader::read(const std::string& name) const {
    return read<T>(name, 0, impl_->layout(name).rows());
}

#define NEPENTHE_READ(T)                                                                               \
    template std::vector<T> H5Reader::read<T>(const std::string&, std::uint64_t, std::uint64_t) const; \
    template std::vector<T> H5Reader::read<T>(const std::string&) const;
NEPENTHE_READ(std::uint8_t)
NEPENTHE_READ(std::int16_t)
NEPENTHE_READ(std::uint16_t)
NEPENTHE_READ(std::int32_t)
NEPENTHE_READ(std::uint32_t)
NEPENTHE_READ(std::int64_t)
NEPENTHE_READ(std::uint64_t)
NEPENTHE_READ(float)
NEPENTHE_READ(double)
#undef NEPENTHE_READ

std::string H5Reader::read_text(const std::string& name) const {
    const H5Layout& layout = impl_->layout(name);
    if (layout.type != "text") fail(kData, "{}: {} holds {}, not text", impl_->path, name, layout.type);
    const std::vector<std::byte> bytes = impl_->read(layout, 0, layout.rows());
    std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    text.erase(text.find_last_not_of('\0') + 1);
    return text;
}

std::string H5Reader::content_digest() const {
    std::vector<std::vector<std::string>> blocks;
    for (const H5Layout& layout : impl_->layouts) {
        auto& digests = blocks.emplace_back();
        for (std::uint64_t block = 0; block < layout.blocks(); ++block) {
            const auto bytes = impl_->read(layout, block * layout.rows_per_block, layout.rows_in_block(block));
            digests.push_back(Sha256().update(bytes).hex());
        }
    }
    return h5_content_digest(attributes(), impl_->layouts, blocks);
}

}  // namespace nepenthe::store
