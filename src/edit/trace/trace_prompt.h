#pragma once
// Prompts for causal tracing: read as published, tokenised, and what each of their tokens is. specs: editing.md §12.

#include "text/tokenizer.h"

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace nepenthe::edit {

// One record of known_1000.json (or a file like it).
struct TracePrompt {
    std::string prompt, subject;  // the subject's first occurrence is what gets noise
    std::string attribute;        // what the model should say next; "" = whatever it says
};

struct TracePromptFile {
    std::vector<TracePrompt> prompts;
    std::string digest;  // SHA-256 of the file's bytes
};
// A JSON list of objects with "prompt", "subject" and, where there is one, "attribute". Throws Error(kData) that lists
// every record that lacks something (the first 20, then a count).
TracePromptFile read_trace_prompts(const std::filesystem::path& path);

// Token positions [begin, end).
struct TokenRange {
    std::int64_t begin = 0, end = 0;
    bool operator==(const TokenRange&) const = default;
};

struct TraceTokens {
    std::vector<text::TokenId> ids;  // with the tokenizer's BOS
    TokenRange subject;              // by character offsets
};
TraceTokens tokenise(const text::Tokenizer& tokenizer, const TracePrompt& prompt);

// The rows of an averaged heat map. A token may have several: a subject of one token is first and last, the last token
// may also be the first that follows the subject, or the subject's own last.
enum class TokenRole { kFirstSubject, kMiddleSubject, kLastSubject, kFirstFollowing, kFurther, kLast };
inline constexpr std::array<const char*, 6> kRoleNames = {"first subject token", "middle subject tokens",
                                                          "last subject token",  "first following token",
                                                          "further tokens",      "last token"};
// Tokens before the subject have none.
std::vector<TokenRole> roles_of(std::int64_t token, TokenRange subject, std::int64_t tokens);

}  // namespace nepenthe::edit
