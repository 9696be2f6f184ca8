#include "edit/facts/prefixes.h"

#include "base/error.h"
#include "model/generate.h"

#include <algorithm>
#include <map>

namespace nepenthe::edit {

namespace {

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

// One text to be: its tokens so far without what the tokenizer puts before every text, and the number of its stream.
struct Seed {
    std::vector<text::TokenId> ids;
    std::size_t before = 0;
    std::uint64_t stream = 0;
    std::int64_t missing = 0;  // tokens to generate
};

// The token that texts begin with, where a model has been trained with one before them.
text::TokenId text_start(const text::Tokenizer& tokenizer) {
    const auto token = tokenizer.bos().has_value() ? tokenizer.bos() : tokenizer.eos();
    if (!token)
        fail(ErrorKind::kUsage, "context prefixes from a text's beginning: the tokenizer has no BOS and no EOS");
    return *token;
}

Seed seed_of(const text::Tokenizer& tokenizer, const std::string& beginning, bool count_new_tokens,
             std::int64_t length) {
    Seed seed;
    std::size_t counted = 1;
    if (beginning.empty()) {
        seed.ids = {text_start(tokenizer)};
        seed.before = 1;
    } else {
        seed.ids = tokenizer.encode_ids(beginning, true);
        counted = tokenizer.encode_ids(beginning, false).size();
        seed.before = seed.ids.size() - counted;
    }
    seed.missing = count_new_tokens ? length : std::max<std::int64_t>(0, length - static_cast<std::int64_t>(counted));
    return seed;
}

std::vector<Seed> seeds_of(const text::Tokenizer& tokenizer, const PrefixOptions& options) {
    std::vector<Seed> seeds;
    for (std::size_t kind = 0; kind < options.counts.size(); ++kind) {
        for (std::int64_t i = 0; i < options.counts[kind]; ++i) {
            const std::string& beginning = options.beginnings[static_cast<std::size_t>(i) % options.beginnings.size()];
            seeds.push_back(seed_of(tokenizer, beginning, options.count_new_tokens, options.lengths[kind]));
            seeds.back().stream = seeds.size() - 1;
        }
    }
    return seeds;
}

}  // namespace

PrefixOptions rome_prefixes() { return {}; }

PrefixOptions memit_prefixes() { return {.counts = {5}, .lengths = {10}}; }

std::vector<std::string> make_prefixes(const model::Decoder& decoder, const text::Tokenizer& tokenizer,
                                       const PrefixOptions& options) {
    NEPENTHE_CHECK(options.counts.size() == options.lengths.size() && !options.beginnings.empty());
    std::vector<Seed> seeds = seeds_of(tokenizer, options);
    // Beginnings of several tokens leave less to generate; texts that miss as many tokens are continued together.
    std::map<std::int64_t, std::vector<std::size_t>> by_missing;
    for (std::size_t i = 0; i < seeds.size(); ++i) by_missing[seeds[i].missing].push_back(i);
    for (const auto& [missing, which] : by_missing) {
        model::GenerateOptions generating;
        generating.max_new_tokens = missing;
        generating.greedy = options.greedy;
        generating.top_k = 5;
        generating.seed = options.seed;
        generating.stop = tokenizer.ends();
        std::vector<std::vector<text::TokenId>> prompts;
        std::vector<std::uint64_t> streams;
        for (const std::size_t i : which) {
            prompts.push_back(seeds[i].ids);
            streams.push_back(seeds[i].stream);
        }
        const auto continued = model::generate(decoder, prompts, generating, streams);
        for (std::size_t k = 0; k < which.size(); ++k) {
            std::vector<text::TokenId>& ids = seeds[which[k]].ids;
            ids.insert(ids.end(), continued[k].begin(), continued[k].end());
        }
    }
    std::vector<std::string> texts = {""};
    for (const Seed& seed : seeds) {
        const std::vector<text::TokenId> own(seed.ids.begin() + static_cast<std::ptrdiff_t>(seed.before),
                                             seed.ids.end());
        texts.push_back(cleaned(tokenizer.decode(own, true)));
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
