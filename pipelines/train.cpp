#include "io/file.h"
#include "pipelines/curves.h"
#include "pipelines/mask_option.h"
#include "pipelines/stage.h"
#include "pipelines/train_options.h"
#include "text/corpus.h"
#include "train/sequence_objective.h"

#include <optional>

namespace nepenthe::pipelines {

namespace {

struct TrainStage {
    CommonOptions common;
    train::TrainOptions train;
    std::filesystem::path model, config, tokenizer;
    std::vector<std::filesystem::path> corpus;
    std::int64_t characters = 0;
    text::BlockCut cut;
    std::optional<text::Tokenizer> read_tokenizer;
    text::Corpus text;
    std::int64_t blocks_left_out = 0;  // of a single token
    MaskOption mask;
    store::ArtefactKey key;
};

void check(const TrainStage& stage, const Options& options) {
    Problems problems;
    if (!stage.model.empty())
        options.refuse_unread({"tokenizer"}, "with --architecture; --model has its own", problems);
    if (stage.model.empty()) options.refuse_unread({"mask"}, "with --model; a new model has none", problems);
    stage.mask.finish(options, problems);
    if (stage.model.empty() == stage.config.empty()) problems.add("give --model, or --architecture for a new model");
    if (!stage.config.empty() && stage.tokenizer.empty()) problems.add("--architecture needs --tokenizer");
    if (stage.cut.length < 2) problems.add("--block must be at least 2 tokens");
    problems.throw_if_any(ErrorKind::kUsage, "options");
}

model::DecoderConfig config_of(const TrainStage& stage) {
    if (!stage.model.empty()) return model::read_config(stage.model);
    return model::parse_config(parse_json(io::read_file(stage.config), stage.config.string()));
}

store::ArtefactKey make_train_key(const dist::Comm& comm, const TrainStage& stage, const Json& training) {
    store::ArtefactKey key;
    key.stage = "train";
    key.options = training;
    key.options["block"] = stage.cut.length;
    key.options["compute"] = stage.common.compute_key();
    key.inputs["corpus"] = stage.text.digest;
    key.inputs["tokenizer"] = stage.read_tokenizer->digest();
    if (stage.model.empty()) {
        key.inputs["architecture"] = io::file_digest(stage.config);
        // Copied whole; the tokenizer's digest holds only what it says of tokens.
        const bool is_folder = std::filesystem::is_directory(stage.tokenizer);
        const auto generation =
            (is_folder ? stage.tokenizer : stage.tokenizer.parent_path()) / "generation_config.json";
        if (std::filesystem::exists(generation)) key.inputs["generation_config"] = io::file_digest(generation);
    } else {
        key.inputs["model"] = input_model_digest(comm, stage.model);
    }
    return key;
}

// Collective. The options, what they name, and the key.
TrainStage prepare_train(const dist::Comm& comm, const Arguments& arguments) {
    TrainStage stage;
    TrainOptionsReader reader(stage.train);
    Options options("train", "train a model on a corpus: from scratch, or further (the reinforced model)",
                    "mpirun -n 2 nepenthe train --model gemma-3-270m --corpus book.txt --lr 3e-5 --epochs 2");
    options.add("model", stage.model, "Hugging Face folder to train further");
    options.add("architecture", stage.config, "config.json of a model to make from scratch");
    options.add("tokenizer", stage.tokenizer, "tokenizer.json for --architecture");
    options.add("corpus", stage.corpus, "text files, folders of *.txt, or *.jsonl with a text field");
    options.add("chars", stage.characters, "only the first N characters of each document; 0 = all", 0);
    options.add("block", stage.cut.length, "tokens a training sequence");
    stage.mask.declare(options);
    reader.declare(options);
    stage.common.declare(options);
    options.require("corpus");
    options.parse(arguments);
    check(stage, options);
    reader.finish(options, stage.common);
    stage.common.apply(comm);

    train::require_modules(config_of(stage), stage.train.frozen);
    stage.read_tokenizer = load_tokenizer(stage.model.empty() ? stage.tokenizer : stage.model, config_of(stage));
    stage.text =
        text::make_corpus(read_corpus_documents(stage.corpus, stage.characters), *stage.read_tokenizer, stage.cut);
    stage.blocks_left_out = leave_out_single_tokens(stage.text, "corpus");
    stage.key = make_train_key(comm, stage, reader.key());
    stage.mask.complete_key(comm, stage.key);
    if (stage.blocks_left_out > 0) stage.key.options["blocks_left_out"] = stage.blocks_left_out;
    return stage;
}

}  // namespace

store::ArtefactKey train_key(const dist::Comm& comm, const Arguments& arguments) {
    return prepare_train(comm, arguments).key;
}

Answer run_train(const dist::Comm& comm, const Arguments& arguments) {
    TrainStage stage = prepare_train(comm, arguments);
    if (auto existing = store::find_artefact(comm, stage.common.outputs, stage.key))
        return artefact_answer(*existing, "model");

    const at::Device device = stage.common.torch_device(comm);
    auto decoder = stage.model.empty()
                       ? model::Decoder::create(config_of(stage), stage.common.seed, stage.common.compute(), device)
                       : model::Decoder::load(stage.model, stage.common.compute(), device);
    stage.train.moving = stage.mask.moving(comm, decoder, stage.key);
    const text::Corpus& corpus = stage.text;
    store::ArtefactWriter writer(comm, stage.common.outputs, stage.key);
    const auto collectives = stage.common.collectives(comm);
    train::SampleObjective objective(std::ssize(corpus.blocks), [&](std::int64_t index) {
        return train::causal_sample(corpus.blocks[static_cast<std::size_t>(index)].ids);
    });
    const auto report =
        train::train(comm, *collectives, decoder, objective, stage.train, writer.scratch_folder() / "checkpoints",
                     Curves(comm, stage.common.outputs, stage.key.folder_name()).of_steps());

    Json summary = {{"tokens", corpus.tokens()},
                    {"blocks", corpus.blocks.size()},
                    {"blocks_left_out", stage.blocks_left_out},
                    {"steps", report.steps.size()},
                    {"first_loss", report.steps.front().loss},
                    {"last_loss", report.steps.back().loss},
                    {"changed_share", report.changed_share}};
    std::vector<std::filesystem::path> tokenizers;
    if (stage.model.empty()) tokenizers = {stage.tokenizer};
    return artefact_answer(publish_model(comm, writer, decoder, stage.model, tokenizers, summary), "model");
}

}  // namespace nepenthe::pipelines
