#include "store/h5_handle.h"

#include <algorithm>
#include <cstring>
#include <vector>

namespace nepenthe::store {

namespace {

// What HDF5's error stack says.
struct Stack {
    std::vector<std::string> texts;
    bool out_of_memory = false;
};

herr_t keep_entry(unsigned, const H5E_error2_t* entry, void* data) {
    auto* stack = static_cast<Stack*>(data);
    if (entry->desc != nullptr && *entry->desc != '\0') stack->texts.emplace_back(entry->desc);
    if (entry->maj_num == H5E_RESOURCE && entry->min_num == H5E_NOSPACE) stack->out_of_memory = true;
    return 0;
}

// h5py's boolean: an enumeration of two values in one byte.
H5TypeId boolean_type() {
    H5TypeId type(H5Tenum_create(H5T_STD_I8LE), "make a boolean type");
    for (const auto& [name, value] : {std::pair{"FALSE", std::int8_t{0}}, std::pair{"TRUE", std::int8_t{1}}}) {
        check_h5(H5Tenum_insert(type.get(), name, &value), "make a boolean type");
    }
    return type;
}

void write_value(hid_t object, const std::string& name, hid_t type, const void* value) {
    const std::string action = fmt::format("write attribute {}", name);
    if (check_h5(H5Aexists(object, name.c_str()), action) > 0) check_h5(H5Adelete(object, name.c_str()), action);
    const H5Space scalar(H5Screate(H5S_SCALAR), action);
    H5Attribute attribute(H5Acreate2(object, name.c_str(), type, scalar.get(), H5P_DEFAULT, H5P_DEFAULT), action);
    check_h5(H5Awrite(attribute.get(), type, value), action);
    attribute.close(action);
}

// Attributes hold options and counts; whatever is larger has a dataset of its own.
constexpr std::size_t kMaxAttributeBytes = 16u << 20;
constexpr std::size_t kMaxAttributes = 1024;

Json read_attribute(hid_t object, const char* name) {
    constexpr auto kind = ErrorKind::kData;
    const std::string action = fmt::format("read attribute {}", name);
    const H5Attribute attribute(H5Aopen(object, name, H5P_DEFAULT), action, kind);
    const H5TypeId type(H5Aget_type(attribute.get()), action, kind);
    const H5Space space(H5Aget_space(attribute.get()), action, kind);
    if (H5Sget_simple_extent_npoints(space.get()) != 1) return nullptr;
    switch (H5Tget_class(type.get())) {
        case H5T_STRING: {
            if (H5Tis_variable_str(type.get()) > 0) return nullptr;
            const std::size_t bytes = H5Tget_size(type.get());
            if (bytes == 0 || bytes > kMaxAttributeBytes) {
                fail(kind, "attribute {} claims {} bytes of text, at most {} are read", name, bytes,
                     kMaxAttributeBytes);
            }
            std::string text(bytes, '\0');
            check_h5(H5Aread(attribute.get(), type.get(), text.data()), action, kind);
            text.resize(std::min(text.find('\0'), text.size()));
            require_utf8(text, action);
            return text;
        }
        case H5T_INTEGER: {
            if (H5Tget_sign(type.get()) == H5T_SGN_NONE) {
                std::uint64_t value = 0;
                check_h5(H5Aread(attribute.get(), H5T_NATIVE_UINT64, &value), action, kind);
                return value;
            }
            std::int64_t value = 0;
            check_h5(H5Aread(attribute.get(), H5T_NATIVE_INT64, &value), action, kind);
            return value;
        }
        case H5T_FLOAT: {
            double value = 0;
            check_h5(H5Aread(attribute.get(), H5T_NATIVE_DOUBLE, &value), action, kind);
            return value;
        }
        case H5T_ENUM: {
            std::int8_t value = 0;
            if (H5Tget_size(type.get()) != 1) return nullptr;
            check_h5(H5Aread(attribute.get(), type.get(), &value), action, kind);
            return value != 0;
        }
        default: return nullptr;
    }
}

herr_t keep_name(hid_t, const char* name, const H5A_info_t*, void* data) {
    static_cast<std::vector<std::string>*>(data)->emplace_back(name);
    return 0;
}

}  // namespace

void prepare_hdf5() {
    static const bool done = [] {
        H5dont_atexit();
        H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
        H5PLset_loading_state(0);
        return true;
    }();
    static_cast<void>(done);
}

void fail_hdf5(std::string_view action, ErrorKind kind) {
    Stack stack;
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_entry, &stack);
    H5Eclear2(H5E_DEFAULT);
    // Sizes out of a file that is being read are bounded before; what cannot be had for them is no claim of the file.
    if (stack.out_of_memory && kind == ErrorKind::kInputOutput) kind = ErrorKind::kDoesNotFit;
    // Walked upward, the first is the cause and the last the call that we made.
    fail(kind, "cannot {}: {}", action, stack.texts.empty() ? "HDF5 gives no reason" : stack.texts.front());
}

