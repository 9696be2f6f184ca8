#include "io/atomic_write.h"

#include "base/error.h"
#include "base/fault.h"
#include "io/descriptor.h"
#include "io/file.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <string_view>
#include <vector>

namespace nepenthe::io {

namespace {

constexpr std::string_view kTemporaryMark = ".tmp-";

// A new file beside `path` under a name that nobody else uses: other processes, other hosts on a shared file system, or
// what a killed process left.
OutputFile create_temporary_beside(const std::filesystem::path& path) {
    constexpr int kAttempts = 1000;
    for (int attempt = 0;; ++attempt) {
        std::filesystem::path temporary = path;
        temporary.replace_filename(
            fmt::format(".{}{}{}-{}", path.filename().string(), kTemporaryMark, ::getpid(), attempt));
        std::error_code ignored;
        if (attempt + 1 < kAttempts && std::filesystem::exists(std::filesystem::symlink_status(temporary, ignored))) {
            continue;
        }
        return OutputFile(std::move(temporary), OutputFile::Mode::kNew);
    }
}

// ".NAME.tmp-PID-ATTEMPT"
bool is_temporary_name(std::string_view name) {
    const std::size_t mark = name.rfind(kTemporaryMark);
    if (!name.starts_with('.') || mark == std::string_view::npos) return false;
    const std::string_view numbers = name.substr(mark + kTemporaryMark.size());
    return numbers.find('-') != std::string_view::npos &&
           numbers.find_first_not_of("0123456789-") == std::string_view::npos;
}

std::filesystem::path folder_of(const std::filesystem::path& path) {
    return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

}  // namespace

void write_atomically(const std::filesystem::path& path, const std::function<void(OutputFile& file)>& write) {
    OutputFile file = create_temporary_beside(path);
    try {
        write(file);
        file.sync();
        file.close();
        fault_point("file.before_rename");
        if (::rename(file.path().c_str(), path.c_str()) != 0) fail_errno("put in place", path, errno);
    } catch (...) {
        ::unlink(file.path().c_str());
        throw;
    }
    fault_point("file.after_rename");
    sync_path(folder_of(path));
}

void copy_file_atomically(const std::filesystem::path& source, const std::filesystem::path& path) {
    const Descriptor from = open_regular(source);
    std::vector<char> buffer(1u << 20);
    write_atomically(path, [&](OutputFile& file) {
        while (const std::size_t count = read_some(from.get(), buffer.data(), buffer.size(), source)) {
            file.write(std::string_view(buffer.data(), count));
        }
    });
}

void remove_temporary_files(const std::filesystem::path& folder) {
    std::vector<std::filesystem::path> left;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
        if (entry.is_regular_file() && is_temporary_name(entry.path().filename().string()))
            left.push_back(entry.path());
    }
    for (const std::filesystem::path& path : left) {
        if (::unlink(path.c_str()) != 0 && errno != ENOENT) fail_errno("remove", path, errno);
    }
}

}  // namespace nepenthe::io
