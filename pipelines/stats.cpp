#include "edit/keys/moments.h"
#include "pipelines/stage.h"

namespace nepenthe::pipelines {

Answer run_stats(const dist::Comm& comm, const Arguments& arguments) {
    CommonOptions common;
    edit::MomentOptions stats;
    std::filesystem::path model;
    std::vector<std::filesystem::path> corpus, merge;
    std::int64_t characters = 0;
    Options options("stats", "second moments of MLP keys, for edits: several layers in one pass, files that add up",
                    "mpirun -n 2 nepenthe stats --model gemma --corpus wikitext.txt --layers 3,4,5 --until 1e-3");
    options.add("model", model, "model that is to be edited");
    options.add("corpus", corpus, "text files, folders of *.txt, or *.jsonl with a text field");
    options.add("chars", characters, "only the first N characters of each document; 0 = all", 0);
    options.add_layers("layers", stats.layers, "layers, counted from 0");
    options.add("window", stats.window, "tokens of context, BOS included");
    options.add("tokens", stats.tokens, "how many tokens at most, drawn by windows; 0 = the corpus");
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
    if (!merge.empty()) return artefact_answer(edit::merge_moments(comm, merge, common.outputs), false, "moments");

    for (const char* name : {"model", "corpus", "layers"}) {
        if (!options.given(name)) problems.add("--{} is missing", name);
    }
    stats.seed = common.seed;
    for (const std::string& problem : stats.validate()) problems.add("{}", problem);
    problems.throw_if_any(ErrorKind::kUsage, "options");

    const auto decoder = model::Decoder::load(model, common.compute(), common.torch_device(comm));
    const auto tokenizer = load_tokenizer(model, decoder.config());
    const store::Artefact artefact =
        edit::compute_moments(comm, decoder, tokenizer, read_corpus_documents(corpus, characters),
                              input_model_digest(comm, model), stats, common.outputs);
    Answer answer = artefact_answer(artefact, false, "moments");
    answer.json["summary"] = artefact.manifest.value("summary", Json::object());
    return answer;
}

}  // namespace nepenthe::pipelines
