#include "text/jinja/lexer.h"

#include "base/error.h"
#include "base/number.h"
#include "io/text.h"
#include "text/jinja/characters.h"

#include <algorithm>
#include <array>
#include <cstdlib>

namespace nepenthe::text::jinja {

namespace {

constexpr std::size_t kLongestTemplate = 1u << 20;

// Longest first.
constexpr std::array<std::string_view, 26> kOperators = {"**", "//", "==", "!=", "<=", ">=", "+", "-", "/",
                                                         "*",  "%",  "~",  "[",  "]",  "(",  ")", "{", "}",
                                                         "<",  ">",  "=",  ".",  ":",  "|",  ",", ";"};

bool is_word(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; }
bool is_decimal(char c) { return c >= '0' && c <= '9'; }

// Line ends as "\n", without the last one.
std::string with_plain_lines(std::string_view source) {
    std::string result;
    result.reserve(source.size());
    for (std::size_t i = 0; i < source.size(); ++i) {
        const bool carriage_return = source[i] == '\r';
        if (carriage_return && i + 1 < source.size() && source[i + 1] == '\n') ++i;
        result += carriage_return ? '\n' : source[i];
    }
    if (result.ends_with('\n')) result.pop_back();
    return result;
}

class Lexer {
  public:
    explicit Lexer(std::string_view source) : source_(with_plain_lines(source)) {}

    std::vector<Token> run() {
        while (at_ < source_.size()) read_data();
        add(TokenKind::kEnd, "");
        return std::move(tokens_);
    }

  private:
    [[noreturn]] void fail_here(std::string_view what) const { fail(ErrorKind::kData, "line {}: {}", line_, what); }

    std::string_view rest() const { return std::string_view(source_).substr(at_); }
    bool here(std::string_view word) const { return rest().starts_with(word); }

    void advance(std::size_t size) {
        line_ += static_cast<int>(std::ranges::count(rest().substr(0, size), '\n'));
        at_ += size;
        line_starting_ = at_ > 0 && source_[at_ - 1] == '\n';
    }

    void skip_space() { advance(rest().size() - strip(rest(), true, false).size()); }

    Token& add(TokenKind kind, std::string text) {
        tokens_.push_back({.kind = kind, .line = line_, .text = std::move(text)});
        return tokens_.back();
    }

    // Text up to the next tag or comment, and that tag.
    void read_data() {
        const std::string_view all = rest();
        std::size_t size = all.find('{');
        while (size != all.npos &&
               (size + 1 >= all.size() || std::string_view("%{#").find(all[size + 1]) == all.npos)) {
            size = all.find('{', size + 1);
        }
        if (size == all.npos) {
            add(TokenKind::kData, std::string(all));
            return advance(all.size());
        }
        const char tag = all[size + 1], sign = size + 2 < all.size() ? all[size + 2] : ' ';
        const std::string_view text = without_indent(all.substr(0, size), sign, tag != '{');
        if (!text.empty()) add(TokenKind::kData, std::string(text));
        advance(size + (sign == '-' || sign == '+' ? 3 : 2));
        if (tag == '#') return skip_comment();
        if (tag == '%' && read_raw()) return;
        add(tag == '{' ? TokenKind::kVariableBegin : TokenKind::kBlockBegin, "");
        read_tag(tag == '%');
    }

    // What of the text before a tag stays: "-" takes all white space away, lstrip_blocks what stands on the tag's line.
    std::string_view without_indent(std::string_view text, char sign, bool block) const {
        if (sign == '-') return strip(text, false, true);
        if (sign == '+' || !block) return text;
        const std::size_t newline = text.rfind('\n');
        const std::size_t begin = newline == text.npos ? 0 : newline + 1;
        if (begin == 0 && !line_starting_) return text;
        return strip(text.substr(begin), true, false).empty() ? text.substr(0, begin) : text;
    }

    // The end of a block or comment with what it takes of the text behind it.
    void finish_block(std::string_view end) {
        if (here("-")) {
            advance(1 + end.size());
            skip_space();
        } else if (here("+")) {
            advance(1 + end.size());
        } else {
            advance(end.size());
            if (here("\n")) advance(1);
        }
    }

