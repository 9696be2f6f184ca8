#include "unlearn/attribution/mask_file.h"

#include "base/error.h"
#include "base/json_whole.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <bit>
#include <limits>
#include <set>

namespace nepenthe::unlearn {

namespace {

// Names become those of datasets.
void require_name(const std::string& name) {
    if (name.empty() || name.find('/') != std::string::npos || name == ".")
        fail(ErrorKind::kData, "\"{}\" is no name of a mask or a parameter", name);
}

MaskSelection selection_from_json(const Json& row, std::int64_t weights) {
    MaskSelection selection;
    row.at("name").get_to(selection.name);
    require_name(selection.name);
    selection.kept = json_whole<std::int64_t>(row.at("kept"));
    if (selection.kept < 0 || selection.kept > weights)
        fail(ErrorKind::kData, "{} of {} weights are kept", selection.kept, weights);
    if (!row.contains("share")) return selection;
    Cut& cut = selection.cut.emplace();
    cut.share = row.at("share").get<double>();
    cut.kept = selection.kept;
    const Json& threshold = row.at("threshold");
    cut.threshold = threshold.is_null() ? std::numeric_limits<float>::infinity() : threshold.get<float>();
    cut.ties = json_whole<std::int64_t>(row.at("ties"));
    cut.ties_kept = json_whole<std::int64_t>(row.at("ties_kept"));
    cut.ties_end = json_whole<std::int64_t>(row.at("ties_end"));
    return selection;
}

std::string shape_text(const CountedParameter& parameter) {
    return fmt::format("{} [{}]", parameter.name, fmt::join(parameter.shape, ", "));
}

std::string dataset_of(const MaskSelection& selection, const CountedParameter& parameter) {
    return fmt::format("/mask/{}/{}", selection.name, parameter.name);
}

}  // namespace

MaskFile::MaskFile(const std::filesystem::path& path) : path_(path.string()), file_(path, kMaskFormat) {
    try {
        read_tables();
        check_datasets();
    } catch (const Error& error) {
        throw error.with_context(path_);
    } catch (const Json::exception& error) {
        fail(ErrorKind::kData, "{}: {}", path_, error.what());
    }
}

void MaskFile::read_tables() {
    const Json attributes = file_.attributes();
    attributes.at("model_digest").get_to(claims_.model_digest);
    attributes.at("tokenizer_digest").get_to(claims_.tokenizer_digest);
    attributes.at("score").get_to(claims_.score);
    attributes.at("loss").get_to(claims_.loss);
    claims_.forget_items = json_whole<std::int64_t>(attributes.at("n_forget"));
    claims_.retain_items = json_whole<std::int64_t>(attributes.at("n_retain"));
    claims_.seed = json_whole<std::uint64_t>(attributes.at("seed"));
    if (attributes.contains("gamma_mean")) claims_.gamma = attributes.at("gamma_mean").get<double>();
    claims_.config = parse_json(attributes.at("config_json").get<std::string>(), "config_json");
    table_ = ParameterTable::from_json(parse_json(file_.read_text("/parameters"), "/parameters"));
    std::set<std::string> names;
    for (const CountedParameter& parameter : table_.parameters) {
        require_name(parameter.name);
        if (!names.insert(parameter.name).second) fail(ErrorKind::kData, "{} is listed twice", parameter.name);
    }
    names.clear();
    for (const Json& row : parse_json(file_.read_text("/selections"), "/selections")) {
        selections_.push_back(selection_from_json(row, table_.numel()));
        if (!names.insert(selections_.back().name).second)
            fail(ErrorKind::kData, "the mask {} is listed twice", selections_.back().name);
    }
    if (selections_.empty()) fail(ErrorKind::kData, "holds no mask");
}

void MaskFile::check_datasets() const {
    const auto check = [&](const std::string& name, store::H5Type type, std::int64_t rows) {
        if (file_.type(name) != type || file_.shape(name) != std::vector{static_cast<std::uint64_t>(rows)})
            fail(ErrorKind::kData, "{} does not fit its parameter, which has {} values of it", name, rows);
    };
    for (const CountedParameter& parameter : table_.parameters) {
        for (const MaskSelection& selection : selections_)
            check(dataset_of(selection, parameter), store::H5Type::kU8, PackedBits::bytes_for(parameter.numel));
        if (has_scores()) check("/scores/" + parameter.name, store::H5Type::kBF16, parameter.numel);
    }
}

const MaskSelection& MaskFile::selection(const std::string& name) const {
    if (name.empty() && selections_.size() == 1) return selections_.front();
    const auto found = std::ranges::find(selections_, name, &MaskSelection::name);
    if (found != selections_.end()) return *found;
    std::vector<std::string> names;
    for (const MaskSelection& selection : selections_) names.push_back(selection.name);
    fail(ErrorKind::kUsage, "{}: {}; it holds {}", path_,
         name.empty() ? "say which of its masks is meant" : fmt::format("there is no mask \"{}\"", name),
         fmt::join(names, ", "));
}

PackedBits MaskFile::bits(const MaskSelection& selection, std::size_t parameter, std::int64_t begin,
                          std::int64_t numel) const {
    const CountedParameter& whole = table_.parameters.at(parameter);
    NEPENTHE_CHECK(begin >= 0 && numel >= 0 && numel <= whole.numel - begin);
    if (numel == 0) return PackedBits(0);
    // The bytes around the range; in the last one of the parameter nothing may stand behind its weights.
    const std::int64_t first = begin / 8, behind = PackedBits::bytes_for(begin + numel);
    const std::int64_t read_bits = std::min(behind * 8, whole.numel) - first * 8;
    const PackedBits around(read_bits,
                            file_.read<std::uint8_t>(dataset_of(selection, whole), static_cast<std::uint64_t>(first),
                                                     static_cast<std::uint64_t>(behind - first)));
    return around.slice(begin - first * 8, numel);
}

PackedBits MaskFile::bits(const MaskSelection& selection, std::size_t parameter) const {
    return bits(selection, parameter, 0, table_.parameters.at(parameter).numel);
}

bool MaskFile::has_scores() const {
    return std::ranges::any_of(
        table_.parameters, [&](const CountedParameter& parameter) { return file_.has("/scores/" + parameter.name); });
}

std::vector<float> MaskFile::scores(std::size_t parameter) const {
    std::vector<float> values;
    for (const std::uint16_t bits : file_.read<std::uint16_t>("/scores/" + table_.parameters.at(parameter).name))
        values.push_back(std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16));
    return values;
}

void MaskFile::require_model(const ParameterTable& table, const std::string& model_digest,
                             const std::string& tokenizer_digest) const {
    const auto refuse = [&](const std::string& field, const std::string& here, const std::string& there) {
        fail(ErrorKind::kData, "{}: the masks are of another model: its {} is {}, this model's {}; make them anew",
             path_, field, here, there);
    };
    const std::size_t both = std::min(table_.parameters.size(), table.parameters.size());
    for (std::size_t i = 0; i < both; ++i) {
        const CountedParameter &mine = table_.parameters[i], &theirs = table.parameters[i];
        if (mine.name != theirs.name || mine.shape != theirs.shape)
            refuse(fmt::format("parameter {}", i), shape_text(mine), shape_text(theirs));
    }
    if (table_.parameters.size() != table.parameters.size())
        refuse("number of parameters", std::to_string(table_.parameters.size()),
               std::to_string(table.parameters.size()));
    if (claims_.model_digest != model_digest) refuse("model digest", claims_.model_digest, model_digest);
    if (claims_.tokenizer_digest != tokenizer_digest)
        refuse("tokenizer digest", claims_.tokenizer_digest, tokenizer_digest);
}

}  // namespace nepenthe::unlearn
