#include "unlearn/relabel.h"
#include "pipelines/stage.h"

#include <memory>

namespace nepenthe::pipelines {

namespace {

struct RelabelStage {
    CommonOptions common;
    unlearn::RelabelOptions relabel;
    std::unique_ptr<const text::Tokenizer> tokenizer;
    unlearn::RelabelInputs inputs;
};

// Collective. The options and what they name.
RelabelStage prepare(const dist::Comm& comm, const Arguments& arguments) {
    RelabelStage stage;
    CommonOptions& common = stage.common;
    unlearn::RelabelOptions& relabel = stage.relabel;
    std::filesystem::path baseline, reinforced, dictionary;
    std::vector<std::filesystem::path> corpus;
    std::string rules = "improved", combine = "logprobs", swap = "auto";
    std::int64_t characters = 0;
    Options options("relabel", "generic labels: what the baseline would say, less what only the reinforced model says",
                    "mpirun -n 2 nepenthe relabel --baseline gemma --reinforced outputs/train-… --corpus oz.txt "
                    "--dictionary oz.json");
    options.add("baseline", baseline, "model that is to forget");
    options.add("reinforced", reinforced, "the same model trained further on the corpus");
    options.add("corpus", corpus, "text files, folders of *.txt, or *.jsonl with a text field");
    options.add("chars", characters, "only the first N characters of each document; 0 = all", 0);
    options.add("dictionary", dictionary, "anchor terms with generic replacements (JSON)");
    options.add("rules", rules, {"improved", "published"}, "how terms are found and replaced");
    options.add("combine", combine, {"logprobs", "logits"}, "what v = b - alpha ReLU(r - b) is taken of");
    options.add("alpha", relabel.alphas, "strengths, comma-separated, all in one pass");
    options.add("top-k", relabel.top_k, "logits kept a position, for other alphas later");
    options.add("block", relabel.block, "tokens a block");
    options.add("logits", relabel.store_logits, "store all logits of both models too");
    options.add_layers("activations", relabel.activation_layers, "layers whose hidden states are stored too");
    options.add("swap", swap, {"auto", "always", "never"}, "one model in memory at a time");
    common.declare(options);
    for (const char* name : {"baseline", "reinforced", "corpus", "dictionary"}) options.require(name);
    options.parse(arguments);
    common.apply(comm);

    relabel.rules = unlearn::parse_rules(rules);
    relabel.combine = unlearn::parse_combine(combine);
    relabel.swap = unlearn::parse_swap(swap);
    relabel.seed = common.seed;
    Problems problems;
    for (const std::string& problem : relabel.validate()) problems.add("{}", problem);
    problems.throw_if_any(ErrorKind::kUsage, "options");

    stage.tokenizer = std::make_unique<const text::Tokenizer>(load_tokenizer(baseline, model::read_config(baseline)));
    // The device is asked for when models are loaded: the key needs none.
    const auto loader = [&comm, common](const std::filesystem::path& folder) {
        return [&comm, common, folder] {
            return model::Decoder::load(folder, common.compute(), common.torch_device(comm));
        };
    };
    unlearn::RelabelInputs& inputs = stage.inputs;
    inputs.load_baseline = loader(baseline);
    inputs.load_reinforced = loader(reinforced);
    inputs.baseline_digest = input_model_digest(comm, baseline);
    inputs.reinforced_digest = input_model_digest(comm, reinforced);
    inputs.tokenizer = stage.tokenizer.get();
    inputs.compute = common.compute_key();
    inputs.dictionary = unlearn::read_dictionary(dictionary);
    inputs.documents = read_corpus_documents(corpus, characters);
    return stage;
}

}  // namespace

store::ArtefactKey relabel_key(const dist::Comm& comm, const Arguments& arguments) {
    const RelabelStage stage = prepare(comm, arguments);
    return unlearn::relabel_key(stage.inputs, stage.relabel);
}

Answer run_relabel(const dist::Comm& comm, const Arguments& arguments) {
    const RelabelStage stage = prepare(comm, arguments);
    const store::Artefact artefact = unlearn::relabel(comm, stage.inputs, stage.relabel, stage.common.outputs);
    Answer answer = artefact_answer(artefact, "labels");
    answer.json["summary"] = artefact.manifest.value("summary", Json::object());
    return answer;
}

}  // namespace nepenthe::pipelines
