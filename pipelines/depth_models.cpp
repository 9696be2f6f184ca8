#include "pipelines/depth_models.h"

#include "base/hash.h"
#include "base/log.h"
#include "evaluate/depth_reference.h"
#include "pipelines/stage.h"
#include "text/tokenizer_digest.h"

#include <algorithm>
#include <utility>

namespace nepenthe::pipelines {

void DepthModels::declare(Options& options) {
    options.add("knowing", knowing_, "depth: the model that knows; else the first model");
}

void DepthModels::settle(const dist::Comm& comm, const std::vector<NamedPath>& models,
                         const std::filesystem::path& retrained, const std::vector<NamedResults>& earlier,
                         store::ArtefactKey& key) {
    if (retrained.empty()) {
        fail(ErrorKind::kUsage, "depth needs --retrained: a model that never learnt what is to be forgotten");
    }
    if (knowing_.empty()) knowing_ = models.front().path;
    retrained_ = retrained;
    Json both = Json::array();
    for (const auto& [role, path] : {std::pair{"knowing", knowing_}, {"retrained", retrained_}}) {
        key.inputs[role] = input_model_digest(comm, path);
        key.inputs["tokenizer:" + std::string(role)] = text::tokenizer_digest(path);
        both.push_back(key.inputs[role]);
    }
    id_ = sha256_hex(canonical_json(both));
    for (const NamedResults& model : earlier) {
        const auto depth = std::ranges::find(model.results, "depth", &evaluate::TaskResult::task);
        if (depth == model.results.end() || depth->items.empty() || depth->items.front().at("against") == id_) continue;
        fail(ErrorKind::kUsage,
             "--compare-with: the depth of {} was measured against other models than --knowing {} and --retrained {}",
             model.name, knowing_.string(), retrained_.string());
    }
}

std::shared_ptr<const evaluate::DepthReference> DepthModels::reference(const dist::Comm& comm,
                                                                       const CommonOptions& common,
                                                                       const evaluate::EvaluateOptions& options,
                                                                       const std::filesystem::path& scratch) const {
    if (id_.empty()) return nullptr;
    log_info("what {} lacks of what {} knows", retrained_.string(), knowing_.string());
    const auto load = [&](const std::filesystem::path& path) {
        return model::Decoder::load(path, common.compute(), common.torch_device(comm));
    };
    model::Decoder knowing = load(knowing_);
    const model::Decoder retrained = load(retrained_);
    const auto knowing_tokenizer = load_tokenizer(knowing_, knowing.config());
    const auto retrained_tokenizer = load_tokenizer(retrained_, retrained.config());
    return std::make_shared<const evaluate::DepthReference>(
        comm, evaluate::DepthReference::Pair{std::move(knowing), retrained, knowing_tokenizer, retrained_tokenizer},
        options, id_, scratch);
}

}  // namespace nepenthe::pipelines
