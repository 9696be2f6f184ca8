#include "unlearn/relabel/audit.h"

#include "store/hdf5.h"
#include "unlearn/anchors/dictionary.h"
#include "unlearn/anchors/translation.h"
#include "unlearn/relabel/label_check.h"
#include "unlearn/relabel/label_file.h"
#include "unlearn/relabel/labels.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

namespace nepenthe::unlearn {

namespace {

constexpr std::size_t kPassageTokens = 32;
constexpr std::size_t kMostChanges = 40;

// Text of single tokens in mid-sentence, so that the mark of a word's start shows as a space.
class TokenText {
  public:
    explicit TokenText(const text::Tokenizer& tokenizer) : tokenizer_(tokenizer) {
        const auto ids = tokenizer.encode_ids("a", false);
        if (!ids.empty()) lead_ = {ids.back()};
        skip_ = tokenizer.decode(lead_, false).size();
    }
    std::string operator()(text::TokenId id) const {
        std::vector<text::TokenId> ids = lead_;
        ids.push_back(id);
        return tokenizer_.decode(ids, false).substr(skip_);
    }

  private:
    const text::Tokenizer& tokenizer_;
    std::vector<text::TokenId> lead_;
    std::size_t skip_ = 0;
};

// One line that a terminal can show: other white space as visible signs, broken UTF-8 left to the JSON writer's care.
std::string one_line(std::string_view text) {
    std::string out;
    for (const char c : text) out += c == '\n' ? "\u23CE" : std::string(1, c);
    return out;
}

struct Stored {
    LabelRows rows;
    std::vector<float> margins;      // [block, length]
    std::vector<std::int32_t> map;   // [block, length]
    std::vector<std::int32_t> hits;  // rows of 8
    std::vector<std::int64_t> translation_offsets;
    std::vector<std::int32_t> translation;
    std::size_t length = 0;
    Dictionary dictionary;
};

Stored read_stored(const std::filesystem::path& folder, const std::string& alpha) {
    Stored out;
    out.rows = read_labels(folder, alpha);
    const std::string path = (folder / kLabelFile).string();
    const store::H5Reader file(path, kLabelFormat);
    const LabelShape shape = check_label_file(file, path);
    out.margins = file.read<float>("/margin/" + alpha);
    out.map = file.read<std::int32_t>("/map");
    out.length = shape.length;
    out.translation_offsets = file.read<std::int64_t>("/translation/offsets");
    if (file.has("/translation/tokens")) out.translation = file.read<std::int32_t>("/translation/tokens");
    const std::string dictionary = file.read_text("/dictionary");
    if (parse_json(dictionary, "/dictionary").size() > 0) out.dictionary = parse_dictionary(dictionary, "/dictionary");
    out.hits = read_anchor_hits(file, out.dictionary, shape.blocks, path);
    return out;
}

void count_terms(const Stored& stored, Audit& audit) {
    for (const DictionaryEntry& entry : stored.dictionary.entries) audit.terms.push_back({entry.term, 0, {}});
    for (std::size_t i = 0; i + 7 < stored.hits.size(); i += 8) {
        const auto term = static_cast<std::size_t>(stored.hits[i + 5]);
        const auto replacement = static_cast<std::size_t>(stored.hits[i + 6]);
        ++audit.terms[term].hits;
        ++audit.terms[term].replacements[stored.dictionary.entries[term].replacements[replacement]];
        ++audit.total_hits;
        audit.repeated_hits += stored.hits[i + 7];
    }
    std::stable_sort(audit.terms.begin(), audit.terms.end(), [](auto& a, auto& b) { return a.hits > b.hits; });
}

void count_changes(const Stored& stored, const TokenText& text, Audit& audit) {
    struct Kind {
        std::int64_t count = 0;
        double margin = 0;
    };
    std::map<std::pair<text::TokenId, text::TokenId>, Kind> kinds;
    std::vector<std::tuple<float, std::uint64_t, std::uint32_t>> positions;
    for (std::size_t block = 0; block < stored.rows.ids.size(); ++block) {
        const auto& ids = stored.rows.ids[block];
        for (std::size_t t = 0; t + 1 < ids.size(); ++t) {
            const std::int32_t label = stored.rows.labels[block][t];
            if (label == kNoLabel) continue;
            ++audit.labelled;
            if (label == ids[t + 1]) continue;
            ++audit.changed;
            const float margin = stored.margins[block * stored.length + t];
            Kind& kind = kinds[{ids[t + 1], label}];
            ++kind.count;
            kind.margin += static_cast<double>(margin);
            positions.emplace_back(-margin, block, static_cast<std::uint32_t>(t));
        }
    }
    for (const auto& [pair, kind] : kinds) {
        audit.changes.push_back(
            {text(pair.first), text(pair.second), kind.count, kind.margin / static_cast<double>(kind.count)});
    }
    std::stable_sort(audit.changes.begin(), audit.changes.end(), [](auto& a, auto& b) {
        return std::tuple(-a.count, -a.mean_margin) < std::tuple(-b.count, -b.mean_margin);
    });
    audit.changes.resize(std::min(audit.changes.size(), kMostChanges));
    const std::size_t shown = std::min(positions.size(), kMostChanges);
    std::partial_sort(positions.begin(), positions.begin() + static_cast<std::ptrdiff_t>(shown), positions.end());
    for (std::size_t i = 0; i < shown; ++i) {
        const auto [margin, block, t] = positions[i];
        audit.largest_margins.push_back({block, t, text(stored.rows.ids[block][t + 1]),
                                         text(stored.rows.labels[block][t]), -static_cast<double>(margin)});
    }
}

// Positions [begin, end) predict tokens [begin + 1, end + 1): these are what is shown.
Audit::Passage make_passage(const Stored& stored, std::size_t block, std::size_t begin, const TokenText& text) {
    Audit::Passage out;
    out.block = block;
    out.begin = static_cast<std::uint32_t>(begin);
    const auto& ids = stored.rows.ids[block];
    const std::size_t end = std::min(begin + kPassageTokens, ids.size() - 1);
    std::int32_t first = kNoPosition, last = kNoPosition;
    for (std::size_t t = begin; t < end; ++t) {
        out.original += text(ids[t + 1]);
        const std::int32_t label = stored.rows.labels[block][t];
        out.labels += label == kNoLabel ? "\u00B7" : text(label);
        const std::int32_t mapped = stored.map[block * stored.length + t];
        if (mapped == kNoPosition) continue;
        if (first == kNoPosition) first = mapped;
        last = mapped;
    }
    if (first != kNoPosition) {
        const std::int64_t offset = stored.translation_offsets[block];
        const std::int64_t behind = std::min(offset + last + 2, stored.translation_offsets[block + 1]);
        for (std::int64_t i = offset + first + 1; i < behind; ++i) {
            out.translation += text(stored.translation[static_cast<std::size_t>(i)]);
        }
    }
    return out;
}

void choose_passages(const Stored& stored, const TokenText& text, std::size_t wanted, Audit& audit) {
    std::vector<std::tuple<std::int64_t, std::size_t, std::size_t>> candidates;  // -changed, block, begin
    for (std::size_t block = 0; block < stored.rows.ids.size(); ++block) {
        const auto& ids = stored.rows.ids[block];
        for (std::size_t begin = 0; begin + 1 < ids.size(); begin += kPassageTokens) {
            std::int64_t changed = 0;
            for (std::size_t t = begin; t < std::min(begin + kPassageTokens, ids.size() - 1); ++t) {
                const std::int32_t label = stored.rows.labels[block][t];
                changed += label != kNoLabel && label != ids[t + 1];
            }
            candidates.emplace_back(-changed, block, begin);
        }
    }
    std::sort(candidates.begin(), candidates.end());
    candidates.resize(std::min(candidates.size(), wanted));
    std::sort(candidates.begin(), candidates.end(), [](const auto& a, const auto& b) {
        return std::tuple(std::get<1>(a), std::get<2>(a)) < std::tuple(std::get<1>(b), std::get<2>(b));
    });
    for (const auto& [changed, block, begin] : candidates) {
        audit.passages.push_back(make_passage(stored, block, begin, text));
        audit.passages.back().changed = -changed;
    }
}

// Single tokens may hold part of a character; a JSON string must not.
std::string valid(const std::string& text) {
    return parse_json(Json(text).dump(-1, ' ', false, Json::error_handler_t::replace), "text").get<std::string>();
}

}  // namespace

Audit audit_labels(const std::filesystem::path& artefact_folder, const std::string& alpha,
                   const text::Tokenizer& tokenizer, std::size_t passages) {
    check_labels_belong(artefact_folder, "", tokenizer.digest());
    const Stored stored = read_stored(artefact_folder, alpha);
    const TokenText text(tokenizer);
    Audit audit;
    audit.alpha = alpha;
    count_terms(stored, audit);
    count_changes(stored, text, audit);
    choose_passages(stored, text, passages, audit);
    return audit;
}

Json Audit::to_json() const {
    Json out = {{"alpha", alpha},
                {"labelled", labelled},
                {"changed", changed},
                {"anchor_hits", total_hits},
                {"repeated_anchor_hits", repeated_hits},
                {"terms", Json::array()},
                {"changes", Json::array()},
                {"largest_margins", Json::array()},
                {"passages", Json::array()}};
    for (const Term& term : terms) {
        out["terms"].push_back({{"term", term.term}, {"hits", term.hits}, {"replacements", term.replacements}});
    }
    for (const Change& change : changes) {
        out["changes"].push_back({{"text", valid(change.text)},
                                  {"label", valid(change.label)},
                                  {"count", change.count},
                                  {"mean_margin", change.mean_margin}});
    }
    for (const Position& item : largest_margins) {
        out["largest_margins"].push_back({{"block", item.block},
                                          {"position", item.position},
                                          {"text", valid(item.text)},
                                          {"label", valid(item.label)},
                                          {"margin", item.margin}});
    }
    for (const Passage& passage : passages) {
        out["passages"].push_back({{"block", passage.block},
                                   {"begin", passage.begin},
                                   {"changed", passage.changed},
                                   {"original", valid(passage.original)},
                                   {"translation", valid(passage.translation)},
                                   {"labels", valid(passage.labels)}});
    }
    return out;
}

std::string Audit::to_text() const {
    std::string out =
        fmt::format("alpha {}: {} of {} labels differ from the text; {} anchor hits, {} of them repeated\n", alpha,
                    changed, labelled, total_hits, repeated_hits);
    out += fmt::format("\n{:<32}{:>8}  {}\n", "term", "hits", "replacements");
    for (const Term& term : terms) {
        std::string drawn;
        for (const auto& [replacement, count] : term.replacements) {
            drawn += fmt::format("{}{} ({})", drawn.empty() ? "" : ", ", replacement, count);
        }
        out += fmt::format("{:<32}{:>8}  {}\n", term.term, term.hits, drawn);
    }
    out += fmt::format("\n{:<20}{:<20}{:>8}{:>14}\n", "text", "label", "count", "mean margin");
    for (const Change& change : changes) {
        out += fmt::format("{:<20}{:<20}{:>8}{:>14.3f}\n", one_line(change.text), one_line(change.label), change.count,
                           change.mean_margin);
    }
    for (const Passage& passage : passages) {
        out += fmt::format(
            "\nblock {}, position {}: {} labels changed\n  original     {}\n  translation  {}\n  labels       {}\n",
            passage.block, passage.begin, passage.changed, one_line(passage.original), one_line(passage.translation),
            one_line(passage.labels));
    }
    return out;
}

}  // namespace nepenthe::unlearn
