#include "edit/prefixes.h"

#include "base/error.h"
#include "model/generate.h"

#include <algorithm>
#include <array>

namespace nepenthe::edit {

namespace {

constexpr std::array<const char*, 5> kSeedWords = {"The", "Therefore", "Because", "I", "You"};

// A template must hold no braces of its own, and a row is one line.
std::string cleaned(const std::string& text) {
    std::string clean;
    for (const char c : text) {
        const bool blank = c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '{' || c == '}';
        if (!blank) {
            clean += c;
        } else if (!clean.empty() && clean.back() != ' ') {
            clean += ' ';
        }
    }
    if (!clean.empty() && clean.back() == ' ') clean.pop_back();
    return clean;
}

std::size_t leading_specials(const text::Tokenizer& tokenizer, const std::vector<text::TokenId>& ids) {
    std::size_t count = 0;
    while (count < ids.size() && tokenizer.is_special(ids[count])) ++count;
    return count;
}

// `count` texts of `length` tokens, the seed words in turn; `first` numbers their random streams.
void generate_texts(const model::Decoder& decoder, const text::Tokenizer& tokenizer, std::int64_t count,
                    std::int64_t length, std::uint64_t first, std::uint64_t seed, std::vector<std::string>& texts) {
    model::GenerateOptions options;
    options.greedy = false;
    options.top_k = 5;
    options.seed = seed;
    if (tokenizer.eos().has_value()) options.stop = {*tokenizer.eos()};
    // Seed words of several tokens leave less to generate, so every text is continued by itself.
    for (std::int64_t i = 0; i < count; ++i) {
        const auto word = static_cast<std::size_t>(i) % kSeedWords.size();
        std::vector<text::TokenId> ids = tokenizer.encode_ids(kSeedWords[word], true);
        const std::size_t words = ids.size() - leading_specials(tokenizer, ids);
        options.max_new_tokens = std::max<std::int64_t>(0, length - static_cast<std::int64_t>(words));
        const auto continued = model::generate(decoder, {ids}, options, {first + static_cast<std::uint64_t>(i)});
        ids.insert(ids.end(), continued.front().begin(), continued.front().end());
        texts.push_back(cleaned(tokenizer.decode(ids, true)));
    }
}

}  // namespace

PrefixOptions rome_prefixes() { return {}; }

PrefixOptions memit_prefixes() { return {.counts = {5}, .lengths = {10}}; }

std::vector<std::string> make_prefixes(const model::Decoder& decoder, const text::Tokenizer& tokenizer,
                                       const PrefixOptions& options) {
    NEPENTHE_CHECK(options.counts.size() == options.lengths.size());
    std::vector<std::string> texts = {""};
    for (std::size_t i = 0; i < options.counts.size(); ++i) {
        generate_texts(decoder, tokenizer, options.counts[i], options.lengths[i], texts.size(), options.seed, texts);
    }
    return texts;
}

std::vector<double> prefix_weights(std::size_t prefixes, PrefixMean mean) {
    NEPENTHE_CHECK(prefixes > 0);
    std::vector<double> weights(prefixes, 1.0 / static_cast<double>(prefixes));
    if (mean == PrefixMean::kHalfBare && prefixes > 1) {
        weights.assign(prefixes, 0.5 / static_cast<double>(prefixes - 1));
        weights.front() = 0.5;
    }
    return weights;
}

}  // namespace nepenthe::edit
