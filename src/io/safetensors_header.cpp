#include "io/safetensors_header.h"

#include "base/error.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <set>
#include <tuple>

namespace nepenthe::io {

namespace {

constexpr std::size_t kLengthBytes = 8;
// Root object, tensor, shape: what is nested deeper is no header, whatever else it may be.
constexpr std::size_t kMaxDepth = 3;
// Names go into messages; a hostile one must not fill a log.
constexpr std::size_t kMaxShownName = 200;
constexpr std::size_t kMaxShardName = 255;

std::string shown(std::string_view name) {
    if (name.size() <= kMaxShownName) return Json(name).dump(-1, ' ', true, Json::error_handler_t::replace);
    return shown(name.substr(0, kMaxShownName)) + fmt::format("… ({} bytes)", name.size());
}

std::optional<DType> dtype_of(std::string_view name) {
    for (DType dtype : {DType::kF64, DType::kF32, DType::kF16, DType::kBF16, DType::kI64, DType::kI32, DType::kI16,
                        DType::kI8, DType::kU8, DType::kBool}) {
        if (dtype_name(dtype) == name) return dtype;
    }
    return std::nullopt;
}

// F8_E4M3, F8_E5M2, F8_E8M0, F6_E2M3, F4 …
bool is_quantised(std::string_view dtype) {
    return dtype.starts_with("F8") || dtype.starts_with("F6_") || dtype.starts_with("F4");
}

std::uint64_t read_length(Bytes file, std::string_view what) {
    if (file.size() < kLengthBytes) {
        fail(ErrorKind::kData, "{}: {} bytes, a safetensors file begins with 8 bytes of header length", what,
             file.size());
    }
    std::uint64_t length = 0;
    for (std::size_t i = 0; i < kLengthBytes; ++i) length |= std::to_integer<std::uint64_t>(file[i]) << (8 * i);
    if (length > kMaxSafetensorsHeader) {
        fail(ErrorKind::kData, "{}: the header claims {} bytes, the limit is {}; is this a safetensors file?", what,
             length, kMaxSafetensorsHeader);
    }
    if (length > file.size() - kLengthBytes) {
        fail(ErrorKind::kData, "{}: the header claims {} bytes, the file ends after {}; was it copied completely?",
             what, length, file.size() - kLengthBytes);
    }
    return length;
}

// Reads the entries of one header, collecting problems.
class HeaderReader {
  public:
    HeaderReader(std::uint64_t data_begin, std::uint64_t data_bytes)
        : data_begin_(data_begin), data_bytes_(data_bytes) {}

    void read(const Json& root) {
        for (const auto& [name, value] : root.items()) {
            if (name == "__metadata__") {
                read_metadata(value);
            } else {
                read_tensor(name, value);
            }
        }
        if (problems_.empty()) check_ranges();
    }

    SafetensorsHeader take(std::string_view what) && {
        problems_.throw_if_any(ErrorKind::kData, what);
        return std::move(header_);
    }

  private:
    void read_metadata(const Json& value) {
        if (!value.is_object()) return problems_.add("\"__metadata__\" is not an object");
        for (const auto& [key, text] : value.items()) {
            if (text.is_string()) {
                header_.metadata.emplace(key, text.get<std::string>());
            } else {
                problems_.add("\"__metadata__\": the value of {} is not a string", shown(key));
            }
        }
    }

    void read_tensor(const std::string& name, const Json& value) {
        if (!value.is_object()) return problems_.add("tensor {}: not an object", shown(name));
        for (const auto& [key, unused] : value.items()) {
            if (key != "dtype" && key != "shape" && key != "data_offsets") {
                problems_.add("tensor {}: unknown key {}", shown(name), shown(key));
            }
        }
        SafetensorsHeader::Entry entry;
        const bool dtype_read = read_dtype(name, value, entry);
        const bool shape_read = read_shape(name, value, entry);
        const bool offsets_read = read_offsets(name, value, entry);
        if (!dtype_read || !shape_read || !offsets_read) return;
        check_size(name, entry);
        header_.entries.emplace(name, std::move(entry));
    }

    bool read_dtype(const std::string& name, const Json& value, SafetensorsHeader::Entry& entry) {
        const auto dtype = value.find("dtype");
        if (dtype == value.end() || !dtype->is_string()) {
            problems_.add("tensor {}: no \"dtype\" string", shown(name));
            return false;
        }
        const std::optional<DType> known = dtype_of(dtype->get_ref<const std::string&>());
        if (!known && is_quantised(dtype->get_ref<const std::string&>())) {
            problems_.add(
                "tensor {}: dtype {} is that of quantised weights, which are not supported; take the folder "
                "that they were made from",
                shown(name), shown(dtype->get_ref<const std::string&>()));
            return false;
        }
        if (!known) {
            problems_.add("tensor {}: dtype {} is not supported (F64, F32, F16, BF16, I64, I32, I16, I8, U8, BOOL are)",
                          shown(name), shown(dtype->get_ref<const std::string&>()));
            return false;
        }
        entry.dtype = *known;
        return true;
    }

    bool read_shape(const std::string& name, const Json& value, SafetensorsHeader::Entry& entry) {
        const auto shape = value.find("shape");
        if (shape == value.end() || !shape->is_array()) {
            problems_.add("tensor {}: no \"shape\" array", shown(name));
            return false;
        }
        entry.shape.reserve(shape->size());
        for (const Json& size : *shape) {
            if (!size.is_number_unsigned() ||
                size.get<std::uint64_t>() > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
                problems_.add("tensor {}: the shape holds something that is not a size", shown(name));
                return false;
            }
            entry.shape.push_back(size.get<std::int64_t>());
        }
        return true;
    }

