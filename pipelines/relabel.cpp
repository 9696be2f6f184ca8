#include "unlearn/relabel/relabel.h"
#include "pipelines/stage.h"
#include "unlearn/relabel/relabel_from.h"

#include <memory>
#include <optional>

namespace nepenthe::pipelines {

namespace {

struct RelabelStage {
    CommonOptions common;
    unlearn::RelabelOptions relabel;
    std::unique_ptr<const text::Tokenizer> tokenizer;
    unlearn::RelabelInputs inputs;
    std::optional<unlearn::RelabelFromInputs> from;  // instead of `inputs`

    unlearn::RelabelFromOptions rules() const { return {relabel.combine, relabel.plausible, relabel.alphas}; }
    store::ArtefactKey key() const {
        return from ? unlearn::relabel_from_key(*from, rules()) : unlearn::relabel_key(inputs, relabel);
    }
};

// What the verb reads, beside the rules.
struct Paths {
    std::filesystem::path baseline, reinforced, dictionary, from;
    std::vector<std::filesystem::path> corpus;
    std::int64_t characters = 0;
};

std::function<model::Decoder()> loader(const dist::Comm& comm, const CommonOptions& common,
                                       const std::filesystem::path& folder) {
    // The device is asked for when models are loaded: the key needs none.
    return
        [&comm, common, folder] { return model::Decoder::load(folder, common.compute(), common.torch_device(comm)); };
}

// Collective.
void prepare_inputs(const dist::Comm& comm, const Paths& paths, RelabelStage& stage) {
    unlearn::RelabelInputs& inputs = stage.inputs;
    stage.tokenizer =
        std::make_unique<const text::Tokenizer>(load_tokenizer(paths.baseline, model::read_config(paths.baseline)));
    inputs.load_baseline = loader(comm, stage.common, paths.baseline);
    inputs.load_reinforced = loader(comm, stage.common, paths.reinforced);
    inputs.baseline_digest = input_model_digest(comm, paths.baseline);
    inputs.reinforced_digest = input_model_digest(comm, paths.reinforced);
    inputs.tokenizer = stage.tokenizer.get();
    inputs.compute = stage.common.compute_key();
    inputs.dictionary = unlearn::read_dictionary(paths.dictionary);
    inputs.documents = read_corpus_documents(paths.corpus, paths.characters);
}

// Collective.
void prepare_from(const dist::Comm& comm, const Paths& paths, RelabelStage& stage) {
    unlearn::RelabelFromInputs& from = stage.from.emplace();
    from.labels = paths.from;
    from.labels_digest = input_artefact_digest(comm, paths.from);
    if (paths.baseline.empty()) return;
    from.load_baseline = loader(comm, stage.common, paths.baseline);
    from.load_reinforced = loader(comm, stage.common, paths.reinforced);
    from.baseline_digest = input_model_digest(comm, paths.baseline);
    from.reinforced_digest = input_model_digest(comm, paths.reinforced);
    from.compute = stage.common.compute_key();
}

// What an artefact that is there has decided already.
void check_from(const Options& options, const Paths& paths, Problems& problems) {
    options.refuse_unread(
        {"corpus", "chars", "dictionary", "rules", "top-k", "block", "logits", "activations", "swap", "seed"},
        "without --from", problems);
    if (paths.baseline.empty() != paths.reinforced.empty()) {
        problems.add("--baseline and --reinforced go together: with --from give both, or neither");
    }
}

// Collective. The options and what they name.
RelabelStage prepare_relabel(const dist::Comm& comm, const Arguments& arguments) {
    RelabelStage stage;
    CommonOptions& common = stage.common;
    unlearn::RelabelOptions& relabel = stage.relabel;
    Paths paths;
    std::string rules = "improved", combine(unlearn::combine_name(relabel.combine)), swap = "auto";
    Options options("relabel", "generic labels: what the baseline would say, less what only the reinforced model says",
                    "mpirun -n 2 nepenthe relabel --baseline gemma --reinforced outputs/train-… --corpus oz.txt "
                    "--dictionary oz.json");
    options.add("baseline", paths.baseline, "model that is to forget");
    options.add("reinforced", paths.reinforced, "the same model trained further on the corpus");
    options.add("corpus", paths.corpus, "text files, folders of *.txt, or *.jsonl with a text field");
    options.add("chars", paths.characters, "only the first N characters of each document; 0 = all", 0);
    options.add("dictionary", paths.dictionary,
                "anchor terms with generic replacements (JSON, or a file of anchors find)");
    options.add("from", paths.from, "artefact of relabel whose stored logits give labels by other rules");
    options.add("rules", rules, {"improved", "published"}, "how terms are found and replaced");
    options.add("combine", combine, {"logodds", "logprobs", "logits"},
                "what v = b - alpha ReLU(r - b) compares; logits with --rules published");
    options.add("alpha", relabel.alphas, "strengths, comma-separated, all in one pass");
    options.add("plausible", relabel.plausible,
                "labels are tokens of N times the baseline's best or more; 0 = any, as published", 0.0);
    options.add("top-k", relabel.top_k, "logits kept a position, for other rules later");
    options.add("block", relabel.block, "tokens a block");
    options.add("logits", relabel.store_logits, "store all logits of both models too");
    options.add_layers("activations", relabel.activation_layers, "layers whose hidden states are stored too");
    options.add("swap", swap, {"auto", "always", "never"}, "one model in memory at a time");
    common.declare(options);
    for (const char* name : {"baseline", "reinforced", "corpus", "dictionary"}) options.require_unless("from", name);
    options.parse(arguments);
    common.apply(comm);

    relabel.rules = unlearn::parse_rules(rules);
    if (relabel.rules == unlearn::Rules::kPublished) {
        if (!options.given("combine")) combine = unlearn::combine_name(unlearn::Combine::kLogits);
        if (!options.given("plausible")) relabel.plausible = 0;
    }
    relabel.combine = unlearn::parse_combine(combine);
    relabel.swap = unlearn::parse_swap(swap);
    relabel.seed = common.seed;
    Problems problems;
    if (!paths.from.empty()) check_from(options, paths, problems);
    for (const std::string& problem : relabel.validate()) problems.add("{}", problem);
    problems.throw_if_any(ErrorKind::kUsage, "options");
    if (paths.from.empty()) {
        prepare_inputs(comm, paths, stage);
    } else {
        prepare_from(comm, paths, stage);
    }
    return stage;
}

}  // namespace

store::ArtefactKey relabel_key(const dist::Comm& comm, const Arguments& arguments) {
    return prepare_relabel(comm, arguments).key();
}

Answer run_relabel(const dist::Comm& comm, const Arguments& arguments) {
    const RelabelStage stage = prepare_relabel(comm, arguments);
    const std::filesystem::path& outputs = stage.common.outputs;
    const store::Artefact artefact = stage.from ? unlearn::relabel_from(comm, *stage.from, stage.rules(), outputs)
                                                : unlearn::relabel(comm, stage.inputs, stage.relabel, outputs);
    return summary_answer(artefact, "labels");
}

}  // namespace nepenthe::pipelines
