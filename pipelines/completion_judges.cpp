#include "pipelines/completion_judges.h"

#include "base/log.h"
#include "evaluate/completion_likelihood.h"
#include "pipelines/stage.h"
#include "text/tokenizer_digest.h"

#include <algorithm>

namespace nepenthe::pipelines {

namespace {

const evaluate::TaskResult* fluency_of(const NamedResults& model) {
    const auto found = std::ranges::find(model.results, "fluency", &evaluate::TaskResult::task);
    return found == model.results.end() ? nullptr : &*found;
}

}  // namespace

void CompletionJudges::declare(Options& options) {
    options.add("judge", judge_, "fluency: the model under which completions are likely or not; else the first model");
    options.add("retrained", retrained_, "fluency: a model that never read the corpus, a second judge");
}

void CompletionJudges::settle(const dist::Comm& comm, const std::vector<NamedPath>& models,
                              const std::vector<NamedResults>& earlier, store::ArtefactKey& key) {
    const auto add = [&](const char* role, const char* metric, const std::filesystem::path& path) {
        const auto same = std::ranges::find(models, path, &NamedPath::path);
        const std::string digest =
            same == models.end() ? input_model_digest(comm, path) : key.inputs.at("model:" + same->name);
        judges_.push_back({metric, digest, path});
        key.inputs[role] = digest;
        key.inputs["tokenizer:" + std::string(role)] = text::tokenizer_digest(path);
    };
    add("judge", "completion_nll", judge_.empty() ? models.front().path : judge_);
    if (!retrained_.empty()) add("retrained", "completion_nll_retrained", retrained_);
    for (const NamedResults& model : earlier) {
        const evaluate::TaskResult* fluency = fluency_of(model);
        for (const Judge& judge : judges_) {
            const std::string there = fluency == nullptr ? "" : evaluate::judge_of(*fluency, judge.metric);
            if (there.empty() || there == judge.digest) continue;
            fail(ErrorKind::kUsage,
                 "--compare-with: {} of {} was measured under another model than {}; give that one as --{}",
                 judge.metric, model.name, judge.path.string(),
                 judge.metric == "completion_nll" ? "judge" : "retrained");
        }
    }
}

void CompletionJudges::judge(const dist::Comm& comm, const CommonOptions& common, const store::ArtefactKey& key,
                             const std::filesystem::path& scratch, std::vector<NamedResults>& measured) const {
    for (const Judge& judge : judges_) {
        log_info("judging completions by {}", judge.path.string());
        const auto decoder = model::Decoder::load(judge.path, common.compute(), common.torch_device(comm));
        const auto tokenizer = load_tokenizer(judge.path, decoder.config());
        for (NamedResults& model : measured) {
            const auto fluency = std::ranges::find(model.results, "fluency", &evaluate::TaskResult::task);
            evaluate::judge_completions(comm, {judge.metric, judge.digest, decoder, tokenizer},
                                        key.inputs.at("tokenizer:" + model.name), *fluency,
                                        scratch / judge.metric / model.name);
        }
    }
}

}  // namespace nepenthe::pipelines
