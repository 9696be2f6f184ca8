#pragma once
// The safetensors format, read with every rule of the published reader enforced, and written byte-stable.
// Format: 8-byte little-endian header length, JSON header, tensor bytes without holes.

#include "base/json.h"
#include "io/file.h"

#include <map>
#include <string>
#include <vector>

namespace nepenthe::io {

enum class DType { kF64, kF32, kF16, kBF16, kI64, kI32, kI16, kI8, kU8, kBool };

std::string_view dtype_name(DType dtype);  // "F32", as in the file
std::size_t dtype_bytes(DType dtype);

// One tensor of a file: a view into the mapping, valid while `owner` lives. The format does not align the bytes to the
// dtype: copy them where alignment matters.
struct TensorView {
    DType dtype = DType::kF32;
    std::vector<std::int64_t> shape;
    Bytes bytes;
    std::shared_ptr<const void> owner;
};

// One .safetensors file.
class SafetensorsFile {
  public:
    // Throws Error(kData) naming the file, the tensor and the byte offset of what is wrong; never allocates more than
    // about a dozen times the header's size, which is at most 100 MB.
    explicit SafetensorsFile(const std::filesystem::path& path);
    explicit SafetensorsFile(const MappedFile& file);

    const std::map<std::string, TensorView>& tensors() const { return tensors_; }
    // "__metadata__" of the header.
    const std::map<std::string, std::string>& metadata() const { return metadata_; }
    // Tensor names by their offset in the file, so that a rewrite keeps the order.
    const std::vector<std::string>& order() const { return order_; }

  private:
    std::map<std::string, TensorView> tensors_;
    std::map<std::string, std::string> metadata_;
    std::vector<std::string> order_;
};

inline constexpr const char* kWeightsFile = "model.safetensors";
inline constexpr const char* kWeightsIndex = "model.safetensors.index.json";

// The tensors of a checkpoint folder: model.safetensors, or the shards that model.safetensors.index.json names.
// Shard names must be plain file names in the folder. A pickled checkpoint (pytorch_model.bin) is refused with the
// command that converts it. Throws Error(kData) that lists every shard and tensor in which the index and the files
// differ.
struct Checkpoint {
    std::vector<SafetensorsFile> files;
    std::vector<std::string> file_names;                // parallel to `files`
    std::map<std::string, std::size_t> file_of_tensor;  // tensor name → index into `files`

    const TensorView* find(const std::string& name) const;
};
Checkpoint open_checkpoint(const std::filesystem::path& folder);

// What write_safetensors puts into a file, in order.
struct TensorToWrite {
    std::string name;
    DType dtype = DType::kF32;
    std::vector<std::int64_t> shape;
    Bytes bytes;
};

// Writes the file, fsyncs it and returns its SHA-256. The caller publishes (writes inside an unpublished folder).
std::string write_safetensors(const std::filesystem::path& path, const std::vector<TensorToWrite>& tensors,
                              const std::map<std::string, std::string>& metadata);

}  // namespace nepenthe::io
