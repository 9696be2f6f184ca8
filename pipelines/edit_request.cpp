#include "pipelines/edit_request.h"

#include "edit/option_names.h"
#include "io/text.h"
#include "pipelines/chat_word.h"
#include "pipelines/edit_forms.h"
#include "pipelines/fact_words.h"

#include <sstream>
#include <utility>

namespace nepenthe::pipelines {

namespace {

// Options whose words need reading.
struct Words {
    FactWords facts;
    std::string method = "r-rome", mode, shared = "refuse", residual, site;
    std::filesystem::path refusals;
};

std::vector<std::string> lines_of(const std::filesystem::path& path) {
    std::vector<std::string> lines;
    std::istringstream stream(io::read_text(path));
    for (std::string line; std::getline(stream, line);) {
        if (!line.empty()) lines.push_back(line);
    }
    return lines;
}

void declare_facts(Options& options, EditRequest& request, Words& words) {
    options.add("model", request.model, "model to edit (with --rollback: the edited one)");
    options.add("facts", request.facts, "facts: JSON Lines, CounterFact, EasyEdit, zsRE, TOFU");
    words.facts.declare(options, request.fact_options);
    options.add("refusals", words.refusals, "lines to choose avoidant targets from");
    options.add("limit", request.fact_options.limit, "first N facts; 0 = all", 0);
}

void declare_method(Options& options, EditRequest& request, Words& words) {
    edit::EditOptions& edit = request.edit;
    options.add("method", words.method, all_method_names(), "how to write");
    options.add("as-published", request.as_published,
                "rome, memit, alphaedit: the authors' numbers for this model, but for what else is given");
    options.add("published-row", request.published_row, "--as-published, but for this model (gpt2-xl, llama-3-8b …)");
    options.add("mode", words.mode, edit::mode_names(), "default: what the method is made for");
    options.add_layers("layers", edit.layers, "layers, counted from 0; default by family");
    options.add("moments", request.moments, "artefact of stats; without it other keys are not protected");
    options.add("shared-subjects", words.shared, edit::shared_subjects_names(),
                "facts that share a subject share a key");
    options.add("batch", edit.batch, "sequential batch methods: facts a batch; 0 = all", 0);
    options.add("lambda", edit.lambda, "memit: weight of C; 0 = by family");
    options.add("emmet-weight", edit.emmet_weight, "emmet: weight of C");
    options.add("emmet-mu", edit.emmet_mu, "emmet: 0 = exact equality");
    options.add("tau", edit.tau, "alphaedit: eigenvalues of C below it may be written to; 0 = by family");
    options.add("l2", edit.l2, "alphaedit: ridge; 0 = by family");
    options.add("residual", words.residual, edit::residual_names(),
                "batch methods: residual over prefixes, or of the bare prompt; default: bare for block outputs alone");
    options.add("min-response", edit.min_response, "rome: refuse edits that the bare prompt hardly sees");
}

void declare_values(Options& options, EditRequest& request, Words& words) {
    edit::EditOptions& edit = request.edit;
    options.add("value-site", words.site, edit::value_site_names(), "default by the number of layers");
    options.add("prefixes", edit.prefix_count,
                "context prefixes beside the bare prompt; negative = the method's own (rome 20, batch methods 5), or "
                "the family's");
    options.add("steps", edit.value.steps, "values: steps, the last one only looks");
    options.add("lr", edit.value.lr, "values: step size (absolute)");
    options.add("relative-lr", edit.value.relative_lr,
                "values: step size relative to the value there is; 0 = use --lr, negative = by family");
    options.add("clamp", edit.value.clamp,
                "values: largest change, relative to the value there is; negative = by family");
    options.add("decay", edit.value.decay, "values: weight of the change's length; negative = by family");
    options.add("kl", edit.value.kl, "values: weight of keeping what the subject is");
    options.add("stop-loss", edit.value.stop_loss, "values: done below this loss");
    options.add("values", request.values, "earlier runs of edit: values that they computed alike are taken from them");
    options.add("facts-per-block", edit.facts_per_block, "values computed side by side, about so many");
    options.add("ft-lr", edit.fine_tune.lr, "ft: step size");
    options.add("ft-box", edit.fine_tune.box, "ft: no weight moves further");
}

void declare_tuning(Options& options, EditRequest& request) {
    TuneRequest& tune = request.tune;
    options.add("pilot", tune.facts,
                "first try layers and clamps on these facts, which are not written: the best ones write --facts");
    options.add_layers("pilot-layers", tune.layers,
                       "layers to try, each alone; default: the family's and those beside it, or --layers together");
    options.add("pilot-clamps", tune.clamps, "values of --clamp to try");
    options.add("pilot-limit", tune.limit, "first N facts of --pilot; 0 = all");
    // mpirun takes `--tune FILE` for an option of its own, wherever it stands.
    for (const char* part : {"", "-layers", "-clamps", "-limit"})
        options.add_alias(fmt::format("tune{}", part), fmt::format("pilot{}", part));
}

void declare_utility(Options& options, EditRequest& request) {
    options.add("utility-text", request.utility.text, "text whose perplexity is watched after every batch, or fact");
    options.add("utility-budget", request.utility.budget,
                "largest rise of that perplexity; 0.05 = 5 %. A batch beyond it is taken back, the run ends");
    options.add("utility-windows", request.utility.windows, "how many windows of that text; 0 = all");
    options.add("utility-probe", request.utility.probe,
                "facts that no edit is about: their answers are watched likewise");
    options.add("utility-altered", request.utility.altered, "largest share of these answers that may change");
}

void declare_earlier_runs(Options& options, EditRequest& request) {
    options.add("rollback", request.rollback,
                "write the edited --model again without these facts; \"all\" = none of them");
    options.add("list", request.list, "print what an edited model's ledger holds");
    options.add("diff", request.diff, "two edited models: what their ledgers differ in");
}

// An option that the method does not read would seem to have counted.
void check_method_reads(const Options& options, edit::Method method, Problems& problems) {
    using edit::Method;
    const bool memit = method == Method::kMemit || method == Method::kMemitMerged;
    const bool alone = edit::is_rank_one(method), tuned = method == Method::kFineTune;
    struct Group {
        std::vector<const char*> options;
        const char* readers;
        bool read;
    };
    const std::vector<Group> groups = {
        {{"lambda"}, "memit and memit-merged", memit},
        {{"emmet-weight", "emmet-mu"}, "emmet", method == Method::kEmmet},
        {{"tau", "l2"}, "alphaedit", method == Method::kAlphaEdit},
        {{"residual"}, "memit, memit-merged, emmet and alphaedit", !alone && !tuned},
        {{"batch"}, "methods that write batches", !alone},
        {{"min-response"}, "rome, r-rome and p-rome", alone},
        {{"ft-lr", "ft-box"}, "ft", tuned},
        {{"value-site", "prefixes", "steps", "lr", "relative-lr", "clamp", "decay", "kl", "stop-loss", "values",
          "facts-per-block"},
         "methods that compute values",
         !tuned},
    };
    for (const Group& group : groups) {
        for (const char* name : group.options) {
            if (!group.read && options.said(name)) {
                problems.add("--{} is read by {}, not by {}: leave it out", name, group.readers,
                             edit::method_name(method));
            }
        }
    }
}

// An option that another one would have to ask for.
void check_company(const Options& options, Problems& problems) {
    constexpr std::pair<const char*, const char*> kNeeds[] = {
        {"pilot-layers", "pilot"},           {"pilot-clamps", "pilot"},          {"pilot-limit", "pilot"},
        {"published-row", "as-published"},   {"utility-budget", "utility-text"}, {"utility-windows", "utility-text"},
        {"utility-altered", "utility-probe"}};
    for (const auto& [name, company] : kNeeds) {
        if (options.said(name) && !options.given(company))
            problems.add("--{} says nothing without --{}", name, company);
    }
}

// Options of the pilot against those of the edit that it chooses.
void check_tuning(const Options& options, const EditRequest& request, Problems& problems) {
    request.tune.check(problems);
    if (!request.tune) return;
    if (options.said("clamp")) problems.add("--pilot chooses the clamp: give --pilot-clamps instead of --clamp");
    if (!request.tune.layers.empty() && options.said("layers"))
        problems.add("--pilot-layers are tried each alone, --layers are written together: give one of them");
    if (!request.values.empty())
        problems.add("--values are of one layer and clamp, which --pilot has yet to choose: leave one of them out");
}

// An invocation that writes facts.
void check_writing(const Options& options, const EditRequest& request, Problems& problems) {
    if (request.model.empty()) problems.add("--model is missing");
    if (request.facts.empty()) problems.add("--facts is missing");
    check_company(options, problems);
    check_method_reads(options, request.edit.method, problems);
    check_tuning(options, request, problems);
    request.utility.check(problems);
}

// One about an earlier run, whose ledger says what was written and how.
void check_earlier_run(const Options& options, const std::vector<std::string>& of_writing, const EditRequest& request,
                       Problems& problems) {
    if (!request.diff.empty() && request.diff.size() != 2)
        problems.add("--diff takes two ledgers, separated by a comma");
    const bool takes_back = !request.rollback.empty();
    if (takes_back && request.model.empty()) problems.add("--model is missing");
    for (const std::string& name : of_writing) {
        const bool read = takes_back && (name == "model" || name == "moments");
        if (read || !options.said(name)) continue;
        problems.add("{}: leave --{} out",
                     takes_back ? "--rollback writes as the ledger says" : "--list and --diff write nothing", name);
    }
}

edit::Mode mode_of(const Words& words, edit::Method method) {
    return words.mode.empty() ? edit::default_mode(method) : edit::parse_mode(words.mode);
}

// Declares everything that `edit` takes; gives the names of the options that say what to write and how.
std::vector<std::string> declare_edit(Options& options, EditRequest& request, Words& words) {
    declare_facts(options, request, words);
    declare_method(options, request, words);
    declare_values(options, request, words);
    declare_tuning(options, request);
    declare_utility(options, request);
    options.add("before", request.before,
                "earlier runs of edit on this model: facts that they measured before editing are not measured again; "
                "--values does this too");
    std::vector<std::string> of_writing = options.names();
    options.add("skip-evaluation", request.skip_evaluation, "do not measure the facts before and after");
    declare_earlier_runs(options, request);
    request.common.declare(options);
    options.set_rare({"published-row", "zsre-convention", "emmet-weight", "emmet-mu", "tau", "l2", "residual",
                      "min-response", "value-site", "lr", "relative-lr", "decay", "kl", "stop-loss", "facts-per-block",
                      "ft-lr", "ft-box", "utility-windows", "utility-altered"});
    return of_writing;
}

Options edit_options() {
    return {"edit", "write facts into a model's MLP matrices, prove it, take them back",
            "mpirun -n 2 nepenthe edit --model gemma --facts counterfact.json --method memit --layers 5 "
            "--moments outputs/stats-…"};
}

// What an invocation changes of what is published: options by their names.
std::vector<std::string> changed_options(const Json& published, const Json& effective) {
    std::vector<std::string> changed;
    for (const char* name :
         {"mode", "layers", "shared-subjects", "batch", "lambda", "tau", "l2", "residual", "value-site", "prefixes",
          "steps", "lr", "relative-lr", "clamp", "decay", "kl", "stop-loss", "min-response", "dtype"}) {
        if (published.at(name) != effective.at(name)) changed.emplace_back(name);
    }
    return changed;
}

// Reads the words again with what is published in the place of our defaults.
void take_published(const Arguments& arguments, EditRequest& request, Words& words) {
    const edit::PublishedEdit& row =
        edit::find_published_edit(words.method, model::read_config(request.model), request.published_row);
    EditRequest published;
    published.edit = edit::published_options(row);
    published.edit.facts_per_block = request.edit.facts_per_block;
    Words of_row;
    of_row.mode = edit::mode_name(published.edit.mode);
    of_row.shared = row.method == "rome" ? "refuse" : "keep";
    published.edit.layers.assign(row.layers.begin(), row.layers.end());
    if (row.method != "rome") of_row.residual = "bare", of_row.site = "block-output";
    Options options = edit_options();
    declare_edit(options, published, of_row);
    options.set_elsewhere(option_names_of_all_forms());
    const Json of_authors = options.effective();
    options.parse(arguments);
    published.published = {
        {"row", row.model.name}, {"source", row.source}, {"changed", changed_options(of_authors, options.effective())}};
    Problems problems;
    if (row.moments && published.moments.empty())
        problems.add("--moments is missing: {} as published for {} weighs other keys", row.method, row.model.name);
    if (!row.moments && !published.moments.empty())
        problems.add("--moments: {} as published for {} uses none (C = I): leave it out", row.method, row.model.name);
    if (published.tune) problems.add("--pilot chooses layers and clamp, which are published: leave one of them out");
    problems.throw_if_any(ErrorKind::kUsage, "--as-published");
    request = std::move(published);
    words = std::move(of_row);
}

}  // namespace

std::vector<std::string> matrix_option_names() {
    EditRequest request;
    Words words;
    Options options("edit", "", "");
    declare_edit(options, request, words);
    return options.names();
}

EditRequest EditRequest::parse(const Arguments& arguments) {
    EditRequest request;
    request.edit.value.relative_lr = request.edit.value.clamp = request.edit.value.decay = -1;
    request.edit.facts_per_block = 8;
    Words words;
    Options options = edit_options();
    const std::vector<std::string> of_writing = declare_edit(options, request, words);
    options.set_elsewhere(option_names_of_all_forms());
    options.parse(arguments);

    Problems problems;
    request.edit.method = edit::parse_method(words.method);
    if (request.writes())
        check_writing(options, request, problems);
    else
        check_earlier_run(options, of_writing, request, problems);
    problems.throw_if_any(ErrorKind::kUsage, "options");
    if (request.as_published && request.writes()) take_published(arguments, request, words);

    if (options.given("lr") && !options.given("relative-lr")) request.edit.value.relative_lr = 0;
    request.edit.method = edit::parse_method(words.method);
    request.edit.mode = mode_of(words, request.edit.method);
    request.edit.shared_subjects = edit::parse_shared_subjects(words.shared);
    if (!words.residual.empty()) request.edit.residual = edit::parse_residual(words.residual);
    if (!words.site.empty()) request.edit.site = edit::parse_value_site(words.site);
    if (request.utility && request.edit.mode == edit::Mode::kOneAtATime) {
        fail(ErrorKind::kUsage,
             "--utility-text and --utility-probe watch what edits add up to: choose --mode sequential or batch");
    }
    request.edit.seed = request.common.seed;
    request.edit.value_compute = request.common.compute();
    words.facts.finish(request.fact_options);
    if (request.writes()) resolve_prompt_form(request.fact_options.prompt_form, request.model);
    if (!words.refusals.empty()) request.fact_options.refusals = lines_of(words.refusals);
    return request;
}

}  // namespace nepenthe::pipelines
