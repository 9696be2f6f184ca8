#pragma once
// HDF5 identifiers as values, and its error stack as an Error. For the sources of this module.

#include "base/error.h"
#include "store/hdf5.h"

#include <hdf5.h>

#include <string>
#include <string_view>
#include <utility>

namespace nepenthe::store {

// Call before any other HDF5 function: no error printing, no plugins from disk, no closing of files at exit (which is
// collective, and a rank that leaves alone would wait in it).
void prepare_hdf5();

// Throws Error(kind) "cannot ACTION: HDF5's deepest cause".
[[noreturn]] void fail_hdf5(std::string_view action, ErrorKind kind);

// The return value of an HDF5 call, or an Error.
template <typename T>
T check_h5(T code, std::string_view action, ErrorKind kind = ErrorKind::kInputOutput) {
    if (code < 0) fail_hdf5(action, kind);
    return code;
}

// Owns one identifier; Close is H5Dclose, H5Sclose …
template <herr_t (*Close)(hid_t)>
class H5Handle {
  public:
    H5Handle() = default;
    H5Handle(hid_t id, std::string_view action, ErrorKind kind = ErrorKind::kInputOutput)
        : id_(check_h5(id, action, kind)) {}
    ~H5Handle() {
        if (id_ >= 0) Close(id_);
    }
    H5Handle(H5Handle&& other) noexcept : id_(std::exchange(other.id_, -1)) {}
    H5Handle& operator=(H5Handle&& other) noexcept {
        std::swap(id_, other.id_);
        return *this;
    }

    hid_t get() const { return id_; }
    // Closes and reports; the destructor cannot.
    void close(std::string_view action) { check_h5(Close(std::exchange(id_, -1)), action); }
    // Leaves the object open for ever, where closing would wait for ranks that never come.
    void leak() { id_ = -1; }

  private:
    hid_t id_ = -1;
};

using H5File = H5Handle<H5Fclose>;
using H5Group = H5Handle<H5Gclose>;
using H5Dataset = H5Handle<H5Dclose>;
using H5Space = H5Handle<H5Sclose>;
using H5TypeId = H5Handle<H5Tclose>;
using H5Attribute = H5Handle<H5Aclose>;
using H5Properties = H5Handle<H5Pclose>;

// The type on disk and in memory, little-endian: equal, so that nothing is converted on the way (a conversion silently
// turns a collective write into independent ones).
hid_t h5_native(H5Type type);
// A string of fixed length, UTF-8.
H5TypeId h5_string_type(std::size_t bytes);

// One attribute of a file, group or dataset: strings, integers, floats and booleans as themselves, null, arrays and
// objects as JSON text.
void write_attribute(hid_t object, const std::string& name, const Json& value);
// Throws Error(kData) unless `text` is UTF-8: names and strings of a foreign file may be anything, digests are of
// UTF-8.
void require_utf8(const std::string& text, std::string_view what);
// All attributes; JSON text comes back as a string.
Json read_attributes(hid_t object);

}  // namespace nepenthe::store
