#include "pipelines/evaluation.h"

#include "dist/guard.h"
#include "evaluate/task_inputs.h"
#include "io/text.h"
#include "text/corpus.h"

#include <algorithm>

namespace nepenthe::pipelines {

namespace {

std::string number_text(double value) {
    return std::abs(value) >= 100 ? fmt::format("{:.1f}", value) : fmt::format("{:.4f}", value);
}

}  // namespace

std::vector<NamedPath> named_paths(const std::vector<std::string>& words, const std::filesystem::path& base_folder) {
    std::vector<NamedPath> paths;
    for (const std::string& word : words) {
        const std::size_t equals = word.find('=');
        if (equals == std::string::npos) {
            const std::filesystem::path path = base_folder / word;
            paths.push_back({(path.has_filename() ? path : path.parent_path()).filename().string(), path});
        } else {
            paths.push_back({word.substr(0, equals), base_folder / word.substr(equals + 1)});
        }
    }
    return paths;
}

void Evaluation::declare(Options& table) {
    table.add("tasks", options.tasks, "names, comma-separated; --list-tasks explains them");
    table.add("data", options.data, "folder with the benchmark files");
    table.add("texts", text_words_, "perplexity of these texts: name=path, comma-separated");
    table.add("wikitext", options.wikitext, "WikiText in its published line form");
    table.add("limit", options.limit, "first N items of each task; 0 = all");
    table.add("window", options.window, "tokens a perplexity window; 0 = the model's maximum, at most 2048");
    table.add("familiarity-prompts", options.familiarity_prompts, "JSON for familiarity_probability");
    table.add("completion-prompts", options.completion_prompts, "JSON for familiarity_completion");
    table.add("neighbour-prompts", options.neighbour_prompts, "JSON for neighbour_probability");
    table.add("dictionary", options.dictionary, "anchor terms for familiarity_completion");
    table.add("completions", options.completions, "sampled completions a prompt");
    table.add("completion-tokens", options.completion_tokens, "tokens a completion");
    table.add("facts", options.facts, "facts for counterfact, zsre, easyedit");
    table.add("fact-format", fact_format_, "auto, jsonl, counterfact, counterfact-easyedit, zsre, tofu");
    table.add("fact-prompt", options.fact_options.prompt_form,
              "what every prompt of a fact is put into; {} is the prompt");
    table.add("zsre-convention", zsre_, "new targets of zsRE: rome (the answer) or easyedit (alt)");
    table.add("target", target_, "new targets of TOFU: dummy, incorrect, avoidant");
    table.add("reference-texts", options.reference_texts,
              "edit_generation: texts about targets (attribute_snippets.json)");
    table.add("unrelated-facts", options.unrelated_facts, "facts that no edit is about");
    table.add("tofu", options.tofu, "folder with TOFU's *_perturbed.json");
    table.add("tofu-forget", options.tofu_forget, "forget01, forget05 or forget10");
    table.add("tofu-prompt", options.tofu_prompt, "what stands before TOFU's answers; {} is the question");
    table.add("told", options.told, "TOFU: prompt bundle (edit --method ike) that stands before the questions");
    table.add("encoder", options.encoder, "sentence encoder that finds a question's context in the bundle");
    table.add("told-above", options.told_above, "smallest cosine with a told fact that brings its context");
    table.add("answer-tokens", options.answer_tokens, "the most tokens of an answer (TOFU)");
    table.add("skip-bad", options.fact_options.skip_bad, "leave bad facts out");
}

void Evaluation::finish(const std::filesystem::path& base_folder, std::uint64_t seed) {
    options.seed = seed;
    options.fact_options.format = edit::parse_fact_format(fact_format_);
    options.fact_options.zsre = edit::parse_zsre_convention(zsre_);
    options.fact_options.unlearning = edit::parse_unlearning_target(target_);
    texts = named_paths(text_words_, base_folder);
    Problems problems = options.validate();
    if (options.tasks.empty() && texts.empty()) problems.add("nothing to measure: give --tasks or --texts");
    for (const NamedPath& text : texts) {
        if (!std::filesystem::exists(text.path))
            problems.add("--texts {}: {} is not there", text.name, text.path.string());
    }
    problems.throw_if_any(ErrorKind::kUsage, "options");
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

Json Evaluation::key(const dist::Comm& comm) const {
    Json key = {
        {"tasks", options.tasks},
        {"limit", options.limit},
        {"window", options.window},
        {"seed", options.seed},
        {"completions", options.completions},
        {"completion_tokens", options.completion_tokens},
        {"facts", {fact_format_, zsre_, target_, options.fact_options.skip_bad, options.fact_options.prompt_form}},
        {"tofu", {options.tofu_forget, options.tofu_prompt, options.answer_tokens}}};
    key["told_above"] = options.told_above;
    std::string digests;
    dist::run_agreed(comm, "inputs of the tasks", [&] {
        if (!comm.is_root()) return;
        Json inputs = evaluate::task_inputs(options);
        inputs["texts"] = Json::array();
        for (const NamedPath& text : texts)
            inputs["texts"].push_back({text.name, text::documents_digest(io::read_documents(text.path))});
        digests = canonical_json(inputs);
    });
    comm.broadcast(digests);
    key["inputs"] = parse_json(digests, "digests of inputs");
    return key;
}

std::string comparison_table(const std::vector<NamedResults>& models) {
    std::vector<std::vector<std::string>> rows{{"task", "metric"}};
    for (const NamedResults& model : models) rows[0].push_back(model.name);
    for (std::size_t task = 0; task < models.front().results.size(); ++task) {
        const auto& first = models.front().results[task];
        for (std::size_t metric = 0; metric < first.metrics.size(); ++metric) {
            std::vector<std::string> row{first.task, first.metrics[metric].name};
            for (const NamedResults& model : models) {
                const evaluate::Metric& value = model.results[task].metrics[metric];
                row.push_back(std::isnan(value.low) ? number_text(value.value)
                                                    : fmt::format("{} [{}, {}]", number_text(value.value),
                                                                  number_text(value.low), number_text(value.high)));
            }
            rows.push_back(std::move(row));
        }
    }
    std::vector<std::size_t> widths(rows[0].size());
    for (const auto& row : rows) {
        for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
    }
    std::string text;
    for (const auto& row : rows) {
        for (std::size_t i = 0; i < row.size(); ++i) text += fmt::format("{:<{}}", row[i], widths[i] + 2);
        text.erase(text.find_last_not_of(' ') + 1);
        text += "\n";
    }
    return text;
}

}  // namespace nepenthe::pipelines
