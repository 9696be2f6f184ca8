#include "io/text.h"

#include "base/error.h"
#include "io/file.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <optional>

namespace nepenthe::io {

namespace {

// Bytes of the well-formed UTF-8 character at the front of `text`, 0 when there is none (Unicode 15, table 3-7: no
// overlong forms, no surrogates, nothing above U+10FFFF).
std::size_t character_bytes(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const auto continues = [&](std::size_t i, unsigned low = 0x80, unsigned high = 0xBF) {
        return i < text.size() && byte(i) >= low && byte(i) <= high;
    };
    const unsigned lead = byte(0);
    if (lead < 0x80) return 1;
    if (lead >= 0xC2 && lead <= 0xDF) return continues(1) ? 2 : 0;
    if (lead >= 0xE0 && lead <= 0xEF) {
        const bool second = continues(1, lead == 0xE0 ? 0xA0 : 0x80, lead == 0xED ? 0x9F : 0xBF);
        return second && continues(2) ? 3 : 0;
    }
    if (lead >= 0xF0 && lead <= 0xF4) {
        const bool second = continues(1, lead == 0xF0 ? 0x90 : 0x80, lead == 0xF4 ? 0x8F : 0xBF);
        return second && continues(2) && continues(3) ? 4 : 0;
    }
    return 0;
}

bool begins_character(char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }

std::size_t line_of(std::string_view text, std::size_t offset) {
    return 1 +
           static_cast<std::size_t>(std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(offset), '\n'));
}

constexpr std::string_view kUtf16 = "is UTF-16; convert it with: iconv -f UTF-16 -t UTF-8";

bool is_utf16(std::string_view raw) { return raw.starts_with("\xFF\xFE") || raw.starts_with("\xFE\xFF"); }

// Why `raw` is no text, or "".
std::string text_problem(std::string_view raw) {
    if (is_utf16(raw)) return std::string(kUtf16);
    if (const std::size_t nul = raw.find('\0'); nul != std::string_view::npos) {
        return fmt::format("line {}, byte {}: a NUL byte; this is binary data, not text", line_of(raw, nul), nul);
    }
    if (const std::size_t bad = find_invalid_utf8(raw); bad != std::string_view::npos) {
        return fmt::format(
            "line {}, byte {}: 0x{:02X} is not UTF-8; convert it, for example with: iconv -f WINDOWS-1252 -t UTF-8",
            line_of(raw, bad), bad, static_cast<unsigned char>(raw[bad]));
    }
    return "";
}

// CRLF → LF in place, without the byte-order mark.
void normalise(std::string& text) {
    if (text.starts_with(kByteOrderMark)) text.erase(0, kByteOrderMark.size());
    std::size_t kept = text.find("\r\n");
    if (kept == std::string::npos) return;
    for (std::size_t i = kept; i < text.size(); ++i) {
        if (text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n') continue;
        text[kept++] = text[i];
    }
    text.resize(kept);
}

// White space of any script, and what has no width.
bool shows_nothing(std::string_view text) {
    constexpr std::string_view kAscii = " \t\r\n\v\f";
    for (std::size_t at = 0; at < text.size();) {
        if (kAscii.find(text[at]) != std::string_view::npos) {
            ++at;
            continue;
        }
        const std::string_view two = text.substr(at, 2), three = text.substr(at, 3);
        const auto last = static_cast<unsigned char>(three.size() == 3 ? three[2] : 0);
        if (two == "\xC2\x85" || two == "\xC2\xA0") {
            at += 2;
        } else if (three == "\xE1\x9A\x80" || three == "\xE2\x81\x9F" || three == "\xE3\x80\x80" ||
                   three == kByteOrderMark ||
                   (three.starts_with("\xE2\x80") && (last <= 0x8B || last == 0xA8 || last == 0xA9 || last == 0xAF))) {
            at += 3;
        } else {
            return false;
        }
    }
    return true;
}

void add_document(std::string text, Documents& documents) {
    const std::string problem = text_problem(text);
    if (!problem.empty()) fail(ErrorKind::kData, "{}", problem);
    normalise(text);
    if (shows_nothing(text)) {
        ++documents.blank;
    } else {
        documents.texts.push_back(std::move(text));
    }
}

void add_file(const std::filesystem::path& path, Documents& documents) {
    try {
        add_document(read_file(path), documents);
    } catch (const Error& error) {
        if (error.kind() != ErrorKind::kData) throw;
        fail(ErrorKind::kData, "{}: {}", path.string(), error.what());
    }
}

void add_folder(const std::filesystem::path& folder, Documents& documents) {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        if (entry.path().extension() == ".txt") files.push_back(entry.path());
    }
    if (files.empty()) fail(ErrorKind::kData, "{}: no *.txt file lies in this folder", folder.string());
    std::sort(files.begin(), files.end());
    Problems problems;
    for (const std::filesystem::path& file : files) {
        try {
            add_file(file, documents);
        } catch (const Error& error) {
            if (error.kind() != ErrorKind::kData) throw;
            problems.add("{}", error.what());
        }
    }
    problems.throw_if_any(ErrorKind::kData, folder.string());
}

void add_json_lines(const std::filesystem::path& path, Documents& documents) {
    for_each_json_line(path, [&](std::size_t, const Json& value) {
        const auto text = value.is_object() ? value.find("text") : value.end();
        if (!value.is_object() || text == value.end() || !(text->is_string() || text->is_null())) {
            fail(ErrorKind::kData, "no \"text\" string");
        }
        add_document(text->is_null() ? "" : text->get<std::string>(), documents);
    });
}

void add_path(const std::filesystem::path& path, Documents& documents) {
    std::error_code ignored;
    if (std::filesystem::is_directory(path, ignored)) return add_folder(path, documents);
    const std::string extension = path.extension().string();
    if (extension == ".jsonl") return add_json_lines(path, documents);
    if (extension == ".json") {
        fail(ErrorKind::kData, "{}: a corpus is text, a folder of *.txt, or .jsonl with one {{\"text\": …}} a line",
             path.string());
    }
    add_file(path, documents);
}

}  // namespace

