#pragma once
// Text from outside: valid UTF-8, no byte-order mark, line ends as "\n"; and JSON Lines.

#include "base/json.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace nepenthe::io {

inline constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

// Offset of the first byte that is not UTF-8, or npos when all of it is.
std::size_t find_invalid_utf8(std::string_view text);

// A text file as UTF-8. Drops a byte-order mark and turns CRLF into LF (offsets of tokens then count in this
// normalised text). Throws Error(kData) for an empty file, binary content (NUL bytes) and bytes that are not UTF-8,
// with line and byte offset.
std::string read_text(const std::filesystem::path& path);

// The texts of a corpus.
struct Documents {
    std::vector<std::string> texts;  // each as read_text gives it
    std::int64_t blank = 0;          // passed over: files and rows with nothing but white space in them, rows of null
};

// Documents of all paths: a text file is one document, a folder is its *.txt files sorted by name, a .jsonl file has
// one document a line in its "text" field. Whatever it comes from, a text is held to the same rules (read_text). Throws
// Error(kData) that lists every bad file and line, and where nothing is left.
Documents read_documents(const std::vector<std::filesystem::path>& paths);

// Calls `visit(line_number, value)` for every line that is not blank; all bad lines are reported together as
// Error(kData). A byte-order mark at the front of the file or of a line is dropped, lines may end in CRLF.
void for_each_json_line(const std::filesystem::path& path,
                        const std::function<void(std::size_t line, const Json& value)>& visit);

// Number of Unicode code points of valid UTF-8.
std::size_t count_code_points(std::string_view text);
// Bytes of the first `count` code points of valid UTF-8 (all of it when it has fewer).
std::size_t bytes_of_code_points(std::string_view text, std::size_t count);

}  // namespace nepenthe::io
