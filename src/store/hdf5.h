#pragma once
// HDF5 files written by all ranks together and read by anyone: RAII handles, compressed and checksummed datasets, and
// a digest of the content that does not depend on how the bytes were laid out.

#include "base/json.h"
#include "dist/comm.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace nepenthe::store {

enum class H5Type { kU8, kI16, kU16, kI32, kU32, kI64, kU64, kF32, kF64, kBF16 /* stored as u16 with an attribute */ };

std::size_t h5_type_bytes(H5Type type);
template <typename T>
H5Type h5_type_of();  // for the arithmetic types above

struct DatasetSpec {
    std::string name;  // "/labels/5"
    H5Type type = H5Type::kF32;
    std::vector<std::uint64_t> shape;  // first axis = rows, cut into blocks
    std::uint64_t rows_per_chunk = 1;  // chunk = block
    std::vector<std::string> axes;     // one name an axis: {"block", "position"}
    std::string description;
    std::string units;     // "" where there are none ("nats", "logit")
    bool compress = true;  // shuffle + deflate; checksums are always on
};

// A file that all ranks create together. Attributes may be strings, integers, floats and booleans; anything else is
// stored as JSON text, and read back as that text. The file's bytes do not depend on the number of ranks either, but
// for what `created` and `command_line` say. After an error the object can only be destroyed; its file is then garbage.
class H5Writer {
  public:
    // Collective. `attributes` go to the root group beside format, format_version and creator.
    H5Writer(const dist::Comm& comm, std::filesystem::path path, std::string format, int format_version,
             const Json& attributes);
    ~H5Writer();

    // Collective. Throws Error(kDoesNotFit) when an uncompressed dataset is larger than the free space.
    void create(const DatasetSpec& spec);
    // Collective. Fills the whole dataset in rounds of chunks dealt to ranks in a way that does not depend on who asks:
    // `fill(first_row, rows, out)` writes rows*row_bytes bytes on the rank that owns them; it uses no collectives.
    // Before each round the free space is looked at: a disk that is about to be full is Error(kInputOutput), not a
    // broken file.
    void write_rows(
        const std::string& name,
        const std::function<void(std::uint64_t first_row, std::uint64_t rows, std::span<std::byte> out)>& fill);
    // Collective. A small dataset that every rank holds whole; rank 0 writes.
    void write_small(const DatasetSpec& spec, Bytes bytes);
    // Collective. One UTF-8 string as a dataset (JSON tables: dictionary, hits …).
    void write_text(const std::string& name, std::string_view text, std::string_view description);
    // Collective. Attributes of the root, added late (agreement rates, counts).
    void set_attributes(const Json& attributes);

    // Collective. Flushes (which fsyncs), closes, reads every dataset back, and returns the content digest: SHA-256
    // over names, types, shapes, bytes and root attributes except `created` and `command_line`. Throws
    // Error(kInputOutput) on any failure.
    std::string close();

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
    std::string format_;
};

// A file read by one rank alone.
class H5Reader {
  public:
    // Throws Error(kData) when it is not an HDF5 file of this `format`, or holds external links, external storage,
    // virtual datasets, links other than hard ones, unknown types or filters, or datasets that were not written whole.
    H5Reader(const std::filesystem::path& path, std::string_view format);
    ~H5Reader();
    H5Reader(H5Reader&&) noexcept;

    Json attributes() const;
    bool has(const std::string& name) const;
    std::vector<std::string> datasets() const;  // sorted full names
    std::vector<std::uint64_t> shape(const std::string& name) const;
    H5Type type(const std::string& name) const;
    // Rows [first, first+rows) as raw bytes of the dataset's own type.
    std::vector<std::byte> read_rows(const std::string& name, std::uint64_t first, std::uint64_t rows) const;
    template <typename T>
    std::vector<T> read(const std::string& name, std::uint64_t first, std::uint64_t rows) const;  // type must match
    template <typename T>
    std::vector<T> read(const std::string& name) const;
    std::string read_text(const std::string& name) const;
    // The digest that H5Writer::close returned for this content.
    std::string content_digest() const;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace nepenthe::store
