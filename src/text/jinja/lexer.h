#pragma once
// A template's text as tokens, cut as Jinja 3.1 does with trim_blocks and lstrip_blocks: which white space beside a tag
// belongs to the text is decided here.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace nepenthe::text::jinja {

enum class TokenKind {
    kData,  // text outside of tags
    kVariableBegin,
    kVariableEnd,
    kBlockBegin,
    kBlockEnd,
    kName,
    kString,
    kInteger,
    kFloat,
    kOperator,
    kEnd
};

struct Token {
    TokenKind kind = TokenKind::kEnd;
    int line = 1;
    std::string text;  // of a string without its quotes and escapes
    std::int64_t integer = 0;
    double real = 0;
};

// The last token is kEnd. Throws Error(kData) with the line where a tag, comment, string or bracket is not closed, for
// characters that mean nothing, and for bytes that are not UTF-8.
std::vector<Token> tokenize(std::string_view source);

}  // namespace nepenthe::text::jinja
