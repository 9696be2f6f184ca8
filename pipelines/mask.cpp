#include "dist/guard.h"
#include "pipelines/mask_density.h"
#include "pipelines/stage.h"
#include "store/published_files.h"
#include "unlearn/attribution/compose.h"

namespace nepenthe::pipelines {

namespace {

struct MaskStage {
    std::filesystem::path outputs = "outputs";
    unlearn::MaskOperation operation = unlearn::MaskOperation::kUnion;
    std::vector<unlearn::MaskFile> files;
    std::vector<unlearn::MaskSource> sources;  // of them
    store::ArtefactKey key;
};

// Collective. The options, the masks, whether they go together, and the key.
MaskStage prepare_mask(const dist::Comm& comm, const Arguments& arguments) {
    MaskStage stage;
    std::string operation, selection;
    std::vector<std::filesystem::path> masks;
    Options options("mask", "masks made of masks: which weights may move, by what several artefacts say",
                    "nepenthe mask --op intersect --masks outputs/attribute-…,outputs/attribute-… --selection 0.95");
    options.add("op", operation, {"union", "intersect", "invert"},
                "trainable where one of the masks says so, where all do, or where the one does not");
    options.add("masks", masks, "artefacts with masks of the same model: two or more, one to invert");
    options.add("selection", selection, "which mask of artefacts that hold several, by name (its share: 0.95)");
    options.add("outputs", stage.outputs, "folder for artefacts");
    options.require("op");
    options.require("masks");
    options.parse(arguments);
    stage.operation = unlearn::parse_mask_operation(operation);

    store::ArtefactKey& key = stage.key;
    key.stage = "mask";
    key.options = {{"op", operation}, {"selections", Json::array()}};
    for (std::size_t i = 0; i < masks.size(); ++i) {
        const store::Artefact artefact = store::verified_artefact(comm, masks[i]);
        key.inputs["mask:" + std::to_string(i)] = artefact.digest();
        dist::run_agreed(comm, "masks", [&] {
            const std::filesystem::path path = artefact.folder / unlearn::kMaskFile;
            if (!std::filesystem::exists(path))
                fail(ErrorKind::kData, "--masks {}: not an artefact with masks", masks[i].string());
            const unlearn::MaskFile& file = stage.files.emplace_back(path);
            const bool only = file.selections().size() == 1;
            const std::string name = file.selection(only ? "" : selection).name;
            key.options["selections"].push_back(name);
            stage.sources.push_back({nullptr, name, artefact.digest()});
        });
    }
    for (std::size_t i = 0; i < masks.size(); ++i) stage.sources[i].file = &stage.files[i];
    // Says what does not go together before anything is made.
    dist::run_agreed(comm, "masks", [&] { unlearn::composed_mask(comm, stage.operation, stage.sources); });
    return stage;
}

// Collective.
store::Artefact make_mask(const dist::Comm& comm, const MaskStage& stage) {
    if (auto existing = store::find_artefact(comm, stage.outputs, stage.key)) return *existing;
    store::ArtefactWriter writer(comm, stage.outputs, stage.key);
    const unlearn::WrittenMasks written = unlearn::write_mask_file(
        comm, writer.data_folder() / unlearn::kMaskFile, unlearn::composed_mask(comm, stage.operation, stage.sources));
    return writer.publish({{"density", written.density}}, {{unlearn::kMaskFile, written.digest}});
}

}  // namespace

store::ArtefactKey mask_key(const dist::Comm& comm, const Arguments& arguments) {
    return prepare_mask(comm, arguments).key;
}

Answer run_mask(const dist::Comm& comm, const Arguments& arguments) {
    const store::Artefact artefact = make_mask(comm, prepare_mask(comm, arguments));
    Answer answer = summary_answer(artefact, "mask");
    answer.text += density_text(answer.json["summary"].at("density"));
    return answer;
}

}  // namespace nepenthe::pipelines
