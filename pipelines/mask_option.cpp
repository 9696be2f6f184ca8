#include "pipelines/mask_option.h"

#include "dist/guard.h"
#include "pipelines/stage.h"
#include "unlearn/attribution/mask_file.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>

namespace nepenthe::pipelines {

namespace {

// A mask file, and where each parameter stands in it.
struct OpenMask {
    unlearn::MaskFile file;
    unlearn::MaskSelection selection;
    std::map<std::string, std::size_t> places;
};

}  // namespace

void MaskOption::declare(Options& options) {
    options.add("mask", folder_, "artefact of attribute or mask: which weights may move; default: all");
    options.add("selection", selection_, "which of its masks, by name (its share: 0.95)");
}

void MaskOption::finish(const Options& options, Problems& problems) const {
    if (folder_.empty()) options.refuse_unread({"selection"}, "with --mask", problems);
}

void MaskOption::complete_key(const dist::Comm& comm, store::ArtefactKey& key) {
    if (folder_.empty()) return;
    key.inputs["mask"] = input_artefact_digest(comm, folder_);
    dist::run_agreed(comm, "mask", [&] {
        const std::filesystem::path path = folder_ / unlearn::kMaskFile;
        if (!std::filesystem::exists(path))
            fail(ErrorKind::kData, "--mask {}: not an artefact with masks", folder_.string());
        selection_ = unlearn::MaskFile(path).selection(selection_).name;
    });
    key.options["mask_selection"] = selection_;
}

train::MovingWeights MaskOption::moving(const dist::Comm& comm, const model::Decoder& decoder,
                                        const store::ArtefactKey& key) const {
    if (folder_.empty()) return {};
    std::shared_ptr<OpenMask> mask;
    dist::run_agreed(comm, "mask", [&] {
        unlearn::MaskFile file(folder_ / unlearn::kMaskFile);
        const auto of_key = [&](const char* role) {
            const auto found = key.inputs.find(role);
            return found == key.inputs.end() ? std::string() : found->second;
        };
        file.require_model(unlearn::parameter_table(decoder), of_key("model"), of_key("tokenizer"));
        const unlearn::MaskSelection selection = file.selection(selection_);
        if (selection.kept == 0) {
            fail(ErrorKind::kData, "--mask {}: \"{}\" lets no weight move", folder_.string(), selection.name);
        }
        mask = std::make_shared<OpenMask>(OpenMask{std::move(file), selection, {}});
        const auto& parameters = mask->file.table().parameters;
        for (std::size_t i = 0; i < parameters.size(); ++i) mask->places[parameters[i].name] = i;
    });
    train::MovingWeights moving;
    moving.digest = key.inputs.at("mask") + ":" + selection_;
    moving.read = [mask](const std::string& parameter, std::int64_t begin, std::span<std::uint8_t> moves) {
        const unlearn::PackedBits bits =
            mask->file.bits(mask->selection, mask->places.at(parameter), begin, std::ssize(moves));
        for (std::size_t i = 0; i < moves.size(); ++i) moves[i] = bits.get(static_cast<std::int64_t>(i)) ? 1 : 0;
    };
    return moving;
}

}  // namespace nepenthe::pipelines
