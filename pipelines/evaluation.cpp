#include "pipelines/evaluation.h"

#include "dist/guard.h"
#include "evaluate/metric.h"
#include "evaluate/task_inputs.h"
#include "io/text.h"
#include "pipelines/chat_word.h"
#include "pipelines/evaluation_reads.h"
#include "text/corpus.h"

#include <algorithm>
#include <utility>

namespace nepenthe::pipelines {

namespace {

// The forms that prompts and questions are put into, by their options' names.
std::vector<std::pair<const char*, std::string*>> prompt_forms(evaluate::EvaluateOptions& options) {
    return {{"prompt-form", &options.prompt_form},
            {"question-prompt", &options.question_prompt},
            {"tofu-prompt", &options.tofu_prompt},
            {"fact-prompt", &options.fact_options.prompt_form}};
}

}  // namespace

void Evaluation::declare(Options& table) {
    table.add("tasks", options.tasks, "names, comma-separated; --list-tasks explains them");
    table.add("data", options.data, "folder with the benchmark files");
    table.add("texts", texts, "perplexity of these texts: NAME=PATH, or a path alone; a list");
    table.add("wikitext", options.wikitext, "WikiText in its published line form");
    table.add("limit", options.limit, "first N items of each task; 0 = all", 0);
    table.add("window", options.window, "tokens a perplexity window; 0 = the model's maximum, at most 2048", 0);
    table.add("familiarity-prompts", options.familiarity_prompts, "JSON for familiarity_probability");
    table.add("completion-prompts", options.completion_prompts, "prompts for familiarity_completion and fluency");
    table.add("neighbour-prompts", options.neighbour_prompts, "JSON for neighbour_probability");
    table.add("prompt-form", options.prompt_form, "how all these prompts are asked; {} is the prompt, chat: a chat");
    table.add("dictionary", options.dictionary, "anchor terms for familiarity_completion");
    table.add("completions", options.completions, "sampled completions a prompt", 1);
    table.add("completion-tokens", options.completion_tokens, "tokens a completion", 1);
    table.add("facts", options.facts, "facts for counterfact, zsre, easyedit");
    fact_words_.declare(table, options.fact_options);
    table.add("reference-texts", options.reference_texts,
              "edit_generation: texts about targets (attribute_snippets.json)");
    table.add("unrelated-facts", options.unrelated_facts, "facts that no edit is about");
    table.add("tofu", options.tofu, "folder with TOFU's *_perturbed.json");
    table.add("tofu-forget", options.tofu_forget, {"forget01", "forget05", "forget10"}, "TOFU's forget set");
    table.add("tofu-prompt", options.tofu_prompt, "what stands before TOFU's answers; {} is the question");
    table.add("tofu-truth-ratio", truth_ratio_, {"geometric", "arithmetic"},
              "means of false answers' probabilities: the paper's, or that of version 1");
    table.add("told", options.told, "TOFU: prompt bundle (edit --method ike) that stands before the questions");
    table.add("encoder", options.encoder, "sentence encoder that finds a question's context in the bundle");
    table.add("told-above", options.told_above, "smallest cosine with a told fact that brings its context");
    table.add("answer-tokens", options.answer_tokens, "the most tokens of an answer (TOFU)", 1);
    table.add("member-texts", options.member_texts, "membership: what is to be forgotten; texts, or JSON Lines");
    table.add("holdout-texts", options.holdout_texts, "membership: the like that the model has not seen");
    table.add("muse", options.muse, "folder with MUSE's verbmem, knowmem and privleak");
    table.add("muse-retrained", options.muse_retrained,
              "A of a retrained model, for muse_privleak: news, books (published), or a number");
    table.add("question-prompt", options.question_prompt,
              "what stands before answers of membership, depth and logit_lens; {} is the question");
    table.add("gradient-norm", options.gradient_norm, "membership: also by the norms of the losses' gradients");
    table.add("probe-items", options.probe_items, "depth, logit_lens: questions and the answers' entities");
}

void Evaluation::finish(const Options& table, std::uint64_t seed) {
    options.seed = seed;
    fact_words_.finish(options.fact_options);
    options.tofu_truth_ratio = evaluate::parse_truth_ratio(truth_ratio_);
    evaluate::EvaluateOptions checked = options;
    for (const auto& [name, form] : prompt_forms(checked)) {
        if (is_chat_word(*form)) *form = "{}";  // a form once the model is known
    }
    Problems problems = checked.validate();
    check_tasks_read(table, options.tasks, !texts.empty(), problems);
    if (options.tasks.empty() && texts.empty()) problems.add("nothing to measure: give --tasks or --texts");
    for (const NamedPath& text : texts) {
        if (!std::filesystem::exists(text.path))
            problems.add("--texts {}: {} is not there", text.name, text.path.string());
    }
    problems.throw_if_any(ErrorKind::kUsage, "options");
}

Evaluation Evaluation::asked_of(const std::filesystem::path& folder) const {
    Evaluation asked = *this;
    for (const auto& [name, form] : prompt_forms(asked.options)) {
        if (!is_chat_word(*form)) continue;
        resolve_prompt_form(*form, folder);
        asked.chat_forms[name] = *form;
    }
    return asked;
}

std::vector<evaluate::TaskResult> Evaluation::measure(const dist::Comm& comm, const model::Decoder& decoder,
                                                      const text::Tokenizer& tokenizer,
                                                      const std::filesystem::path& scratch) const {
    std::vector<evaluate::TaskResult> results;
    if (!options.tasks.empty()) {
        results = evaluate::evaluate(comm, decoder, tokenizer, options, scratch.empty() ? scratch : scratch / "tasks");
    }
    for (const NamedPath& text : texts) {
        evaluate::EvaluateOptions one = options;
        one.tasks = {"perplexity"};
        one.text = text.path;
        auto part = evaluate::evaluate(comm, decoder, tokenizer, one,
                                       scratch.empty() ? scratch : scratch / ("text-" + text.name));
        part.front().task += ":" + text.name;
        results.push_back(std::move(part.front()));
    }
    return results;
}

double metric_value(const std::vector<evaluate::TaskResult>& results, std::string_view task, std::string_view metric) {
    for (const evaluate::TaskResult& result : results) {
        if (result.task != task) continue;
        for (const evaluate::Metric& item : result.metrics) {
            if (item.name == metric) return item.value;
        }
    }
    fail(ErrorKind::kInternal, "{} has no {}", task, metric);
}

Json Evaluation::key(const dist::Comm& comm) const {
    Json key = {{"tasks", options.tasks},
                {"limit", options.limit},
                {"window", options.window},
                {"seed", options.seed},
                {"completions", options.completions},
                {"completion_tokens", options.completion_tokens},
                {"facts",
                 {fact_words_.format, fact_words_.zsre, fact_words_.target, options.fact_options.skip_bad,
                  options.fact_options.prompt_form}},
                {"tofu", {options.tofu_forget, options.tofu_prompt, options.answer_tokens, truth_ratio_}},
                {"metric_versions", evaluate::changed_metric_versions()}};
    key["told_above"] = options.told_above;
    key["question_prompt"] = options.question_prompt;
    key["prompt_form"] = options.prompt_form;
    key["gradient_norm"] = options.gradient_norm;
    key["muse_retrained"] = options.muse_retrained;
    std::string digests;
    dist::run_agreed(comm, "inputs of the tasks", [&] {
        if (!comm.is_root()) return;
        Json inputs = evaluate::task_inputs(options);
        inputs["texts"] = Json::array();
        for (const NamedPath& text : texts)
            inputs["texts"].push_back({text.name, text::documents_digest(io::read_documents({text.path}).texts)});
        digests = canonical_json(inputs);
    });
    comm.broadcast(digests);
    key["inputs"] = parse_json(digests, "digests of inputs");
    return key;
}

}  // namespace nepenthe::pipelines
