#include "base/error.h"

#include <algorithm>

namespace nepenthe {

namespace {
// A file with a million bad lines must not print a million lines.
constexpr std::size_t kMaxListedProblems = 50;
}  // namespace

std::string_view error_kind_name(ErrorKind kind) {
    switch (kind) {
        case ErrorKind::kUsage: return "usage";
        case ErrorKind::kData: return "data";
        case ErrorKind::kDoesNotFit: return "does-not-fit";
        case ErrorKind::kInternal: return "internal";
        case ErrorKind::kInputOutput: return "input-output";
        case ErrorKind::kResume: return "resume";
        case ErrorKind::kGate: return "gate";
    }
    return "unknown";
}

Error::Error(ErrorKind kind, std::string message) : std::runtime_error(std::move(message)), kind_(kind) {}

Error Error::with_context(std::string_view context) const {
    return Error(kind_, fmt::format("{}: {}", context, what()));
}

void Problems::add_all(const Problems& other) { items_.insert(items_.end(), other.items_.begin(), other.items_.end()); }

void Problems::throw_if_any(ErrorKind kind, std::string_view title) const {
    if (items_.empty()) return;
    if (items_.size() == 1) throw Error(kind, fmt::format("{}: {}", title, items_.front()));
    std::string text = fmt::format("{}: {} problems", title, items_.size());
    for (std::size_t i = 0; i < std::min(items_.size(), kMaxListedProblems); ++i) {
        text += "\n  - " + items_[i];
    }
    if (items_.size() > kMaxListedProblems) {
        text += fmt::format("\n  … and {} more", items_.size() - kMaxListedProblems);
    }
    throw Error(kind, text);
}

}  // namespace nepenthe