std::size_t find_invalid_utf8(std::string_view text) {
    constexpr std::uint64_t kHighBits = 0x8080808080808080u;
    std::size_t i = 0;
    while (i < text.size()) {
        // Eight ASCII characters at a time, which is most of most text.
        std::uint64_t word = 0;
        if (i + sizeof word <= text.size()) {
            std::memcpy(&word, text.data() + i, sizeof word);
            if ((word & kHighBits) == 0) {
                i += sizeof word;
                continue;
            }
        }
        const std::size_t length = character_bytes(text.substr(i, 4));
        if (length == 0) return i;
        i += length;
    }
    return std::string_view::npos;
}

std::string read_text(const std::filesystem::path& path) {
    std::string text = read_file(path);
    const std::string problem = text.empty() || text == kByteOrderMark ? "is empty" : text_problem(text);
    if (!problem.empty()) fail(ErrorKind::kData, "{}: {}", path.string(), problem);
    normalise(text);
    return text;
}

Documents read_documents(const std::vector<std::filesystem::path>& paths) {
    Documents documents;
    Problems problems;
    for (const std::filesystem::path& path : paths) {
        try {
            add_path(path, documents);
        } catch (const Error& error) {
            if (error.kind() != ErrorKind::kData) throw;
            problems.add("{}", error.what());
        }
    }
    if (problems.items().empty() && documents.texts.empty() && !paths.empty()) {
        problems.add("{}{}: there is no text in it, {}", paths.front().string(), paths.size() > 1 ? " …" : "",
                     documents.blank == 0 ? "not one document"
                                          : fmt::format("all {} documents are empty or white space", documents.blank));
    }
    if (problems.items().size() == 1) fail(ErrorKind::kData, "{}", problems.items().front());
    problems.throw_if_any(ErrorKind::kData, "this corpus cannot be read");
    return documents;
}

void for_each_json_line(const std::filesystem::path& path,
                        const std::function<void(std::size_t line, const Json& value)>& visit) {
    const MappedFile file(path);
    std::string_view rest = file.text();
    if (is_utf16(rest)) fail(ErrorKind::kData, "{}: {}", path.string(), kUtf16);

    Problems problems;
    for (std::size_t number = 1; !rest.empty(); ++number) {
        const std::size_t length = std::min(rest.find('\n'), rest.size());
        std::string_view line = rest.substr(0, length);
        rest.remove_prefix(std::min(length + 1, rest.size()));
        // Also where files were put one behind the other.
        if (line.starts_with(kByteOrderMark)) line.remove_prefix(kByteOrderMark.size());
        if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
        const std::string place = fmt::format("line {}", number);
        std::optional<Json> value;
        try {
            value = parse_json(line, place);
        } catch (const Error& error) {
            problems.add("{}", error.what());
            continue;
        }
        try {
            visit(number, *value);
        } catch (const Error& error) {
            if (error.kind() != ErrorKind::kData) throw;
            problems.add("{}", error.with_context(place).what());
        }
    }
    problems.throw_if_any(ErrorKind::kData, path.string());
}

std::size_t count_code_points(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), begins_character));
}

std::size_t bytes_of_code_points(std::string_view text, std::size_t count) {
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (!begins_character(text[i])) continue;
        if (count == 0) return i;
        --count;
    }
    return text.size();
}

}  // namespace nepenthe::io