hid_t h5_native(H5Type type) {
    switch (type) {
        case H5Type::kU8: return H5T_STD_U8LE;
        case H5Type::kI16: return H5T_STD_I16LE;
        case H5Type::kU16:
        case H5Type::kBF16: return H5T_STD_U16LE;
        case H5Type::kI32: return H5T_STD_I32LE;
        case H5Type::kU32: return H5T_STD_U32LE;
        case H5Type::kI64: return H5T_STD_I64LE;
        case H5Type::kU64: return H5T_STD_U64LE;
        case H5Type::kF32: return H5T_IEEE_F32LE;
        case H5Type::kF64: return H5T_IEEE_F64LE;
    }
    return H5I_INVALID_HID;
}

H5TypeId h5_string_type(std::size_t bytes) {
    H5TypeId type(H5Tcopy(H5T_C_S1), "make a string type");
    check_h5(H5Tset_size(type.get(), std::max<std::size_t>(bytes, 1)), "make a string type");
    check_h5(H5Tset_strpad(type.get(), H5T_STR_NULLPAD), "make a string type");
    check_h5(H5Tset_cset(type.get(), H5T_CSET_UTF8), "make a string type");
    return type;
}

void write_attribute(hid_t object, const std::string& name, const Json& value) {
    if (value.is_boolean()) {
        const std::int8_t flag = value.get<bool>() ? 1 : 0;
        const H5TypeId type = boolean_type();
        write_value(object, name, type.get(), &flag);
    } else if (value.is_number_unsigned()) {
        const auto number = value.get<std::uint64_t>();
        write_value(object, name, H5T_STD_U64LE, &number);
    } else if (value.is_number_integer()) {
        const auto number = value.get<std::int64_t>();
        write_value(object, name, H5T_STD_I64LE, &number);
    } else if (value.is_number_float()) {
        const auto number = value.get<double>();
        write_value(object, name, H5T_IEEE_F64LE, &number);
    } else {
        const std::string text = value.is_string() ? value.get<std::string>() : canonical_json(value);
        const H5TypeId type = h5_string_type(text.size());
        write_value(object, name, type.get(), text.c_str());
    }
}

void require_utf8(const std::string& text, std::string_view what) {
    try {
        static_cast<void>(Json(text).dump());
    } catch (const Json::exception&) {
        fail(ErrorKind::kData, "cannot {}: it is not UTF-8", what);
    }
}

Json read_attributes(hid_t object) {
    std::vector<std::string> names;
    check_h5(H5Aiterate2(object, H5_INDEX_NAME, H5_ITER_INC, nullptr, keep_name, &names), "list attributes",
             ErrorKind::kData);
    if (names.size() > kMaxAttributes) {
        fail(ErrorKind::kData, "cannot list attributes: there are {}, at most {} are read", names.size(),
             kMaxAttributes);
    }
    Json attributes = Json::object();
    for (const std::string& name : names) {
        require_utf8(name, "list attributes");
        attributes[name] = read_attribute(object, name.c_str());
    }
    return attributes;
}

}  // namespace nepenthe::store