    bool read_offsets(const std::string& name, const Json& value, SafetensorsHeader::Entry& entry) {
        const auto offsets = value.find("data_offsets");
        if (offsets == value.end() || !offsets->is_array() || offsets->size() != 2 ||
            !(*offsets)[0].is_number_unsigned() || !(*offsets)[1].is_number_unsigned()) {
            problems_.add("tensor {}: no \"data_offsets\" pair of byte positions", shown(name));
            return false;
        }
        const auto begin = (*offsets)[0].get<std::uint64_t>();
        const auto end = (*offsets)[1].get<std::uint64_t>();
        if (begin > end || end > data_bytes_) {
            problems_.add("tensor {}: bytes {} to {} do not lie in the {} bytes of data after the header", shown(name),
                          begin, end, data_bytes_);
            return false;
        }
        entry.begin = data_begin_ + begin;
        entry.end = data_begin_ + end;
        return true;
    }

    void check_size(const std::string& name, const SafetensorsHeader::Entry& entry) {
        // Multiplied in any order the product may overflow before a zero is met, so a zero is looked for first.
        const bool none = std::find(entry.shape.begin(), entry.shape.end(), 0) != entry.shape.end();
        std::uint64_t bytes = none ? 0 : dtype_bytes(entry.dtype);
        for (std::size_t i = 0; i < entry.shape.size() && !none; ++i) {
            if (__builtin_mul_overflow(bytes, static_cast<std::uint64_t>(entry.shape[i]), &bytes)) {
                return problems_.add("tensor {}: the product of its shape overflows 64 bits", shown(name));
            }
        }
        if (bytes != entry.end - entry.begin) {
            problems_.add("tensor {}: dtype and shape need {} bytes, its range holds {} (file bytes {} to {})",
                          shown(name), bytes, entry.end - entry.begin, entry.begin, entry.end);
        }
    }

    // Without holes and overlaps from the first byte of data to the last of the file.
    void check_ranges() {
        using Named = std::pair<const std::string, SafetensorsHeader::Entry>;
        std::vector<const Named*> by_offset;
        by_offset.reserve(header_.entries.size());
        for (const Named& named : header_.entries) by_offset.push_back(&named);
        // Stable: empty tensors at one place stay in the order of their names.
        std::stable_sort(by_offset.begin(), by_offset.end(), [](const Named* a, const Named* b) {
            return std::tie(a->second.begin, a->second.end) < std::tie(b->second.begin, b->second.end);
        });
        std::uint64_t position = data_begin_;
        for (const Named* named : by_offset) {
            const auto& [name, entry] = *named;
            header_.order.push_back(name);
            if (entry.begin != position) {
                problems_.add("tensor {}: begins at file byte {}, the tensors before it end at {} ({})", shown(name),
                              entry.begin, position, entry.begin < position ? "an overlap" : "a hole");
            }
            position = std::max(position, entry.end);
        }
        const std::uint64_t file_bytes = data_begin_ + data_bytes_;
        if (position != file_bytes) {
            problems_.add("the tensors end at byte {}, the file at {}", position, file_bytes);
        }
    }

    std::uint64_t data_begin_, data_bytes_;
    SafetensorsHeader header_;
    Problems problems_;
};

}  // namespace

SafetensorsHeader parse_safetensors_header(Bytes file, std::string_view what) {
    const std::uint64_t length = read_length(file, what);
    const std::string_view json(reinterpret_cast<const char*>(file.data()) + kLengthBytes,
                                static_cast<std::size_t>(length));
    if (json.empty() || json.front() != '{')
        fail(ErrorKind::kData, "{}: byte 8: the header does not begin with '{{'", what);

    const Json root = parse_json(json, fmt::format("{}: header", what), {kMaxSafetensorsHeader, kMaxDepth});
    HeaderReader reader(kLengthBytes + length, file.size() - kLengthBytes - length);
    reader.read(root);
    return std::move(reader).take(what);
}

std::map<std::string, std::string> parse_shard_index(std::string_view text, std::string_view what) {
    const Json root = parse_json(text, what, {kMaxSafetensorsHeader, 8});
    if (!root.is_object() || !root.contains("weight_map") || !root["weight_map"].is_object()) {
        fail(ErrorKind::kData, "{}: no \"weight_map\" object", what);
    }
    std::map<std::string, std::string> shard_of_tensor;
    std::set<std::string> refused;
    Problems problems;
    for (const auto& [tensor, shard] : root["weight_map"].items()) {
        if (!shard.is_string()) {
            problems.add("tensor {}: its shard is not a string", shown(tensor));
            continue;
        }
        const auto& name = shard.get_ref<const std::string&>();
        const bool plain =
            name.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") ==
            std::string::npos;
        if (!plain || name.empty() || name == "." || name == ".." || name.size() > kMaxShardName) {
            if (refused.insert(name).second) {
                problems.add("shard {} is not a plain file name (letters, digits, '.', '_', '-')", shown(name));
            }
            continue;
        }
        shard_of_tensor.emplace(tensor, name);
    }
    if (problems.empty() && shard_of_tensor.empty()) problems.add("the \"weight_map\" names no tensor");
    problems.throw_if_any(ErrorKind::kData, what);
    return shard_of_tensor;
}

}  // namespace nepenthe::io
