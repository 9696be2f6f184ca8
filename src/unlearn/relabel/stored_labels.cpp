#include "unlearn/relabel/stored_labels.h"

#include "base/error.h"
#include "base/json_text.h"
#include "unlearn/relabel/label_check.h"
#include "unlearn/relabel/label_file.h"

#include <algorithm>
#include <span>

namespace nepenthe::unlearn {

namespace {

constexpr std::size_t kHitColumns = 8, kForbiddenColumns = 3;

store::H5Reader open(const std::filesystem::path& folder) {
    if (!std::filesystem::exists(folder / kLabelFile)) {
        fail(ErrorKind::kData, "{} holds no {}; give the folder that relabel published", folder.string(), kLabelFile);
    }
    return store::H5Reader(folder / kLabelFile, kLabelFormat);
}

// Calls visit(row) for the rows of `table` whose first column is `block`.
template <typename Visit>
void each_row_of(const std::vector<std::int32_t>& table, std::size_t columns, std::uint64_t block, const Visit& visit) {
    for (std::size_t i = 0; i + columns <= table.size(); i += columns) {
        if (static_cast<std::uint64_t>(table[i]) == block) visit(std::span(table).subspan(i, columns));
    }
}

// The values at `positions` of a dataset [block, position, width], one behind the other.
template <typename T>
std::vector<T> gather(const store::H5Reader& file, const std::string& name, std::uint64_t block,
                      const std::vector<std::int32_t>& positions, std::size_t width) {
    const std::vector<T> all = file.read<T>(name, block, 1);
    std::vector<T> out;
    out.reserve(positions.size() * width);
    for (const std::int32_t position : positions) {
        const auto begin = all.begin() + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(position) * width);
        out.insert(out.end(), begin, begin + static_cast<std::ptrdiff_t>(width));
    }
    return out;
}

}  // namespace

StoredLabels::StoredLabels(const std::filesystem::path& artefact_folder) : file_(open(artefact_folder)) {
    const std::string path = (artefact_folder / kLabelFile).string();
    const LabelShape shape = check_label_file(file_, path);
    blocks_ = shape.blocks, length_ = shape.length, top_k_ = shape.top_k;
    Dictionary dictionary;
    const std::string text = dictionary_text();
    if (parse_json(text, "/dictionary").size() > 0) dictionary = parse_dictionary(text, "/dictionary");
    hits_ = read_anchor_hits(file_, dictionary, blocks_, path);
    if (file_.has("/anchors/forbidden")) forbidden_ = file_.read<std::int32_t>("/anchors/forbidden");
}

Combine StoredLabels::combine() const {
    const Json name = file_.attributes().value("combine", Json());
    for (const Combine combine : {Combine::kLogits, Combine::kLogProbs, Combine::kLogOdds}) {
        if (name == Json(combine_name(combine))) return combine;
    }
    fail(ErrorKind::kData, "the attribute combine is {}, which names no combination", json_text(name));
}

float StoredLabels::plausible() const {
    const Json value = file_.attributes().value("plausible", Json(0.0));
    const double plausible = value.is_number() ? value.get<double>() : -1;
    if (!(plausible >= 0 && plausible <= 1)) {
        fail(ErrorKind::kData, "the attribute plausible is {}, not a number in 0 … 1", json_text(value));
    }
    return static_cast<float>(plausible);
}

std::vector<text::TokenId> StoredLabels::tokens(std::uint64_t block) const {
    auto tokens = file_.read<std::int32_t>("/tokens", block, 1);
    tokens.erase(std::find(tokens.begin(), tokens.end(), -1), tokens.end());
    return tokens;
}

TranslatedBlock StoredLabels::read_translation(std::uint64_t block, std::size_t length) const {
    TranslatedBlock out;
    const auto offsets = file_.read<std::int64_t>("/translation/offsets", block, 2);
    if (offsets[1] > offsets[0]) {
        out.tokens = file_.read<std::int32_t>("/translation/tokens", static_cast<std::uint64_t>(offsets[0]),
                                              static_cast<std::uint64_t>(offsets[1] - offsets[0]));
    }
    out.map = file_.read<std::int32_t>("/map", block, 1);
    out.map.resize(length);
    each_row_of(hits_, kHitColumns, block, [&](std::span<const std::int32_t> row) {
        const auto at = [&](std::size_t column) { return static_cast<std::uint32_t>(row[column]); };
        out.hits.push_back({at(1), at(2), at(3), at(4), at(5), at(6), at(7)});
    });
    each_row_of(forbidden_, kForbiddenColumns, block, [&](std::span<const std::int32_t> row) {
        out.forbidden.push_back({static_cast<std::uint32_t>(row[1]), row[2]});
    });
    return out;
}

BlockLabels StoredLabels::read(std::uint64_t block) const {
    BlockLabels out;
    const std::vector<text::TokenId> source = tokens(block);
    out.translation = read_translation(block, source.size());
    out.positions = labelled_positions(out.translation);
    out.rows.resize(static_cast<std::int64_t>(out.positions.size()), 0, top_k());
    const std::size_t k = top_k_;
    const auto numbers = [&](const char* name, std::size_t width) {
        return gather<float>(file_, name, block, out.positions, width);
    };
    out.rows.top_index = gather<std::int32_t>(file_, "/topk/index", block, out.positions, k);
    out.rows.top_baseline = numbers("/topk/baseline", k);
    out.rows.top_reinforced = numbers("/topk/reinforced", k);
    out.rows.lse_baseline = numbers("/lse/baseline", 1);
    out.rows.lse_reinforced = numbers("/lse/reinforced", 1);
    out.rows.mean_baseline = numbers("/mean/baseline", 1);
    for (std::size_t row = 0; row < out.positions.size(); ++row) {
        out.rows.baseline_argmax[row] = out.rows.top_index[row * k];
        if (out.rows.baseline_argmax[row] < 0) {
            fail(ErrorKind::kData, "block {}: position {} has a counterpart in /map but no entries in /topk", block,
                 out.positions[row]);
        }
    }
    return out;
}

}  // namespace nepenthe::unlearn
