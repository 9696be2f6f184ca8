#include "base/log.h"
#include "dist/guard.h"
#include "edit/facts/facts.h"
#include "edit/facts/true_sentences.h"
#include "edit/keys/moments.h"
#include "pipelines/stage.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

namespace nepenthe::pipelines {

namespace {

// Where true sentences come from.
struct SentenceSources {
    std::vector<std::filesystem::path> facts, left_out;
    std::int64_t left_out_limit = 0;
};

// Records that cannot be read are left out: they are not to be written.
std::vector<edit::Fact> read_all(const std::vector<std::filesystem::path>& files, std::int64_t limit) {
    edit::FactOptions options;
    options.skip_bad = true;
    options.zsre = edit::ZsreConvention::kEasyEdit;
    options.unlearning = edit::UnlearningTarget::kDummy;
    options.limit = limit;
    std::vector<edit::Fact> facts;
    for (const auto& file : files) {
        edit::FactFile read = edit::read_facts(file, options);
        std::ranges::move(read.facts, std::back_inserter(facts));
    }
    return facts;
}

edit::TrueSentences read_sentences(const SentenceSources& sources) {
    if (sources.facts.empty()) return {};
    edit::TrueSentences found =
        edit::true_sentences(read_all(sources.facts, 0), read_all(sources.left_out, sources.left_out_limit));
    if (found.texts.empty()) {
        fail(ErrorKind::kData,
             "--facts give no true sentence: {} facts have no true object, {} sentences are left out for --leave-out",
             found.without_truth, found.left_out);
    }
    log_info("stats: {} true sentences about {} subjects; {} left out", found.texts.size(), found.subjects.size(),
             found.left_out);
    return found;
}

struct StatsStage {
    CommonOptions common;
    std::filesystem::path model;
    std::vector<std::filesystem::path> merge;  // artefacts to add up: then there is no plan
    std::optional<edit::MomentPlan> plan;
};

// Collective. The options, what they name, and the plan.
StatsStage prepare_stats(const dist::Comm& comm, const Arguments& arguments) {
    StatsStage stage;
    CommonOptions& common = stage.common;
    std::filesystem::path& model = stage.model;
    std::vector<std::filesystem::path>& merge = stage.merge;
    edit::MomentOptions stats;
    std::vector<std::filesystem::path> corpus;
    SentenceSources sentences;
    std::int64_t characters = 0;
    std::string maps = "down";
    Options options("stats", "second moments of keys, for edits and repairs: several layers in one pass; files add up",
                    "mpirun -n 2 nepenthe stats --model gemma --corpus wikitext.txt --facts counterfact.json "
                    "--leave-out edits.json --layers 3,4,5");
    options.add("model", model, "model that is to be edited");
    options.add("corpus", corpus, "text files, folders of *.txt, or *.jsonl with a text field");
    options.add("chars", characters, "only the first N characters of each document; 0 = all", 0);
    options.add("facts", sentences.facts, "facts whose true sentences are gathered beside the corpus, or alone");
    options.add("leave-out", sentences.left_out, "facts that are to be edited: no sentence about what they name");
    options.add("leave-out-limit", sentences.left_out_limit, "first N facts of --leave-out; 0 = all", 0);
    options.add_layers("layers", stats.layers, "layers, counted from 0");
    options.add("maps", maps, {"down", "all"},
                "whose inputs: MLP keys, which edits read, or those of every linear map, which repair reads");
    options.add("window", stats.window, "tokens of context, BOS included");
    options.add("tokens", stats.tokens,
                "how many tokens of the corpus at most, drawn by windows; 0 = all, or as many as --facts give");
    options.add("skip", stats.skip, "tokens left out before them: what an earlier file with this seed holds");
    options.add("until", stats.until,
                "stop when doubling the tokens turns edit directions by less (1 - cos); 0 = never");
    options.add("batch-tokens", stats.tokens_per_batch, "tokens computed together");
    options.add("groups", stats.groups, "blocks of work; give as many as there are ranks, or more");
    options.add("merge", merge, "add these artefacts up instead");
    common.declare(options);
    options.parse(arguments);
    common.apply(comm);
    Problems problems;
    if (!merge.empty()) {
        std::vector<std::string> others = options.names();
        std::erase_if(
            others, [](const std::string& name) { return name == "merge" || name == "outputs" || name == "threads"; });
        options.refuse_unread(others, "without --merge, which adds up what there is", problems);
        problems.throw_if_any(ErrorKind::kUsage, "options");
    }
    if (!merge.empty()) return stage;

    for (const char* name : {"model", "layers"}) {
        if (!options.given(name)) problems.add("--{} is missing", name);
    }
    if (corpus.empty() && sentences.facts.empty()) problems.add("--corpus is missing, or --facts");
    for (const char* name : {"leave-out", "leave-out-limit"}) {
        const char* const company = std::string(name) == "leave-out" ? "facts" : "leave-out";
        if (options.said(name) && !options.given(company))
            problems.add("--{} says nothing without --{}", name, company);
    }
    stats.every_map = maps == "all";
    stats.seed = common.seed;
    for (const std::string& problem : stats.validate()) problems.add("{}", problem);
    problems.throw_if_any(ErrorKind::kUsage, "options");

    const auto tokenizer = load_tokenizer(model, model::read_config(model));
    const std::string digest = input_model_digest(comm, model);
    dist::run_agreed(comm, "texts", [&] {
        const edit::MomentTexts texts{read_corpus_documents(corpus, characters), read_sentences(sentences)};
        stage.plan = edit::plan_moments(tokenizer, texts, digest, stats, common.compute_key());
    });
    return stage;
}

// Collective.
store::Artefact make_moments(const dist::Comm& comm, StatsStage stage) {
    const CommonOptions& common = stage.common;
    if (!stage.plan) return edit::merge_moments(comm, stage.merge, common.outputs);
    if (auto existing = store::find_artefact(comm, common.outputs, stage.plan->key)) return *existing;
    const auto decoder = model::Decoder::load(stage.model, common.compute(), common.torch_device(comm));
    return edit::compute_moments(comm, decoder, std::move(*stage.plan), common.outputs);
}

}  // namespace

store::ArtefactKey stats_key(const dist::Comm& comm, const Arguments& arguments) {
    const StatsStage stage = prepare_stats(comm, arguments);
    return stage.plan ? stage.plan->key : edit::merge_key(comm, stage.merge);
}

Answer run_stats(const dist::Comm& comm, const Arguments& arguments) {
    return summary_answer(make_moments(comm, prepare_stats(comm, arguments)), "moments");
}

}  // namespace nepenthe::pipelines
