#pragma once
// Talk goes to stderr, from rank 0 only below "warning"; stdout is for answers.

#include <fmt/format.h>

#include <string_view>

namespace nepenthe {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

// Call once per process, after the rank is known. The only global state of the project.
void init_log(int rank, int ranks, LogLevel level = LogLevel::kInfo);

void log_message(LogLevel level, std::string_view text);

template <typename... Args>
void log_info(fmt::format_string<Args...> format, Args&&... args) {
    log_message(LogLevel::kInfo, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void log_warning(fmt::format_string<Args...> format, Args&&... args) {
    log_message(LogLevel::kWarning, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void log_debug(fmt::format_string<Args...> format, Args&&... args) {
    log_message(LogLevel::kDebug, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace nepenthe
