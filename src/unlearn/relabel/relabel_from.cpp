#include "unlearn/relabel/relabel_from.h"

#include "base/error.h"
#include "base/log.h"
#include "dist/guard.h"
#include "store/blocks.h"
#include "unlearn/relabel/label_file.h"
#include "unlearn/relabel/labels.h"

#include <fmt/ranges.h>

#include <optional>

namespace nepenthe::unlearn {

namespace {

// The models of an artefact.
struct Models {
    model::Decoder baseline, reinforced;
    Unembedding baseline_head = Unembedding::of(baseline), reinforced_head = Unembedding::of(reinforced);

    BlockLabels label(const std::vector<text::TokenId>& source, BlockLabels block,
                      const CombineOptions& options) const {
        std::vector<std::int32_t> targets;
        for (const auto position : block.positions) {
            targets.push_back(block.translation.map[static_cast<std::size_t>(position)]);
        }
        States states = run_model(baseline, block.translation.tokens, targets, {});
        return label_block(std::move(block.translation), std::move(states), baseline_head,
                           run_model(reinforced, source, block.positions, {}), reinforced_head, options, false);
    }
};

// Decides every position of a block by its top-k; false where one is left without a label.
bool decide(BlockLabels& block, const CombineOptions& options) {
    CombinedRows& rows = block.rows;
    rows.alphas = std::ssize(options.alphas);
    bool all = true;
    for (std::size_t row = 0; row < block.positions.size(); ++row) {
        const TopKRow top = top_k_row(rows, row);
        for (std::size_t alpha = 0; alpha < options.alphas.size(); ++alpha) {
            const TopKDecision decision = decide_from_top_k(top, options.rule(alpha));
            rows.label.push_back(decision.certified ? decision.label : kNoLabel);
            rows.margin.push_back(decision.certified ? decision.margin : 0.0f);
            rows.certificate.push_back(decision.certified);
            all = all && decision.certified;
        }
    }
    return all;
}

// Collective. The models, where they are given and a position of any block needs them: all ranks load, or none does.
std::optional<Models> load_models(const dist::Comm& comm, const StoredLabels& stored, const RelabelFromInputs& inputs,
                                  const CombineOptions& options) {
    std::optional<Models> models;
    if (!inputs.load_baseline) return models;
    bool all = true;
    dist::run_agreed(comm, "labels from the stored logits", [&] {
        for (auto id = static_cast<std::uint64_t>(comm.rank()); all && id < stored.blocks();
             id += static_cast<std::uint64_t>(comm.size())) {
            BlockLabels block = stored.read(id);
            all = decide(block, options);
        }
    });
    if (!comm.all_reduce_or(!all)) return models;
    dist::run_agreed(comm, "load the models", [&] {
        models.emplace(Models{inputs.load_baseline(), inputs.load_reinforced()});
    });
    return models;
}

BlockLabels label_stored(const StoredLabels& stored, std::uint64_t id, const CombineOptions& options,
                         const std::optional<Models>& models) {
    BlockLabels block = stored.read(id);
    if (decide(block, options) || !models) return block;
    return models->label(stored.tokens(id), stored.read(id), options);
}

text::Corpus stored_corpus(const StoredLabels& stored) {
    text::Corpus corpus;
    for (std::uint64_t id = 0; id < stored.blocks(); ++id) {
        text::TokenBlock block;
        block.ids = stored.tokens(id);
        corpus.blocks.push_back(std::move(block));
    }
    return corpus;
}

Json alpha_names(const std::vector<double>& alphas) {
    Json names = Json::array();
    for (const double alpha : alphas) names.push_back(alpha_name(alpha));
    return names;
}

void check_models(const StoredLabels& stored, const RelabelFromInputs& inputs) {
    if (static_cast<bool>(inputs.load_baseline) != static_cast<bool>(inputs.load_reinforced)) {
        fail(ErrorKind::kUsage, "baseline and reinforced model go together: give both, or neither");
    }
    if (!inputs.load_baseline) return;
    const Json source = stored.attributes();
    Problems problems;
    const auto compare = [&](const char* name, const std::string& given, const char* what) {
        const std::string made = source.value(name, Json()).is_string() ? source.at(name).get<std::string>() : "";
        if (made != given) {
            problems.add("the labels were made with another {} model (digest {}, this one has {})", what,
                         made.substr(0, 12), given.substr(0, 12));
        }
    };
    compare("baseline_digest", inputs.baseline_digest, "baseline");
    compare("reinforced_digest", inputs.reinforced_digest, "reinforced");
    problems.throw_if_any(ErrorKind::kData, inputs.labels.string());
}

}  // namespace

std::vector<std::string> RelabelFromOptions::validate() const {
    Problems problems;
    check_label_rules(alphas, plausible, problems);
    return problems.items();
}

Json derived_attributes(const StoredLabels& stored, const RelabelFromOptions& options) {
    Json out = Json::object();
    const Json source = stored.attributes();
    for (const char* name : {"baseline_digest", "reinforced_digest", "tokenizer_digest", "dictionary_digest",
                             "corpus_digest", "rules", "vocabulary", "seed"}) {
        if (source.contains(name)) out[name] = source.at(name);
    }
    const Json text = source.value("config_json", Json("{}"));
    Json config = text.is_string() ? parse_json(text.get<std::string>(), "config_json") : Json();
    if (!config.is_object()) fail(ErrorKind::kData, "the attribute config_json is no JSON object");
    const Json names = alpha_names(options.alphas);
    config["combine"] = combine_name(options.combine);
    config["plausible"] = options.plausible;
    config["alphas"] = names;
    config["store_logits"] = false;
    config["activation_layers"] = Json::array();
    out["combine"] = combine_name(options.combine);
    out["plausible"] = options.plausible;
    out["alphas_json"] = canonical_json(names);
    out["config_json"] = canonical_json(config);
    return out;
}

store::ArtefactKey relabel_from_key(const RelabelFromInputs& inputs, const RelabelFromOptions& options) {
    Json determining = {{"combine", combine_name(options.combine)},
                        {"plausible", options.plausible},
                        {"alphas", alpha_names(options.alphas)},
                        {"unproved", inputs.load_baseline ? "by the models" : "without a label"}};
    if (inputs.load_baseline) determining["compute"] = inputs.compute;
    return {"relabel", determining, {{"labels", inputs.labels_digest}}};
}

store::Artefact relabel_from(const dist::Comm& comm, const RelabelFromInputs& inputs, const RelabelFromOptions& options,
                             const std::filesystem::path& outputs) {
    const dist::StageScope stage("relabel");
    if (const auto problems = options.validate(); !problems.empty()) {
        fail(ErrorKind::kUsage, "relabel: {}", fmt::join(problems, "; "));
    }
    const store::ArtefactKey key = relabel_from_key(inputs, options);
    if (auto existing = store::find_artefact(comm, outputs, key)) return *existing;

    std::optional<StoredLabels> stored;
    text::Corpus corpus;
    dist::run_agreed(comm, "read labels", [&] {
        stored.emplace(inputs.labels);
        check_models(*stored, inputs);
        corpus = stored_corpus(*stored);
    });
    const CombineOptions combine{options.combine,
                                 {options.alphas.begin(), options.alphas.end()},
                                 stored->top_k(),
                                 static_cast<float>(options.plausible)};
    const std::optional<Models> models = load_models(comm, *stored, inputs, combine);
    store::ArtefactWriter writer(comm, outputs, key);
    store::BlockOptions block_options;
    block_options.label = "relabel";
    block_options.key_digest = key.digest();
    const store::BlockResults blocks =
        store::for_each_block(comm, writer.scratch_folder() / "labels", stored->blocks(), block_options,
                              [&](std::uint64_t id) { return label_stored(*stored, id, combine, models).pack(); });
    LabelFileInput file;
    file.corpus = &corpus;
    file.blocks = &blocks;
    file.length = stored->length();
    file.alphas = options.alphas;
    file.top_k = stored->top_k();
    file.dictionary_text = stored->dictionary_text();
    file.attributes = derived_attributes(*stored, options);
    LabelCounts counts;
    const std::string digest = write_label_file(comm, writer.data_folder() / kLabelFile, file, counts);
    return writer.publish(counts.to_json(options.alphas), {{kLabelFile, digest}});
}

}  // namespace nepenthe::unlearn
