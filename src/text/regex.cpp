#define PCRE2_CODE_UNIT_WIDTH 8
#include "text/regex.h"

#include "base/error.h"

#include <pcre2.h>

#include <algorithm>

namespace nepenthe::text {

namespace {

struct MatchDataFree {
    void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};
struct MatchContextFree {
    void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
};

}  // namespace

struct Regex::Code {
    std::string pattern;
    pcre2_code* compiled = nullptr;
    bool jit = false;
    ~Code() { pcre2_code_free(compiled); }
};

Regex::Regex(std::string_view pattern) : code_(std::make_unique<Code>()) {
    code_->pattern = pattern;
    const std::string translated = translate_pattern(pattern);
    int error = 0;
    PCRE2_SIZE offset = 0;
    code_->compiled = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(translated.data()), translated.size(),
                                    PCRE2_UTF | PCRE2_UCP | PCRE2_USE_OFFSET_LIMIT, &error, &offset, nullptr);
    if (code_->compiled == nullptr) {
        PCRE2_UCHAR message[256] = {};
        pcre2_get_error_message(error, message, sizeof message);
        fail(ErrorKind::kData, "regular expression \"{}\": {}", pattern, reinterpret_cast<const char*>(message));
    }
    // Without a just-in-time compiler for this processor the interpreter gives the same matches.
    code_->jit = pcre2_jit_compile(code_->compiled, PCRE2_JIT_COMPLETE) == 0;
}

Regex::~Regex() = default;
Regex::Regex(Regex&&) noexcept = default;
Regex& Regex::operator=(Regex&&) noexcept = default;

namespace {

// A match is tried with few steps first, then with 16 times as many; a long run of spaces that is tried from its end
// backwards needs as many as it has characters.
constexpr std::uint32_t kFewestSteps = 64, kFactor = 16, kMostSteps = 1u << 30;
// How far an attempt may look for a match's beginning: with the steps it bounds what one call can cost.
constexpr std::size_t kWindow = 4096;
// Calls between two looks at the clock.
constexpr unsigned kCallsPerLook = 64;

}  // namespace

void Regex::find_all(std::string_view text, std::vector<TextRange>& matches, WorkBudget& budget) const {
    const std::unique_ptr<pcre2_match_data, MatchDataFree> data(
        pcre2_match_data_create_from_pattern(code_->compiled, nullptr));
    const std::unique_ptr<pcre2_match_context, MatchContextFree> context(pcre2_match_context_create(nullptr));
    const auto match = code_->jit ? pcre2_jit_match : pcre2_match;
    const auto subject = reinterpret_cast<PCRE2_SPTR>(text.data());
    const PCRE2_SIZE* bounds = pcre2_get_ovector_pointer(data.get());
    std::size_t at = 0;
    std::size_t last_end = std::string_view::npos;
    std::uint32_t steps = kFewestSteps;
    unsigned calls = 0;
    pcre2_set_match_limit(context.get(), steps);
    while (at <= text.size()) {
        const std::size_t window = std::max<std::size_t>(16, kWindow * kFewestSteps / steps);
        std::size_t last_begin = std::min(at + window, text.size());
        while (last_begin < text.size() && is_continuation_byte(text[last_begin])) ++last_begin;
        pcre2_set_offset_limit(context.get(), last_begin);
        const int found =
            match(code_->compiled, subject, text.size(), at, PCRE2_NO_UTF_CHECK, data.get(), context.get());
        const std::size_t tried = (found >= 0 ? std::max<std::size_t>(bounds[0], at) : last_begin) - at + 1;
        const bool look = found < 0 || ++calls % kCallsPerLook == 0;
        if (!budget.spend(tried * steps) || (look && !budget.in_time()) ||
            (found == PCRE2_ERROR_MATCHLIMIT && steps >= kMostSteps)) {
            fail(ErrorKind::kData, "regular expression \"{}\" takes too many steps at byte {} of the text",
                 code_->pattern, at);
        }
        if (found == PCRE2_ERROR_MATCHLIMIT) {
            pcre2_set_match_limit(context.get(), steps *= kFactor);
            continue;
        }
        if (found < 0 && found != PCRE2_ERROR_NOMATCH) {
            fail(ErrorKind::kData, "regular expression \"{}\" gives up at byte {} of the text (PCRE2 error {})",
                 code_->pattern, at, found);
        }
        if (steps != kFewestSteps) pcre2_set_match_limit(context.get(), steps = kFewestSteps);
        if (found == PCRE2_ERROR_NOMATCH) {
            if (last_begin == text.size()) return;
            at = last_begin + character_length(text[last_begin]);
            continue;
        }
        const std::size_t begin = bounds[0], end = bounds[1];
        if (begin == end && end == last_end) {  // an empty match right behind the last one says nothing new
            at = begin < text.size() ? begin + character_length(text[begin]) : begin + 1;
            continue;
        }
        matches.push_back({static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end)});
        last_end = at = end;
    }
}

}  // namespace nepenthe::text
