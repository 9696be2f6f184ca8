#pragma once
// Anchor dictionaries: terms that give a corpus away, each with generic replacements.
// Method: "Who's Harry Potter? Approximate Unlearning in LLMs" (arXiv 2310.02238); specs: unlearning.md §2.2.

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace nepenthe::unlearn {

struct DictionaryEntry {
    std::string term;
    std::vector<std::string> replacements;  // distinct, at least one (but see Unfinished), none empty
};

// In the order of the file: the published matching rules depend on it.
struct Dictionary {
    std::vector<DictionaryEntry> entries;

    // SHA-256 over terms and replacements in their order.
    std::string digest() const;
    // The file form, {"term": ["replacement", …]}, one term a line.
    std::string to_text() const;
};

// What to do with accepted terms of `anchors find` that nobody has given a replacement yet.
enum class Unfinished { kRefused, kKept };

// JSON {"term": ["replacement", …]}, or the published form {"term": {"replacement": count, …}} whose counts are
// ignored (replacements are drawn uniformly) and whose replacements are taken in sorted order. Throws Error(kData)
// naming `what` and every bad term at once: not JSON, not an object, no terms, a term that is empty or has white space
// around it, no replacement, an empty replacement. Repeated replacements of one term count once.
// Or the file of `anchors find` (reviewed_terms.h): its accepted and pinned terms, longer ones first, so that none
// hides another from the published scan. Throws Error(kData) where there are none, and, unless they are kept, where
// some have no replacement.
Dictionary parse_dictionary(std::string_view text, std::string_view what, Unfinished unfinished = Unfinished::kRefused);
Dictionary read_dictionary(const std::filesystem::path& path, Unfinished unfinished = Unfinished::kRefused);

// Empty, or with white space around it, also of other kinds than the ASCII ones: no-break, thin, ideographic …
bool blank_or_padded(std::string_view text);

// The pruning of the published consolidation: drops terms in 's whose stem is a term, and terms of several words that
// are all terms themselves. `dropped` receives them when it is given.
Dictionary prune(const Dictionary& dictionary, std::vector<std::string>* dropped = nullptr);

// The two pruning rules on one term; `terms` are all terms of the dictionary.
class PruneRules {
  public:
    explicit PruneRules(const Dictionary& dictionary);
    bool possessive_of_a_term(std::string_view term) const;
    bool all_words_are_terms(std::string_view term) const;

  private:
    bool is_term(std::string_view word) const;
    std::vector<std::string_view> sorted_;  // views into the dictionary, which must outlive this
};

}  // namespace nepenthe::unlearn