    void skip_comment() {
        if (rest().empty()) return;  // at the very end Jinja lets it pass, and a raw block too
        const std::size_t end = rest().find("#}");
        if (end == std::string_view::npos) fail_here("a comment is not closed");
        const bool sign = end > 0 && (rest()[end - 1] == '-' || rest()[end - 1] == '+');
        advance(sign ? end - 1 : end);
        finish_block("#}");
    }

    // {% raw %}: what lies between is text. False where this is another block.
    bool read_raw() {
        std::string_view tag = strip(rest(), true, false);
        if (!tag.starts_with("raw")) return false;
        tag = strip(tag.substr(3), true, false);
        const bool strips = tag.starts_with("-%}");
        if (!strips && !tag.starts_with("%}")) return false;
        advance(rest().size() - tag.size() + (strips ? 3 : 2));
        if (strips) skip_space();
        if (rest().empty()) return true;
        for (std::size_t i = rest().find("{%"); i != std::string_view::npos; i = rest().find("{%", i + 1)) {
            std::string_view end = rest().substr(i + 2);
            const char sign = end.empty() ? ' ' : end[0];
            if (sign == '-' || sign == '+') end.remove_prefix(1);
            end = strip(end, true, false);
            if (!end.starts_with("endraw")) continue;
            end = strip(end.substr(6), true, false);
            if (!end.starts_with("%}") && !end.starts_with("-%}") && !end.starts_with("+%}")) continue;
            const std::string_view text = without_indent(rest().substr(0, i), sign, true);
            if (!text.empty()) add(TokenKind::kData, std::string(text));
            advance(rest().size() - end.size());
            finish_block("%}");
            return true;
        }
        fail_here("a raw block is not closed");
    }

    bool finish_tag(bool block) {
        const std::string_view end = block ? "%}" : "}}";
        const bool sign = here("-") || (block && here("+"));
        if (!rest().substr(sign ? 1 : 0).starts_with(end)) return false;
        add(block ? TokenKind::kBlockEnd : TokenKind::kVariableEnd, "");
        if (block) {
            finish_block(end);
        } else {
            advance(sign ? 3 : 2);
            if (sign) skip_space();
        }
        return true;
    }

    void read_tag(bool block) {
        std::string open;  // brackets that are to be closed before the tag may end
        for (;;) {
            if (open.empty() && finish_tag(block)) return;
            if (at_ == source_.size()) fail_here("a tag is not closed");
            const std::string_view after = strip(rest(), true, false);
            if (after.size() < rest().size()) {
                advance(rest().size() - after.size());
            } else if (!read_number() && !read_name() && !read_string()) {
                read_operator(open);
            }
        }
    }

    static std::size_t digits(std::string_view text, std::size_t at) {
        const std::size_t begin = at;
        while (at < text.size() && (is_decimal(text[at]) || (text[at] == '_' && at > begin && at + 1 < text.size() &&
                                                             is_decimal(text[at - 1]) && is_decimal(text[at + 1])))) {
            ++at;
        }
        return at - begin;
    }

    bool read_number() {
        const std::string_view all = rest();
        std::size_t size = digits(all, 0);
        if (size == 0) return false;
        if (all.size() > 1 && all[0] == '0' && std::string_view("xXoObB").find(all[1]) != all.npos) {
            fail_here("a whole number that is not written in decimal is not supported");
        }
        const bool after_dot = at_ > 0 && source_[at_ - 1] == '.';
        bool real = false;
        if (!after_dot && size + 1 < all.size() && all[size] == '.' && is_decimal(all[size + 1])) {
            size += 1 + digits(all, size + 1);
            real = true;
        }
        if (!after_dot && size < all.size() && (all[size] == 'e' || all[size] == 'E')) {
            const std::size_t sign = size + 1 < all.size() && (all[size + 1] == '-' || all[size + 1] == '+') ? 1 : 0;
            if (const std::size_t exponent = digits(all, size + 1 + sign)) {
                size += 1 + sign + exponent;
                real = true;
            }
        }
        std::string number(all.substr(0, size));
        std::erase(number, '_');
        Token& token = add(real ? TokenKind::kFloat : TokenKind::kInteger, number);
        if (real) {
            token.real = std::strtod(number.c_str(), nullptr);
        } else {
            if (number.size() > 1 && number[0] == '0' && number.find_first_not_of('0') != number.npos) {
                fail_here("a whole number begins with 0");
            }
            const auto value = parse_integer(number);
            if (!value) fail_here("a whole number beyond 64 bits is not supported");
            token.integer = *value;
        }
        advance(size);
        return true;
    }

