#include "io/records.h"

#include "base/error.h"
#include "io/text.h"

#include <algorithm>

namespace nepenthe::io {

namespace {

constexpr std::size_t kReasons = 20;
constexpr std::size_t kRanges = 10000;
constexpr JsonLimits kRecordLimits{.max_bytes = 16u << 20, .max_depth = 16};
constexpr std::string_view kSpace = " \t\r\n";

std::size_t count_lines(std::string_view text) {
    return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

// Bytes of the array element at the front of `text`: up to a comma or a bracket that belongs to the array itself.
std::size_t element_length(std::string_view text) {
    std::size_t depth = 0;
    bool in_string = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (in_string) {
            if (c == '\\') {
                ++i;
            } else if (c == '"') {
                in_string = false;
            }
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            ++depth;
        } else if (depth == 0 && (c == ',' || c == ']')) {
            return i;
        } else if ((c == '}' || c == ']') && depth > 0) {
            --depth;
        }
    }
    return text.size();
}

using Visit = std::function<bool(std::size_t, std::string_view)>;

// `text` begins behind the opening bracket, on line `line`.
void for_each_element(std::string_view text, std::size_t line, const Visit& visit) {
    const auto advance = [&](std::size_t bytes) {
        line += count_lines(text.substr(0, bytes));
        text.remove_prefix(bytes);
    };
    const auto skip_space = [&] { advance(std::min(text.find_first_not_of(kSpace), text.size())); };
    for (bool first = true;; first = false) {
        skip_space();
        if (first && text.starts_with(']')) break;  // an empty array
        const std::size_t length = element_length(text);
        std::string_view element = text.substr(0, length);
        element = element.substr(0, element.find_last_not_of(kSpace) + 1);
        if (length == text.size()) {  // no bracket closes the array
            if (!element.empty() && !visit(line, element)) return;
            visit(line, "");
            return;
        }
        if (!visit(line, element)) return;
        advance(length);
        if (text.front() == ']') break;
        advance(1);
    }
    advance(1);
    skip_space();
    if (!text.empty()) visit(line, text);
}

void for_each_line(std::string_view text, std::size_t number, const Visit& visit) {
    for (; !text.empty(); ++number) {
        const std::size_t length = std::min(text.find('\n'), text.size());
        const std::string_view line = text.substr(0, length);
        text.remove_prefix(std::min(length + 1, text.size()));
        const std::size_t begin = line.find_first_not_of(kSpace);
        if (begin == std::string_view::npos) continue;
        if (!visit(number, line.substr(begin, line.find_last_not_of(kSpace) + 1 - begin))) return;
    }
}

}  // namespace

void BadRecords::add(std::size_t line, std::string_view reason) {
    ++count_;
    if (reasons_.size() < kReasons) {
        reasons_.push_back(fmt::format("line {}: {}", line, reason));
    } else if (!others_.empty() && others_.back().last + 1 == line) {
        others_.back().last = line;
    } else if (others_.size() < kRanges) {
        others_.push_back({line, line});
    } else {
        ++unlisted_;
    }
}

std::vector<std::string> BadRecords::describe() const {
    std::vector<std::string> all = reasons_;
    if (others_.empty()) return all;
    std::string lines;
    for (const Lines& range : others_) {
        lines += lines.empty() ? "" : ", ";
        lines +=
            range.first == range.last ? fmt::format("{}", range.first) : fmt::format("{}–{}", range.first, range.last);
    }
    if (unlisted_ > 0) lines += fmt::format(" and {} more", unlisted_);
    all.push_back(fmt::format("and {} more, on lines {}", count_ - reasons_.size(), lines));
    return all;
}

void for_each_record(std::string_view text, const Visit& visit) {
    const std::size_t begin = text.find_first_not_of(kSpace);
    if (begin == std::string_view::npos) return;
    if (text[begin] == '[') {
        for_each_element(text.substr(begin + 1), 1 + count_lines(text.substr(0, begin)), visit);
    } else {
        for_each_line(text, 1, visit);
    }
}

Json parse_record(std::string_view bytes) {
    if (bytes.empty()) fail(ErrorKind::kData, "a record is missing: the array is not closed, or a comma stands alone");
    if (const std::size_t bad = find_invalid_utf8(bytes); bad != std::string_view::npos) {
        fail(ErrorKind::kData,
             "byte 0x{:02X} is not UTF-8; convert the file, for example with: iconv -f WINDOWS-1252 -t UTF-8",
             static_cast<unsigned char>(bytes[bad]));
    }
    Json record = parse_json(bytes, "not JSON", kRecordLimits);
    if (!record.is_object()) fail(ErrorKind::kData, "not a JSON object");
    return record;
}

}  // namespace nepenthe::io
