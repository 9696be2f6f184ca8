#pragma once
// The one error type of the project, and the exit codes that users' scripts rely on.

#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace nepenthe {

// What went wrong, as the process's exit code (documented in docs/operations.md).
enum class ErrorKind : int {
    kUsage = 64,        // an option or a configuration that cannot be meant
    kData = 65,         // input bytes that are not what they claim to be
    kDoesNotFit = 69,   // memory or disk too small, found before the work
    kInternal = 70,     // our own mistake
    kInputOutput = 74,  // the file system or the network said no
    kResume = 75,       // state is saved, start the same command again
    kGate = 76,         // a verification or a budget was not met
};

// Name of a kind as it is printed and stored, for example "data".
std::string_view error_kind_name(ErrorKind kind);

// A message says what is wrong, where, and what to do. Context is added on the way out, outermost first.
class Error : public std::runtime_error {
  public:
    Error(ErrorKind kind, std::string message);

    ErrorKind kind() const { return kind_; }
    int exit_code() const { return static_cast<int>(kind_); }
    // The same error with "context: " before its message.
    Error with_context(std::string_view context) const;

  private:
    ErrorKind kind_;
};

template <typename... Args>
[[noreturn]] void fail(ErrorKind kind, fmt::format_string<Args...> format, Args&&... args) {
    throw Error(kind, fmt::format(format, std::forward<Args>(args)...));
}

// An invariant of our own code; always on. Never for user input.
#define NEPENTHE_CHECK(condition)                                                                                 \
    do {                                                                                                          \
        if (!(condition)) {                                                                                       \
            ::nepenthe::fail(::nepenthe::ErrorKind::kInternal, "{}:{}: broken invariant: {}", __FILE__, __LINE__, \
                             #condition);                                                                         \
        }                                                                                                         \
    } while (false)

// Collects every problem of an input, so that the user sees all of them at once.
class Problems {
  public:
    template <typename... Args>
    void add(fmt::format_string<Args...> format, Args&&... args) {
        items_.push_back(fmt::format(format, std::forward<Args>(args)...));
    }
    void add_all(const Problems& other);

    bool empty() const { return items_.empty(); }
    const std::vector<std::string>& items() const { return items_; }
    // Throws one Error that lists every problem under `title`; returns when there is none.
    void throw_if_any(ErrorKind kind, std::string_view title) const;

  private:
    std::vector<std::string> items_;
};

}  // namespace nepenthe
