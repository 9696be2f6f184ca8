#include "unlearn/relabel/labels.h"

#include "base/error.h"
#include "unlearn/relabel/label_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace nepenthe::unlearn {

namespace {

store::H5Reader open_labels(const std::filesystem::path& folder) {
    if (!std::filesystem::exists(folder / kLabelFile)) {
        fail(ErrorKind::kData, "{} holds no {}; give the folder that relabel published", folder.string(), kLabelFile);
    }
    return store::H5Reader(folder / kLabelFile, kLabelFormat);
}

std::vector<std::string> alphas_of(const store::H5Reader& file) {
    constexpr std::string_view kGroup = "/labels/";
    std::vector<std::string> names;
    for (const std::string& name : file.datasets()) {
        if (name.starts_with(kGroup)) names.push_back(name.substr(kGroup.size()));
    }
    return names;
}

// An attribute of text, or "".
std::string text_attribute(const Json& attributes, const char* name) {
    const Json value = attributes.value(name, Json());
    return value.is_string() ? value.get<std::string>() : "";
}

}  // namespace

std::string alpha_name(double alpha) { return fmt::format("{}", alpha); }

std::int64_t LabelRows::labelled() const {
    std::int64_t count = 0;
    for (const auto& row : labels)
        count += std::count_if(row.begin(), row.end(), [](auto label) { return label >= 0; });
    return count;
}

std::int64_t LabelRows::leave_out_unlabelled() {
    std::size_t kept = 0;
    for (std::size_t block = 0; block < ids.size(); ++block) {
        if (std::none_of(labels[block].begin(), labels[block].end(), [](auto label) { return label >= 0; })) continue;
        if (kept != block) {
            ids[kept] = std::move(ids[block]);
            labels[kept] = std::move(labels[block]);
            blocks[kept] = blocks[block];
        }
        ++kept;
    }
    const auto left_out = static_cast<std::int64_t>(ids.size() - kept);
    ids.resize(kept);
    labels.resize(kept);
    blocks.resize(kept);
    return left_out;
}

LabelRows read_labels(const std::filesystem::path& artefact_folder, const std::string& alpha) {
    const store::H5Reader file = open_labels(artefact_folder);
    if (!file.has("/labels/" + alpha)) {
        fail(ErrorKind::kUsage, "{} has no labels for alpha {}; it has {}", artefact_folder.string(), alpha,
             fmt::join(alphas_of(file), ", "));
    }
    const std::vector<std::uint64_t> shape = file.shape("/tokens");
    const std::vector<std::uint64_t> label_shape = file.shape("/labels/" + alpha);
    if (shape.size() != 2 || label_shape != shape) {
        fail(ErrorKind::kData, "{}: /tokens and /labels/{} must be tables of the same shape", artefact_folder.string(),
             alpha);
    }
    const auto tokens = file.read<std::int32_t>("/tokens");
    const auto labels = file.read<std::int32_t>("/labels/" + alpha);
    LabelRows rows;
    for (std::uint64_t block = 0; block < shape[0]; ++block) {
        const auto begin = static_cast<std::ptrdiff_t>(block * shape[1]);
        const auto row_end = tokens.begin() + begin + static_cast<std::ptrdiff_t>(shape[1]);
        const auto length = std::find(tokens.begin() + begin, row_end, -1) - (tokens.begin() + begin);
        rows.ids.emplace_back(tokens.begin() + begin, tokens.begin() + begin + length);
        rows.labels.emplace_back(labels.begin() + begin, labels.begin() + begin + length);
        rows.blocks.push_back(block);
    }
    return rows;
}

void check_labels_belong(const std::filesystem::path& artefact_folder, const std::string& baseline_digest,
                         const std::string& tokenizer_digest) {
    const Json attributes = open_labels(artefact_folder).attributes();
    Problems problems;
    const auto compare = [&](const char* name, const std::string& given, const char* what) {
        const std::string stored = text_attribute(attributes, name);
        if (!given.empty() && stored != given) {
            problems.add("the labels were made with another {} (digest {}, this one has {})", what,
                         stored.substr(0, 12), given.substr(0, 12));
        }
    };
    compare("baseline_digest", baseline_digest, "baseline model");
    compare("tokenizer_digest", tokenizer_digest, "tokenizer");
    problems.throw_if_any(ErrorKind::kData, artefact_folder.string() + " cannot be used here; run relabel again");
}

}  // namespace nepenthe::unlearn
