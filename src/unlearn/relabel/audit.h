#pragma once
// What a relabelling did, for people to read: replaced terms, changed labels, passages side by side.

#include "base/json.h"
#include "text/tokenizer.h"

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace nepenthe::unlearn {

struct Audit {
    std::string alpha;
    std::int64_t labelled = 0;  // positions with a label
    std::int64_t changed = 0;   // of these, where the label is not the text's own next token
    std::int64_t total_hits = 0, repeated_hits = 0;

    struct Term {
        std::string term;
        std::int64_t hits = 0;
        std::map<std::string, std::int64_t> replacements;  // how often each was drawn
    };
    std::vector<Term> terms;  // by falling hits; terms without one included

    // One kind of change: the text's token and the label that took its place.
    struct Change {
        std::string text, label;
        std::int64_t count = 0;
        double mean_margin = 0;  // largest combined value minus the second
    };
    std::vector<Change> changes;  // by falling count, then margin

    // The single positions whose changed label stands out most.
    struct Position {
        std::uint64_t block = 0;
        std::uint32_t position = 0;
        std::string text, label;
        double margin = 0;
    };
    std::vector<Position> largest_margins;

    // A stretch of one block: what was read, its translation, and the labels ("·" where there is none).
    struct Passage {
        std::uint64_t block = 0;
        std::uint32_t begin = 0;
        std::string original, translation, labels;
        std::int64_t changed = 0;
    };
    std::vector<Passage> passages;  // those with most changed labels, in the corpus's order

    Json to_json() const;
    std::string to_text() const;
};

// Reads the artefact of relabel. Throws Error(kUsage) for an α that it does not have, Error(kData) where `tokenizer` is
// not the one it was made with.
Audit audit_labels(const std::filesystem::path& artefact_folder, const std::string& alpha,
                   const text::Tokenizer& tokenizer, std::size_t passages = 10);

}  // namespace nepenthe::unlearn
