#include "evaluate/wikitext.h"

#include "evaluate/python_strings.h"

#include <array>
#include <span>
#include <utility>

namespace nepenthe::evaluate {

namespace {

using Replacement = std::pair<std::string_view, std::string_view>;

constexpr std::array<Replacement, 9> kSeparatorsAndPunctuation = {{
    {" @-@ ", "-"},
    {" @,@ ", ","},
    {" @.@ ", "."},
    {" : ", ": "},
    {" ; ", "; "},
    {" . ", ". "},
    {" ! ", "! "},
    {" ? ", "? "},
    {" , ", ", "},
}};

constexpr std::array<Replacement, 8> kHeadingsAndRest = {{
    {"= = = =", "===="},
    {"= = =", "==="},
    {"= =", "=="},
    {" \u00B0 ", "\u00B0"},
    {" \n", "\n"},
    {"\n ", "\n"},
    {" N ", " 1 "},
    {" 's", "'s"},
}};

std::string replace_each(std::string text, std::span<const Replacement> replacements) {
    for (const auto& [from, to] : replacements) text = replace_all(text, from, to);
    return text;
}

// White space just inside each pair of marks goes. A pair is the mark and the first closing mark after it.
std::string trim_inside(std::string_view text, char open, char close) {
    std::string result;
    for (;;) {
        const std::size_t begin = text.find(open);
        const std::size_t end = begin == std::string_view::npos ? begin : text.find(close, begin + 1);
        if (end == std::string_view::npos) return result += text;
        result += text.substr(0, begin + 1);
        result += strip(text.substr(begin + 1, end - begin - 1));
        result += close;
        text.remove_prefix(end + 1);
    }
}

// "/' 5/" becomes the characters "/'[0-9]/": the published list has a pattern as a replacement.
std::string replace_quoted_digit(std::string text) {
    for (std::size_t at = text.find("/' "); at != std::string::npos; at = text.find("/' ", at + 1)) {
        if (at + 4 < text.size() && text[at + 3] >= '0' && text[at + 3] <= '9' && text[at + 4] == '/') {
            text.replace(at, 5, "/'[0-9]/");
        }
    }
    return text;
}

// Calls visit(line without its line feed) for every line, also for the empty one after a final line feed.
template <typename Visit>
void for_each_line(std::string_view text, const Visit& visit) {
    for (std::size_t begin = 0;;) {
        const std::size_t end = text.find('\n', begin);
        visit(text.substr(begin, end == std::string_view::npos ? end : end - begin));
        if (end == std::string_view::npos) return;
        begin = end + 1;
    }
}

bool is_page_heading(std::string_view line) {
    const std::string shortened = replace_all(replace_all(line, "= = =", "==="), "= =", "==");
    const std::string_view heading = strip(shortened);
    return heading.starts_with("= ") && heading.ends_with(" =");
}

}  // namespace

std::vector<std::string> wikitext_pages(std::string_view text) {
    std::vector<std::string> pages;
    std::string page;
    bool empty = true;  // no line yet
    for_each_line(text, [&](std::string_view line) {
        if (is_page_heading(line)) {
            if (!strip(page).empty()) pages.push_back(page);
            page.clear();
            empty = true;
        }
        if (!empty) page += '\n';
        page += line;
        empty = false;
    });
    if (!strip(page).empty()) pages.push_back(page);
    return pages;
}

std::string detokenize_wikitext(std::string_view page) {
    std::string text = replace_quoted_digit(replace_all(page, "s '", "s'"));
    text = replace_each(std::move(text), kSeparatorsAndPunctuation);
    for (const auto& [open, close] : {std::pair{'(', ')'}, {'[', ']'}, {'{', '}'}, {'"', '"'}, {'\'', '\''}}) {
        text = trim_inside(text, open, close);
    }
    return replace_each(std::move(text), kHeadingsAndRest);
}

std::string join_wikitext_lines(std::string_view text) {
    std::string joined;
    bool first = true;
    if (text.ends_with('\n')) text.remove_suffix(1);  // no line after the last line feed
    for_each_line(text, [&](std::string_view line) {
        if (!first) joined += "\n\n";
        first = false;
        if (strip(line).empty()) return;
        joined += line;
        joined += '\n';
    });
    return joined;
}

}  // namespace nepenthe::evaluate
