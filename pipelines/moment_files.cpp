#include "pipelines/moment_files.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <set>

namespace nepenthe::pipelines {

void MomentFiles::read(const std::string& option, const std::vector<std::filesystem::path>& paths,
                       const std::string& model_digest, const std::string& tokenizer_digest) {
    option_ = option;
    std::set<edit::MomentMap> held;
    for (const std::filesystem::path& path : paths) {
        const edit::MomentFile& file = files_.emplace_back(path);
        file.check_belongs(model_digest, tokenizer_digest, {});
        for (const edit::MomentMap& map : edit::moment_maps(file.claims().layers, file.widths())) {
            if (!held.insert(map).second)
                fail(ErrorKind::kData,
                     "--{} {}: another file of the list holds layer {} as well; nepenthe stats --merge adds them up",
                     option, path.string(), map.layer);
        }
    }
}

void MomentFiles::complete_key(store::ArtefactKey& key) const {
    for (std::size_t i = 0; i < files_.size(); ++i)
        key.inputs[fmt::format("{}:{}", option_, i)] = files_[i].content_digest();
}

const edit::MomentFile* MomentFiles::holder(const edit::MomentMap& map) const {
    const auto found = std::ranges::find_if(files_, [&](const edit::MomentFile& file) { return file.holds(map); });
    return found == files_.end() ? nullptr : &*found;
}

void MomentFiles::check_holds(const edit::MomentMap& map, const std::vector<model::LinearMap>& readers,
                              Problems& problems) const {
    if (empty() || holder(map) != nullptr) return;
    std::vector<std::string> names;
    for (const model::LinearMap& reader : readers) names.push_back(reader.name);
    problems.add("--{} lacks layer {}, input of {}, which {} read; nepenthe stats --maps all --layers … gathers it",
                 option_, map.layer, model::map_input_name(map.input), fmt::join(names, ", "));
}

at::Tensor MomentFiles::moment(const edit::MomentMap& map) const {
    return empty() ? at::Tensor() : holder(map)->moment(map);
}

}  // namespace nepenthe::pipelines
