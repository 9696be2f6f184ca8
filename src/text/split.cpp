#include "text/pre_tokenizer.h"

#include <algorithm>

namespace nepenthe::text {

namespace {

struct Part {
    TextRange range;
    bool delimiter;
};

// Joins each delimiter to the part before it, unless that is a delimiter too.
void merge_with_previous(std::vector<Part>& parts) {
    std::vector<Part> merged;
    bool after_delimiter = false;
    for (const Part& part : parts) {
        if (part.delimiter && !after_delimiter && !merged.empty()) {
            merged.back().range.end = part.range.end;
        } else {
            merged.push_back(part);
        }
        after_delimiter = part.delimiter;
    }
    parts = std::move(merged);
}

void merge_with_next(std::vector<Part>& parts) {
    std::vector<Part> merged;
    bool before_delimiter = false;
    for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
        if (part->delimiter && !before_delimiter && !merged.empty()) {
            merged.back().range.begin = part->range.begin;
        } else {
            merged.push_back(*part);
        }
        before_delimiter = part->delimiter;
    }
    std::reverse(merged.begin(), merged.end());
    parts = std::move(merged);
}

void merge_runs(std::vector<Part>& parts) {
    std::vector<Part> merged;
    for (const Part& part : parts) {
        if (!merged.empty() && merged.back().delimiter == part.delimiter) {
            merged.back().range.end = part.range.end;
        } else {
            merged.push_back(part);
        }
    }
    parts = std::move(merged);
}

}  // namespace

void split(TextRange piece, const std::vector<TextRange>& delimiters, SplitBehavior behavior, bool invert,
           std::vector<TextRange>& words) {
    const auto push = [&](TextRange range) {
        if (range.begin < range.end) words.push_back(range);
    };
    if (behavior == SplitBehavior::kIsolated) {
        std::uint32_t at = piece.begin;
        for (const TextRange delimiter : delimiters) {
            push({at, delimiter.begin});
            push(delimiter);
            at = delimiter.end;
        }
        push({at, piece.end});
        return;
    }
    std::vector<Part> parts;
    std::uint32_t at = piece.begin;
    for (const TextRange delimiter : delimiters) {
        if (at != delimiter.begin) parts.push_back({{at, delimiter.begin}, invert});
        parts.push_back({delimiter, !invert});
        at = delimiter.end;
    }
    if (at != piece.end) parts.push_back({{at, piece.end}, invert});
    switch (behavior) {
        case SplitBehavior::kMergedWithPrevious: merge_with_previous(parts); break;
        case SplitBehavior::kMergedWithNext: merge_with_next(parts); break;
        case SplitBehavior::kContiguous: merge_runs(parts); break;
        case SplitBehavior::kRemoved: std::erase_if(parts, [](const Part& part) { return part.delimiter; }); break;
        case SplitBehavior::kIsolated: break;
    }
    for (const Part& part : parts) push(part.range);
}

}  // namespace nepenthe::text
