#pragma once
// A file being written: every byte arrives or an Error says why.

#include "io/descriptor.h"
#include "io/file.h"

#include <filesystem>
#include <string_view>

namespace nepenthe::io {

class OutputFile {
  public:
    enum class Mode {
        kNew,      // refuses an existing path
        kReplace,  // takes an existing file's place: neither its content nor its permissions matter
        kAppend,   // continues an existing file
    };

    // Throws Error(kInputOutput), as do all members; the message names the path, and the free bytes on a full disk.
    OutputFile(std::filesystem::path path, Mode mode);

    // Writes all of it, whatever the kernel takes at a time. Not buffered.
    void write(Bytes bytes);
    void write(std::string_view text) { write(as_bytes(text)); }
    // fsync: what was written survives a power cut (the name only after sync_path of the folder).
    void sync();
    // Closes and reports what only closing reveals (quota and space on network file systems). The destructor closes
    // silently.
    void close();

    const std::filesystem::path& path() const { return path_; }

  private:
    std::filesystem::path path_;
    Descriptor descriptor_;
};

}  // namespace nepenthe::io
