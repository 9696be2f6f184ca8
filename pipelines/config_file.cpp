#include "pipelines/config_file.h"

#include "base/error.h"
#include "io/file.h"
#include "io/text.h"

#include <algorithm>

namespace nepenthe::pipelines {

namespace {

constexpr std::size_t kMostBytes = 1u << 20;

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view kBlank = " \t\r";
    const std::size_t begin = std::min(text.find_first_not_of(kBlank), text.size());
    return text.substr(begin, text.find_last_not_of(kBlank) + 1 - begin);
}

// "[train]" → "train"; false where a section is meant and none is named.
bool parse_section(std::string_view line, std::string& section) {
    if (!line.ends_with(']')) return false;
    section = trimmed(line.substr(1, line.size() - 2));
    return !section.empty();
}

}  // namespace

std::vector<ConfigEntry> parse_config(std::string_view text, const std::string& what) {
    std::vector<ConfigEntry> entries;
    Problems problems;
    std::string section;
    for (std::size_t number = 1; !text.empty(); ++number) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        const std::string_view line = trimmed(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
        if (line.empty() || line.front() == '#' || line.front() == ';') continue;
        if (line.front() == '[') {
            if (!parse_section(line, section)) problems.add("line {}: write a section as [train]", number);
            continue;
        }
        const std::size_t equals = line.find('=');
        std::string key(trimmed(line.substr(0, equals)));
        std::string owner = section;
        if (const std::size_t dot = key.find('.'); owner.empty() && dot != std::string::npos) {
            owner = key.substr(0, dot);
            key.erase(0, dot + 1);
        }
        if (equals == std::string_view::npos || key.empty()) {
            problems.add("line {}: write name = value", number);
        } else if (owner.empty()) {
            problems.add("line {}: \"{}\" stands in no section; options follow a line like [train]", number, key);
        } else {
            entries.push_back({owner, key, std::string(trimmed(line.substr(equals + 1))), number});
        }
    }
    problems.throw_if_any(ErrorKind::kUsage, what);
    return entries;
}

std::vector<ConfigEntry> read_config_file(const std::filesystem::path& path) {
    if (std::error_code error; std::filesystem::file_size(path, error) > kMostBytes && !error)
        fail(ErrorKind::kUsage, "{}: larger than {} bytes", path.string(), kMostBytes);
    return parse_config(io::read_text(path), path.string());
}

}  // namespace nepenthe::pipelines
