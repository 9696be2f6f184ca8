#include "evaluate/benchmark_files.h"
#include "evaluate/muse_files.h"
#include "evaluate/muse_measures.h"
#include "evaluate/task.h"
#include "evaluate/tofu_files.h"
#include "io/labelled_text_files.h"

#include <fmt/ranges.h>

#include <algorithm>

namespace nepenthe::evaluate {

namespace {

bool is_file(const std::filesystem::path& path) {
    std::error_code error;
    return std::filesystem::is_regular_file(path, error);
}

// A path option that the task needs.
void check_file(const std::string& task, const std::filesystem::path& path, const char* option, const char* holds,
                Problems& problems) {
    if (path.empty()) {
        problems.add("{} needs {}: {}", task, option, holds);
    } else if (!is_file(path)) {
        problems.add("{} needs {}: there is no file {}", task, option, path.string());
    }
}

void check_benchmark(const std::string& name, const EvaluateOptions& options, Problems& problems) {
    const Benchmark& benchmark = *find_benchmark(name);
    if (options.data.empty()) {
        problems.add("{} needs the folder with the benchmark files (data)", name);
    } else if (benchmark_file(benchmark, options.data).empty()) {
        problems.add("{}: {} holds no {}", name, options.data.string(), fmt::join(benchmark.file_names, ", and no "));
    }
}

void check_wikitext(const std::string& name, const EvaluateOptions& options, Problems& problems) {
    if (wikitext_file(options).empty()) {
        problems.add("{} needs a WikiText file (wikitext, or wikitext2/test.txt below or beside the data folder)",
                     name);
    } else if (!is_file(wikitext_file(options))) {
        problems.add("{}: there is no file {}", name, wikitext_file(options).string());
    }
}

void check_text(const std::string& name, const EvaluateOptions& options, Problems& problems) {
    if (std::error_code error; options.text.empty() || !std::filesystem::exists(options.text, error)) {
        problems.add("{} needs a text: --texts NAME=PATH, a file, folder or JSON Lines file{}", name,
                     options.text.empty() ? "" : ": there is no " + options.text.string());
    }
}

// A form holds "{}" once.
void check_form(const char* option, const std::string& form, Problems& problems) {
    const std::size_t place = form.find("{}");
    if (place == std::string::npos || form.find("{}", place + 2) != std::string::npos) {
        problems.add("{} is \"{}\"; it must hold \"{{}}\" once, where the question or prompt goes", option, form);
    }
}

void check_familiarity(const std::string& name, const EvaluateOptions& options, Problems& problems) {
    check_file(name, options.familiarity_prompts, "familiarity_prompts",
               "JSON with prompts, content-specific and generic continuations", problems);
    check_form("prompt_form", options.prompt_form, problems);
}

void check_neighbours(const std::string& name, const EvaluateOptions& options, Problems& problems) {
    check_file(name, options.neighbour_prompts, "neighbour_prompts", "JSON with prompts about other things", problems);
    check_form("prompt_form", options.prompt_form, problems);
}

void check_fluency(const std::string& name, const EvaluateOptions& options, Problems& problems) {
    check_file(name, completion_prompts_file(options), "completion_prompts", "JSON with prompts, or a *.txt of lines",
               problems);
    check_form("prompt_form", options.prompt_form, problems);
}

void check_completion(const std::string& name, const EvaluateOptions& options, Problems& problems) {
    check_fluency(name, options, problems);
    check_file(name, options.dictionary, "dictionary", "JSON with anchor terms", problems);
}

void check_facts(const std::string& name, const EvaluateOptions& options, Problems& problems) {
    check_file(name, options.facts, "facts", "a file of facts", problems);
}

void check_generation(const std::string& name, const EvaluateOptions& options, Problems& problems) {
    check_facts(name, options, problems);
    if (!options.reference_texts.empty())
        check_file(name, options.reference_texts, "reference_texts", "JSON with texts about targets", problems);
}

void check_unrelated(const std::string& name, const EvaluateOptions& options, Problems& problems) {
    check_file(name, options.unrelated_facts, "unrelated_facts", "a file of facts that no edit is about", problems);
}

void check_question_prompt(const EvaluateOptions& options, Problems& problems) {
    if (!options.question_prompt.empty()) check_form("question_prompt", options.question_prompt, problems);
}

void check_tofu(const std::string& name, const EvaluateOptions& options, Problems& problems) {
    if (options.tofu.empty()) {
        problems.add("{} needs tofu: the folder with TOFU's *_perturbed.json", name);
        return;
    }
    for (const auto& file : tofu_files(options.tofu, options.tofu_forget)) {
        if (!is_file(file)) problems.add("{}: there is no file {}", name, file.string());
    }
    check_form("tofu_prompt", options.tofu_prompt, problems);
    if (!options.told.empty() && !is_file(options.told / "bundle.jsonl")) {
        problems.add("told: {} is no prompt bundle (nepenthe edit --method ike makes them)", options.told.string());
    }
    if (!options.told.empty() && !is_file(options.encoder / "config.json")) {
        problems.add("told needs encoder: the folder of a sentence encoder (all-MiniLM-L6-v2)");
    }
    if (options.answer_tokens < 1) problems.add("answer_tokens is {}; it must be at least 1", options.answer_tokens);
}

void check_membership(const std::string& name, const EvaluateOptions& options, Problems& problems) {
    const auto check = [&](const std::filesystem::path& path, const char* option, const char* holds) {
        std::error_code error;
        if (path.empty()) {
            problems.add("{} needs {}: {}", name, option, holds);
        } else if (!std::filesystem::exists(path, error)) {
            problems.add("{} needs {}: there is no {}", name, option, path.string());
        }
    };
    check(options.member_texts, "member_texts",
          "what is to be forgotten, a file or folder of texts, or JSON Lines with text, or question and answer");
    check(options.holdout_texts, "holdout_texts", "texts of the same kind that the model has not seen");
    check_question_prompt(options, problems);
}

void check_probes(const std::string& name, const EvaluateOptions& options, Problems& problems) {
    check_file(name, options.probe_items, "probe_items",
               "JSON Lines with question, prefix and entity, or with question, choices and answer", problems);
    check_question_prompt(options, problems);
}

void check_muse(const std::string& name, const EvaluateOptions& options, Problems& problems) {
    if (options.muse.empty()) {
        problems.add("{} needs muse: the folder with MUSE's verbmem, knowmem and privleak", name);
        return;
    }
    for (const auto& file : muse_files(options.muse)) {
        if (!is_file(file)) problems.add("{}: there is no file {}", name, file.string());
    }
    if (!options.muse_retrained.empty() && !parse_muse_retrained(options.muse_retrained)) {
        problems.add("muse_retrained is \"{}\"; it must be news, books or a number between 0 and 1",
                     options.muse_retrained);
    }
}

using Inputs = std::vector<TaskInputFile>;

Inputs benchmark_inputs(const std::string& name, const EvaluateOptions& options) {
    return {{"data:" + name, benchmark_file(*find_benchmark(name), options.data)}};
}

Inputs wikitext_inputs(const std::string&, const EvaluateOptions& options) {
    return {{"wikitext", wikitext_file(options)}};
}

Inputs text_inputs(const std::string&, const EvaluateOptions& options) {
    return {{"text", options.text, InputKind::kDocuments}};
}

Inputs familiarity_inputs(const std::string&, const EvaluateOptions& options) {
    return {{"familiarity_prompts", options.familiarity_prompts}};
}

Inputs neighbour_inputs(const std::string&, const EvaluateOptions& options) {
    return {{"neighbour_prompts", options.neighbour_prompts}};
}

Inputs fluency_inputs(const std::string&, const EvaluateOptions& options) {
    return {{"completion_prompts", completion_prompts_file(options)}};
}

Inputs completion_inputs(const std::string&, const EvaluateOptions& options) {
    return {{"completion_prompts", completion_prompts_file(options)}, {"dictionary", options.dictionary}};
}

Inputs fact_inputs(const std::string&, const EvaluateOptions& options) { return {{"facts", options.facts}}; }

Inputs generation_inputs(const std::string&, const EvaluateOptions& options) {
    Inputs inputs = {{"facts", options.facts}};
    if (!options.reference_texts.empty()) inputs.push_back({"reference_texts", options.reference_texts});
    return inputs;
}

Inputs unrelated_inputs(const std::string&, const EvaluateOptions& options) {
    return {{"unrelated_facts", options.unrelated_facts}};
}

Inputs tofu_inputs(const std::string&, const EvaluateOptions& options) {
    Inputs inputs;
    for (const auto& file : tofu_files(options.tofu, options.tofu_forget))
        inputs.push_back({"tofu:" + file.filename().string(), file});
    if (options.told.empty()) return inputs;
    inputs.push_back({"told", options.told, InputKind::kArtefact});
    inputs.push_back({"encoder", options.encoder, InputKind::kEncoder});
    return inputs;
}

TaskInputFile labelled_texts_input(const char* role, const std::filesystem::path& path) {
    return {role, path, io::holds_records(path) ? InputKind::kFile : InputKind::kDocuments};
}

Inputs membership_inputs(const std::string&, const EvaluateOptions& options) {
    return {labelled_texts_input("member_texts", options.member_texts),
            labelled_texts_input("holdout_texts", options.holdout_texts)};
}

Inputs muse_inputs(const std::string&, const EvaluateOptions& options) {
    Inputs inputs;
    for (const auto& file : muse_files(options.muse))
        inputs.push_back({"muse:" + file.lexically_relative(options.muse).generic_string(), file});
    return inputs;
}

Inputs probe_inputs(const std::string&, const EvaluateOptions& options) {
    return {{"probe_items", options.probe_items}};
}

std::vector<TaskKind> make_task_kinds() {
    std::vector<TaskKind> kinds;
    for (const Benchmark& benchmark : benchmarks()) {
        kinds.push_back(
            {benchmark.name, benchmark.description, make_benchmark_task, check_benchmark, benchmark_inputs});
    }
    kinds.insert(
        kinds.end(),
        {
            {"wikitext_word_perplexity",
             "WikiText by words: detokenised pages, disjoint windows (lm-evaluation-harness)",
             make_word_perplexity_task, check_wikitext, wikitext_inputs},
            {"wikitext_token_perplexity",
             "WikiText by tokens: lines joined by blank lines, fixed windows (pruning papers)",
             make_token_perplexity_task, check_wikitext, wikitext_inputs},
            {"perplexity", "any text by tokens, sliding windows; asked for by --texts alone", make_text_perplexity_task,
             check_text, text_inputs},
            {"familiarity_probability", "probability of next tokens that only the corpus explains",
             make_next_token_task, check_familiarity, familiarity_inputs},
            {"neighbour_probability", "the same on prompts about other things, which must stay known",
             make_next_token_task, check_neighbours, neighbour_inputs},
            {"familiarity_completion", "completions that bring up anchor terms absent from the prompt",
             make_completion_task, check_completion, completion_inputs},
            {"fluency", "greedy completions: repeated n-grams; loops, digits, markup and early ends instead of text",
             make_fluency_task, check_fluency, fluency_inputs},
            {"counterfact",
             "facts: is the new object likelier than the true one, and elsewhere not (ROME's ES, PS, NS, S)",
             make_edit_task, check_facts, fact_inputs},
            {"zsre", "facts: teacher-forced token accuracy of targets and of unrelated right answers (ROME, MEMIT)",
             make_edit_task, check_facts, fact_inputs},
            {"easyedit", "facts: EasyEdit's token accuracy beside strict match; locality in comparisons of two models",
             make_edit_task, check_facts, fact_inputs},
            {"edit_generation",
             "facts: texts written from their generation prompts, how varied and how near to reference texts (GE, RS)",
             make_edit_generation_task, check_generation, generation_inputs},
            {"unrelated_facts", "greedy answers that no edit should change; how many do, in comparisons of two models",
             make_unrelated_task, check_unrelated, unrelated_inputs},
            {"tofu",
             "TOFU: probability, ROUGE-L, truth ratio, model utility; forget quality in comparisons with a retain "
             "model",
             make_tofu_task, check_tofu, tofu_inputs},
            {"membership",
             "texts to be forgotten: memorisation; and do losses tell them from a holdout (AUC of loss, zlib, Min-K, "
             "Min-K++)",
             make_membership_task, check_membership, membership_inputs},
            {"muse",
             "MUSE: passages word for word, answers about what was forgotten and what must stay (ROUGE-L), leakage of "
             "losses",
             make_muse_task, check_muse, muse_inputs},
            {"depth",
             "answers to be forgotten: does a model that knows them still give them with this model's states inside",
             make_depth_task, check_probes, probe_inputs},
            {"logit_lens", "answers read off behind every block: how likely, and how often right", make_logit_lens_task,
             check_probes, probe_inputs},
        });
    return kinds;
}

}  // namespace

std::filesystem::path wikitext_file(const EvaluateOptions& options) {
    if (!options.wikitext.empty()) return options.wikitext;
    if (options.data.empty()) return {};
    for (const char* place : {"wikitext2/test.txt", "../text/wikitext2/test.txt"}) {
        if (is_file(options.data / place)) return options.data / place;
    }
    return {};
}

std::filesystem::path completion_prompts_file(const EvaluateOptions& options) {
    return options.completion_prompts.empty() ? options.familiarity_prompts : options.completion_prompts;
}

const std::vector<TaskKind>& task_kinds() {
    static const std::vector<TaskKind> kinds = make_task_kinds();
    return kinds;
}

std::vector<TaskInputFile> input_files(const EvaluateOptions& options) {
    std::vector<TaskInputFile> files;
    for (const std::string& name : options.tasks) {
        const auto kind = std::ranges::find(task_kinds(), name, &TaskKind::name);
        if (kind == task_kinds().end()) continue;  // validate() refuses it
        for (TaskInputFile& file : kind->inputs(name, options)) files.push_back(std::move(file));
    }
    return files;
}

std::vector<std::pair<std::string, std::string>> task_names() {
    std::vector<std::pair<std::string, std::string>> names;
    for (const TaskKind& kind : task_kinds()) names.emplace_back(kind.name, kind.description);
    return names;
}

Problems EvaluateOptions::validate() const {
    Problems problems;
    std::vector<std::string> known;
    for (const TaskKind& kind : task_kinds()) known.push_back(kind.name);
    for (std::size_t i = 0; i < tasks.size(); ++i) {
        const auto kind = std::find_if(task_kinds().begin(), task_kinds().end(),
                                       [&](const TaskKind& each) { return each.name == tasks[i]; });
        if (kind == task_kinds().end()) {
            const std::string near = nearest_name(tasks[i], known);
            problems.add("unknown task \"{}\"{}", tasks[i],
                         near.empty() ? fmt::format("; known are {}", fmt::join(known, ", "))
                                      : fmt::format(", did you mean \"{}\"?", near));
        } else if (std::find(tasks.begin(), tasks.begin() + static_cast<std::ptrdiff_t>(i), tasks[i]) !=
                   tasks.begin() + static_cast<std::ptrdiff_t>(i)) {
            problems.add("task \"{}\" is named twice", tasks[i]);
        } else {
            kind->check(tasks[i], *this, problems);
        }
    }
    if (!told.empty() && tasks != std::vector<std::string>{"tofu"}) {
        problems.add("told: contexts of a prompt bundle stand before TOFU's questions alone; leave other tasks out");
    }
    if (limit < 0) problems.add("limit is {}; it must be 0 (all items) or more", limit);
    if (window < 0 || window == 1)
        problems.add("window is {}; it must be 0 (the model's) or at least 2 tokens", window);
    if (completions < 1) problems.add("completions is {}; it must be at least 1", completions);
    if (completion_tokens < 1) problems.add("completion_tokens is {}; it must be at least 1", completion_tokens);
    return problems;
}

}  // namespace nepenthe::evaluate
