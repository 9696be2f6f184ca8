#include "pipelines/completion_judges.h"

#include "base/log.h"
#include "evaluate/completion_likelihood.h"
#include "pipelines/stage.h"
#include "text/tokenizer_digest.h"

#include <algorithm>
#include <utility>

namespace nepenthe::pipelines {

namespace {

constexpr const char* kMetric = "completion_nll";
constexpr const char* kRetrainedMetric = "completion_nll_retrained";

const evaluate::TaskResult* fluency_of(const NamedResults& model) {
    const auto found = std::ranges::find(model.results, "fluency", &evaluate::TaskResult::task);
    return found == model.results.end() ? nullptr : &*found;
}

}  // namespace

void CompletionJudges::declare(Options& options) {
    options.add("judge", judge_, "fluency: the model under which completions are likely or not; else the first model");
    options.add("retrained", retrained_, "a model that never read the corpus: second judge of fluency, and for depth");
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
    add("judge", kMetric, judge_.empty() ? models.front().path : judge_);
    if (!retrained_.empty()) add("retrained", kRetrainedMetric, retrained_);
    for (const NamedResults& model : earlier) {
        for (const auto& [role, metric] : {std::pair{"judge", kMetric}, {"retrained", kRetrainedMetric}}) {
            const evaluate::TaskResult* fluency = fluency_of(model);
            const std::string there = fluency == nullptr ? "" : evaluate::judge_of(*fluency, metric);
            const auto here = std::ranges::find(judges_, metric, &Judge::metric);
            if (there.empty() || (here != judges_.end() && here->digest == there)) continue;
            fail(ErrorKind::kUsage, "--compare-with: {} of {} was measured under {}; give that one as --{}", metric,
                 model.name,
                 here == judges_.end() ? "a model that is not named here" : "another model than " + here->path.string(),
                 role);
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
