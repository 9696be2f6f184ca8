#include "pipelines/list_entries.h"

#include <fmt/format.h>

#include <algorithm>

namespace nepenthe::pipelines {

namespace {

constexpr std::size_t kNowhere = std::string::npos;

struct Entry {
    std::string text;
    std::size_t equals = kNowhere;  // the first "=" outside quotes
};

// Reads entry after entry off a word.
class Cutter {
  public:
    explicit Cutter(std::string_view word) : word_(word), rest_(word) {}

    std::vector<Entry> cut() {
        std::vector<Entry> entries;
        do {
            entries.push_back(entry());
        } while (take(','));
        return entries;
    }

  private:
    Entry entry() {
        Entry entry;
        bool may_quote = true;
        while (!rest_.empty() && rest_.front() != ',') {
            if (may_quote && take('"')) {
                entry.text += quoted();
                if (!rest_.empty() && rest_.front() != ',')
                    throw fmt::format("{}: a comma or the end must follow a closing quote", word_);
                break;
            }
            may_quote = rest_.front() == '=' && entry.equals == kNowhere;
            if (may_quote) entry.equals = entry.text.size();
            entry.text += rest_.front();
            rest_.remove_prefix(1);
        }
        if (entry.text.empty()) throw fmt::format("\"{}\" has an empty entry", word_);
        return entry;
    }

    // What stands in quotes; the opening one is taken.
    std::string quoted() {
        std::string text;
        while (true) {
            const std::size_t end = rest_.find('"');
            if (end == kNowhere) throw fmt::format("{}: a quote does not close", word_);
            text += rest_.substr(0, end);
            rest_.remove_prefix(end + 1);
            if (!take('"')) return text;
            text += '"';
        }
    }

    bool take(char mark) {
        if (rest_.empty() || rest_.front() != mark) return false;
        rest_.remove_prefix(1);
        return true;
    }

    std::string_view word_, rest_;
};

bool exists(const std::filesystem::path& base, const std::string& text) {
    std::error_code ignored;
    return !text.empty() && std::filesystem::exists(base / text, ignored);
}

// Whether "NAME=" may stand before a path: a slash, a comma or a quote make it part of one, or of several.
bool is_name(std::string_view text) { return text.find_first_of("/,\"") == kNowhere; }

NamedEntry split_name(const std::string& text, std::size_t equals) {
    if (equals == kNowhere || !is_name(std::string_view(text).substr(0, equals))) return {std::nullopt, text};
    if (equals == 0) throw fmt::format("\"{}\" has no name before its \"=\"", text);
    if (equals + 1 == text.size()) throw fmt::format("\"{}\" has nothing behind its \"=\"", text);
    return {text.substr(0, equals), text.substr(equals + 1)};
}

std::string last_component(const std::filesystem::path& path) {
    const auto whole = std::filesystem::absolute(path).lexically_normal();
    return (whole.has_filename() ? whole : whole.parent_path()).filename().string();
}

}  // namespace

std::vector<std::string> list_entries(std::string_view word) {
    std::vector<std::string> texts;
    for (Entry& entry : Cutter(word).cut()) texts.push_back(std::move(entry.text));
    return texts;
}

std::vector<std::filesystem::path> path_entries(const std::string& word, const std::filesystem::path& base) {
    if (exists(base, word)) return {base / word};
    std::vector<std::filesystem::path> paths;
    for (const std::string& text : list_entries(word)) paths.push_back(base / text);
    return paths;
}

std::vector<NamedEntry> named_entries(const std::string& word, const std::filesystem::path& base) {
    if (exists(base, word)) return {{std::nullopt, word}};
    const std::size_t equals = word.find('=');
    if (equals != kNowhere && equals > 0 && is_name(std::string_view(word).substr(0, equals)) &&
        exists(base, word.substr(equals + 1)))
        return {split_name(word, equals)};
    std::vector<NamedEntry> entries;
    for (const Entry& entry : Cutter(word).cut()) {
        const bool path = exists(base, entry.text);
        entries.push_back(split_name(entry.text, path ? kNowhere : entry.equals));
    }
    return entries;
}

std::vector<NamedPath> named_paths(const std::string& word, const std::filesystem::path& base) {
    std::vector<NamedPath> paths;
    for (const NamedEntry& entry : named_entries(word, base)) {
        const std::filesystem::path path = base / entry.text;
        paths.push_back({entry.name ? *entry.name : last_component(path), path});
    }
    return paths;
}

std::string quoted_entry(const std::string& entry) {
    if (entry.find_first_of(",\"") == kNowhere) return entry;
    const auto in_quotes = [](std::string_view text) {
        std::string quoted = "\"";
        for (const char c : text) quoted += c == '"' ? "\"\"" : std::string(1, c);
        return quoted + "\"";
    };
    const std::size_t equals = entry.find('=');
    if (equals == kNowhere || !is_name(std::string_view(entry).substr(0, equals))) return in_quotes(entry);
    return entry.substr(0, equals + 1) + in_quotes(std::string_view(entry).substr(equals + 1));
}

}  // namespace nepenthe::pipelines
