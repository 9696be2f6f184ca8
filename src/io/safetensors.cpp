#include "io/safetensors.h"

#include "base/error.h"
#include "base/fault.h"
#include "io/output_file.h"
#include "io/safetensors_header.h"

#include <set>

namespace nepenthe::io {

std::string_view dtype_name(DType dtype) {
    switch (dtype) {
        case DType::kF64: return "F64";
        case DType::kF32: return "F32";
        case DType::kF16: return "F16";
        case DType::kBF16: return "BF16";
        case DType::kI64: return "I64";
        case DType::kI32: return "I32";
        case DType::kI16: return "I16";
        case DType::kI8: return "I8";
        case DType::kU8: return "U8";
        case DType::kBool: return "BOOL";
    }
    fail(ErrorKind::kInternal, "dtype {} has no name", static_cast<int>(dtype));
}

std::size_t dtype_bytes(DType dtype) {
    switch (dtype) {
        case DType::kF64:
        case DType::kI64: return 8;
        case DType::kF32:
        case DType::kI32: return 4;
        case DType::kF16:
        case DType::kBF16:
        case DType::kI16: return 2;
        case DType::kI8:
        case DType::kU8:
        case DType::kBool: return 1;
    }
    fail(ErrorKind::kInternal, "dtype {} has no size", static_cast<int>(dtype));
}

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path) : SafetensorsFile(MappedFile(path)) {}

SafetensorsFile::SafetensorsFile(const MappedFile& file) {
    SafetensorsHeader header = parse_safetensors_header(file.bytes(), file.path().string());
    for (auto& [name, entry] : header.entries) {
        const Bytes bytes = file.bytes().subspan(entry.begin, entry.end - entry.begin);
        tensors_.emplace(name, TensorView{entry.dtype, std::move(entry.shape), bytes, file.owner()});
    }
    metadata_ = std::move(header.metadata);
    order_ = std::move(header.order);
}

namespace {

// The header in the layout of the published writer: metadata, tensors in file order, spaces up to a multiple of 8.
std::string header_text(const std::vector<TensorToWrite>& tensors, const std::map<std::string, std::string>& metadata) {
    std::string text = "{";
    if (!metadata.empty()) text += "\"__metadata__\":" + Json(metadata).dump();
    std::uint64_t offset = 0;
    std::set<std::string_view> names;
    for (const TensorToWrite& tensor : tensors) {
        std::uint64_t elements = 1;
        for (std::int64_t size : tensor.shape) elements *= static_cast<std::uint64_t>(size);
        NEPENTHE_CHECK(elements * dtype_bytes(tensor.dtype) == tensor.bytes.size());
        NEPENTHE_CHECK(tensor.name != "__metadata__" && names.insert(tensor.name).second);
        const std::uint64_t end = offset + tensor.bytes.size();
        text +=
            fmt::format("{}{}:{{\"dtype\":\"{}\",\"shape\":{},\"data_offsets\":[{},{}]}}", text.size() > 1 ? "," : "",
                        Json(tensor.name).dump(), dtype_name(tensor.dtype), Json(tensor.shape).dump(), offset, end);
        offset = end;
    }
    text += "}";
    text.resize((text.size() + 7) / 8 * 8, ' ');
    return text;
}

std::string little_endian(std::uint64_t value) {
    std::string bytes;
    for (int i = 0; i < 8; ++i) bytes += static_cast<char>(value >> (8 * i) & 0xff);
    return bytes;
}

}  // namespace

std::string write_safetensors(const std::filesystem::path& path, const std::vector<TensorToWrite>& tensors,
                              const std::map<std::string, std::string>& metadata) {
    const std::string header = header_text(tensors, metadata);
    OutputFile file(path, OutputFile::Mode::kReplace);
    Sha256 digest;
    const auto put = [&](Bytes bytes) {
        file.write(bytes);
        digest.update(bytes);
    };
    put(as_bytes(little_endian(header.size())));
    put(as_bytes(header));
    fault_point("tensors.header");
    for (const TensorToWrite& tensor : tensors) put(tensor.bytes);
    file.sync();
    file.close();
    return digest.hex();
}

}  // namespace nepenthe::io
