#include "unlearn/relabel/label_check.h"

#include "base/error.h"

#include <fmt/ranges.h>

#include <algorithm>

namespace nepenthe::unlearn {

namespace {

using Shape = std::vector<std::uint64_t>;

void require_shape(const store::H5Reader& file, const std::string& name, const Shape& wanted, Problems& problems) {
    if (!file.has(name)) {
        problems.add("{} is missing", name);
    } else if (const Shape shape = file.shape(name); shape != wanted) {
        problems.add("{} is [{}] instead of [{}]", name, fmt::join(shape, ", "), fmt::join(wanted, ", "));
    }
}

bool holds_one_value_a_position(const std::string& name) {
    return name == "/tokens" || name == "/map" || name.starts_with("/labels/") || name.starts_with("/margin/") ||
           name.starts_with("/certificate/") || name.starts_with("/lse/") || name.starts_with("/mean/");
}

// [blocks + 1], from 0 on, never falling, within the translated tokens.
std::vector<std::int64_t> read_offsets(const store::H5Reader& file, std::uint64_t blocks, Problems& problems) {
    const std::string name = "/translation/offsets", tokens = "/translation/tokens";
    require_shape(file, name, {blocks + 1}, problems);
    if (!problems.empty()) return {};
    std::vector<std::int64_t> offsets = file.read<std::int64_t>(name);
    const std::uint64_t rows = file.has(tokens) ? file.shape(tokens)[0] : 0;
    if (offsets.front() != 0 || !std::is_sorted(offsets.begin(), offsets.end()) ||
        static_cast<std::uint64_t>(offsets.back()) != rows) {
        problems.add("{} does not cut the {} rows of {} into blocks", name, rows, tokens);
    }
    return offsets;
}

void check_map(const store::H5Reader& file, const LabelShape& shape, const std::vector<std::int64_t>& offsets,
               Problems& problems) {
    for (std::uint64_t block = 0; block < shape.blocks; ++block) {
        const std::int64_t length = offsets[block + 1] - offsets[block];
        const auto map = file.read<std::int32_t>("/map", block, 1);
        if (std::ranges::any_of(map, [&](std::int32_t position) { return position < -1 || position >= length; })) {
            problems.add("/map points outside the translation of block {}", block);
        }
    }
}

}  // namespace

LabelShape check_label_file(const store::H5Reader& file, const std::string& path) {
    Problems problems;
    const Shape tokens = file.has("/tokens") ? file.shape("/tokens") : Shape{};
    const Shape top = file.has("/topk/index") ? file.shape("/topk/index") : Shape{};
    if (tokens.size() != 2) problems.add("/tokens is missing or no table");
    if (top.size() != 3 || top[2] == 0) problems.add("/topk/index is missing or no table of tables");
    problems.throw_if_any(ErrorKind::kData, path);
    const LabelShape shape{tokens[0], tokens[1], top[2]};
    for (const std::string& name : file.datasets()) {
        if (holds_one_value_a_position(name)) require_shape(file, name, tokens, problems);
    }
    for (const char* name : {"/map", "/lse/baseline", "/lse/reinforced", "/mean/baseline"})
        require_shape(file, name, tokens, problems);
    for (const char* name : {"/topk/index", "/topk/baseline", "/topk/reinforced"})
        require_shape(file, name, {shape.blocks, shape.length, shape.top_k}, problems);
    if (file.has("/anchors/forbidden") && file.shape("/anchors/forbidden").size() != 2)
        problems.add("/anchors/forbidden is no table");
    const std::vector<std::int64_t> offsets = read_offsets(file, shape.blocks, problems);
    if (problems.empty()) check_map(file, shape, offsets, problems);
    problems.throw_if_any(ErrorKind::kData, path);
    return shape;
}

std::vector<std::int32_t> read_anchor_hits(const store::H5Reader& file, const Dictionary& dictionary,
                                           std::uint64_t blocks, const std::string& path) {
    constexpr std::size_t kColumns = 8, kBlock = 0, kTerm = 5, kReplacement = 6;
    const std::string name = "/anchors/hits";
    if (!file.has(name)) return {};
    Problems problems;
    require_shape(file, name, {file.shape(name)[0], kColumns}, problems);
    problems.throw_if_any(ErrorKind::kData, path);
    std::vector<std::int32_t> hits = file.read<std::int32_t>(name);
    const auto within = [](std::int32_t index, std::uint64_t size) {
        return index >= 0 && static_cast<std::uint64_t>(index) < size;
    };
    for (std::size_t row = 0; row < hits.size(); row += kColumns) {
        const auto term = static_cast<std::size_t>(hits[row + kTerm]);
        if (!within(hits[row + kBlock], blocks) || !within(hits[row + kTerm], dictionary.entries.size()) ||
            !within(hits[row + kReplacement], dictionary.entries[term].replacements.size())) {
            fail(ErrorKind::kData, "{}: row {} of {} names a block, term or replacement that does not exist", path,
                 row / kColumns, name);
        }
    }
    return hits;
}

}  // namespace nepenthe::unlearn
