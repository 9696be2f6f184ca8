#include "io/writable.h"

#include "base/error.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace nepenthe::io {

void require_writable(const std::filesystem::path& folder) {
    std::filesystem::path existing = std::filesystem::absolute(folder);
    std::error_code unreadable;
    while (!std::filesystem::exists(existing, unreadable) && existing.has_relative_path())
        existing = existing.parent_path();
    int error = 0;
    if (!std::filesystem::is_directory(existing, unreadable)) {
        error = ENOTDIR;
    } else if (::faccessat(AT_FDCWD, existing.c_str(), W_OK | X_OK, AT_EACCESS) != 0) {
        error = errno;
    }
    if (error == 0) return;
    fail(ErrorKind::kInputOutput, "nothing can be written to {}: {}: {}; choose another folder, or change that",
         folder.string(), existing.string(), std::generic_category().message(error));
}

}  // namespace nepenthe::io
