#pragma once
// `evaluate`: tasks on one model by all ranks, per-item rows, results with numerator, denominator and interval.

#include "base/error.h"
#include "base/json.h"
#include "dist/comm.h"
#include "edit/facts/facts.h"
#include "evaluate/tofu_measures.h"
#include "model/decoder.h"
#include "text/tokenizer.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace nepenthe::evaluate {

// One number as it is shown: value = numerator / denominator (or a function of it, named by the metric).
struct Metric {
    std::string name;                                  // "acc", "acc_norm", "perplexity" …
    double value = 0, numerator = 0, denominator = 0;  // a value of nothing (denominator 0) is NaN
    double low = 0, high = 0;                          // 95 % interval; NaN where there is none: a single item
    bool higher_is_better = true;
    // {value, numerator, denominator, ci95}; null stands for NaN, and for a value beside its "reason".
    Json to_json() const;
};

// What a task could not measure, and so counts nowhere.
struct LeftOut {
    std::int64_t count = 0;
    std::string what;  // "facts without generation prompts"
};

// The same number behind every block of the model.
struct LayerMetric {
    std::string name;
    std::vector<Metric> layers;
};

struct TaskResult {
    std::string task;
    std::vector<Metric> metrics;
    std::vector<Json> items;  // one row an item, sorted by item id; the same on every rank
    std::vector<LeftOut> left_out = {};
    std::vector<LayerMetric> by_layer = {};
};

class DepthReference;  // depth_reference.h

struct EvaluateOptions {
    std::vector<std::string> tasks;  // see task_names()
    std::filesystem::path data;      // folder with the benchmark files (names in task_names())
    std::filesystem::path text;      // text file, folder or JSON Lines for `perplexity`
    std::filesystem::path wikitext;  // WikiText in its published line form; empty = data/wikitext2/test.txt
    std::int64_t limit = 0;          // first N items of each task, 0 = all (items: questions, prompts, pages, windows)
    std::int64_t window = 0;         // perplexity: tokens a window, 0 = the model's maximum, at most 2048
    std::filesystem::path familiarity_prompts;  // JSON for familiarity_probability
    std::filesystem::path completion_prompts;   // for familiarity_completion, fluency; empty = familiarity_prompts
    std::filesystem::path neighbour_prompts;    // JSON for neighbour_probability: what must stay known
    std::filesystem::path dictionary;           // anchor terms for familiarity_completion
    std::string prompt_form = "{}";             // how all these prompts are asked; {} is the prompt
    std::int64_t completions = 5;               // sampled completions a prompt (temperature 1, top 5)
    std::int64_t completion_tokens = 30;    // tokens of a completion, sampled or greedy; as the published evaluation
    std::filesystem::path facts;            // facts that were, or will be, edited …
    edit::FactOptions fact_options;         // … and how to read them (`limit` above counts)
    std::filesystem::path unrelated_facts;  // facts that no edit is about, for unrelated_facts
    std::filesystem::path reference_texts;  // for edit_generation; empty = no reference_consistency
    std::filesystem::path tofu;             // folder with TOFU's *_perturbed.json
    std::string tofu_forget = "forget10";   // forget01, forget05 or forget10
    std::string tofu_prompt = "{}";         // what stands before the answer; {} is the question
    TruthRatio tofu_truth_ratio = TruthRatio::kGeometric;  // the paper's; figures of the other form have other names
    std::int64_t answer_tokens = 128;                      // the most that are generated for an answer (TOFU)
    std::filesystem::path told;           // TOFU: a prompt bundle (IKE) whose contexts stand before the questions …
    std::filesystem::path encoder;        // … found by this sentence encoder …
    double told_above = -1;               // … where the cosine with the nearest told fact is not below this
    std::filesystem::path member_texts;   // membership: what is to be forgotten, as labelled_texts.h reads it …
    std::filesystem::path holdout_texts;  // … and the like that no model has seen
    // What stands before an answer, {} is the question; empty = the task's own form: membership's the question alone,
    // that of depth and logit_lens kProbeForm.
    std::string question_prompt;
    bool gradient_norm = false;         // membership: also by the norm of the loss's gradient
    std::filesystem::path probe_items;  // depth, logit_lens: beginnings and answers, as probe_files.h reads them
    // depth: what every model is measured against.
    std::shared_ptr<const DepthReference> depth_reference = nullptr;
    std::filesystem::path muse;  // folder with MUSE's files
    std::string muse_retrained;  // A of a retrained model for muse_privleak: news, books, a number; "" = none
    std::uint64_t seed = 0;

    // Everything that is wrong with these options for these tasks, at once (paths that are missing included).
    Problems validate() const;
};

// Names that `tasks` accepts, with a line of explanation each.
std::vector<std::pair<std::string, std::string>> task_names();

// Collective. Items are cut into blocks that do not depend on the rank count and dealt by token count; results are the
// same bytes on any number of ranks. Averages over tasks that belong together come last (summary_rows.h). `scratch` may
// be empty (no journal) or a folder (resumable).
std::vector<TaskResult> evaluate(const dist::Comm& comm, const model::Decoder& decoder,
                                 const text::Tokenizer& tokenizer, const EvaluateOptions& options,
                                 const std::filesystem::path& scratch);

// Paired comparison of two models on the same items: differences, intervals, p-values; JSON by task and metric.
Json compare(const std::vector<TaskResult>& before, const std::vector<TaskResult>& after);

// lm-evaluation-harness's layout: {"results": {task: {metric: {value, numerator, denominator, ci95}}}, …}. What was
// left out stands beside the number of items, "n-samples"; what tasks say of layers under "by_layer".
Json results_json(const std::vector<TaskResult>& results);

}  // namespace nepenthe::evaluate
