#include "pipelines/repair_moments.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <set>

namespace nepenthe::pipelines {

void RepairMomentFiles::read(const std::string& option, const std::vector<std::filesystem::path>& paths,
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

void RepairMomentFiles::complete_key(store::ArtefactKey& key) const {
    for (std::size_t i = 0; i < files_.size(); ++i)
        key.inputs[fmt::format("{}:{}", option_, i)] = files_[i].content_digest();
}

const edit::MomentFile* RepairMomentFiles::holder(const edit::MomentMap& map) const {
    const auto found = std::ranges::find_if(files_, [&](const edit::MomentFile& file) { return file.holds(map); });
    return found == files_.end() ? nullptr : &*found;
}

void RepairMomentFiles::check_holds(const std::vector<unlearn::MovedMaps>& moved, Problems& problems) const {
    if (empty()) return;
    for (const unlearn::MovedMaps& group : moved) {
        if (holder({group.layer, group.input}) != nullptr) continue;
        std::vector<std::string> names;
        for (const model::LinearMap& map : group.maps) names.push_back(map.name);
        problems.add("--{} lacks {}, which {} read; nepenthe stats --maps all --layers … gathers it", option_,
                     group.name(), fmt::join(names, ", "));
    }
}

at::Tensor RepairMomentFiles::moment(const unlearn::MovedMaps& maps) const {
    if (empty()) return {};
    const edit::MomentMap map{maps.layer, maps.input};
    return holder(map)->moment(map);
}

}  // namespace nepenthe::pipelines