    bool read_name() {
        const std::string_view all = rest();
        const auto end = std::ranges::find_if_not(all, is_word);
        const auto size = static_cast<std::size_t>(end - all.begin());
        if (size == 0) return false;
        add(TokenKind::kName, std::string(all.substr(0, size)));
        advance(size);
        return true;
    }

    bool read_string() {
        const std::string_view all = rest();
        const char quote = all[0];
        if (quote != '\'' && quote != '"') return false;
        std::size_t end = 1;
        while (end < all.size() && all[end] != quote) end += all[end] == '\\' ? 2 : 1;
        if (end >= all.size()) fail_here("a string is not closed");
        add(TokenKind::kString, unescaped(all.substr(1, end - 1)));
        advance(end + 1);
        return true;
    }

    // Escapes as Python reads them; an unknown one stays as it is written.
    std::string unescaped(std::string_view text) const {
        std::string result;
        for (std::size_t i = 0; i < text.size(); ++i) {
            if (text[i] != '\\') {
                result += text[i];
                continue;
            }
            const char kind = text[++i];
            constexpr std::string_view kLetters = "\\'\"abfnrtv", kMeans = "\\'\"\a\b\f\n\r\t\v";
            if (const std::size_t letter = kLetters.find(kind); letter != kLetters.npos) {
                result += kMeans[letter];
            } else if (kind == '\n') {
                continue;
            } else if (kind >= '0' && kind <= '7') {
                char32_t code = 0;
                std::size_t end = i;
                while (end < text.size() && end < i + 3 && text[end] >= '0' && text[end] <= '7') {
                    code = code * 8 + static_cast<char32_t>(text[end++] - '0');
                }
                append_utf8(result, code);
                i = end - 1;
            } else if (kind == 'x' || kind == 'u' || kind == 'U') {
                const std::size_t size = kind == 'x' ? 2 : kind == 'u' ? 4 : 8;
                append_hexadecimal(result, text.substr(i + 1, size), size);
                i += size;
            } else if (kind == 'N' || static_cast<unsigned char>(kind) >= 0x80) {
                fail_here("an escape in a string is not supported");
            } else {
                result += '\\';
                result += kind;
            }
        }
        return result;
    }

    void append_hexadecimal(std::string& result, std::string_view digits, std::size_t size) const {
        char32_t code = 0;
        for (const char digit : digits) {
            constexpr std::string_view kDigits = "0123456789abcdef";
            const std::size_t value = kDigits.find(is_decimal(digit) ? digit : static_cast<char>(digit | 0x20));
            if (value == kDigits.npos) fail_here("an escape in a string has too few digits");
            code = code * 16 + static_cast<char32_t>(value);
        }
        if (digits.size() < size) fail_here("an escape in a string has too few digits");
        if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) fail_here("an escape in a string is no character");
        append_utf8(result, code);
    }

    void read_operator(std::string& open) {
        const auto found = std::ranges::find_if(kOperators, [&](std::string_view sign) { return here(sign); });
        if (found == kOperators.end()) {
            fail_here(fmt::format("unexpected character \"{}\"", rest().substr(0, character_size(rest(), 0))));
        }
        constexpr std::string_view kOpen = "([{", kClose = ")]}";
        const char sign = found->front();
        if (kOpen.find(sign) != kOpen.npos) open += kClose[kOpen.find(sign)];
        if (kClose.find(sign) != kClose.npos) {
            if (open.empty() || open.back() != sign) fail_here(fmt::format("unexpected \"{}\"", sign));
            open.pop_back();
        }
        add(TokenKind::kOperator, std::string(*found));
        advance(found->size());
    }

    std::string source_;
    std::size_t at_ = 0;
    int line_ = 1;
    bool line_starting_ = true;
    std::vector<Token> tokens_;
};

}  // namespace

std::vector<Token> tokenize(std::string_view source) {
    if (source.size() > kLongestTemplate) {
        fail(ErrorKind::kData, "{} bytes are more than a template has ({})", source.size(), kLongestTemplate);
    }
    if (const std::size_t bad = io::find_invalid_utf8(source); bad != std::string_view::npos) {
        fail(ErrorKind::kData, "byte {} is not UTF-8", bad);
    }
    return Lexer(source).run();
}

}  // namespace nepenthe::text::jinja
