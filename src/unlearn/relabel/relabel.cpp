#include "unlearn/relabel/relabel.h"

#include "base/error.h"
#include "base/log.h"
#include "dist/guard.h"
#include "store/blocks.h"
#include "unlearn/relabel/label_file.h"
#include "unlearn/relabel/labels.h"
#include "unlearn/relabel/memory.h"
#include "unlearn/relabel/relabel_block.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>

namespace nepenthe::unlearn {

namespace {

// What all blocks share.
struct Plan {
    const RelabelOptions* options = nullptr;
    text::Corpus corpus;
    std::unique_ptr<Translator> translator;
    CombineOptions combine;
    std::int64_t max_positions = 0;

    TranslatedBlock translate(std::uint64_t block) const {
        TranslatedBlock translation = translator->translate(block);
        if (max_positions > 0) translation.truncate(static_cast<std::size_t>(max_positions));
        return translation;
    }
};

std::vector<std::int32_t> mapped(const TranslatedBlock& translation, const std::vector<std::int32_t>& positions) {
    std::vector<std::int32_t> out;
    for (const std::int32_t position : positions) out.push_back(translation.map[static_cast<std::size_t>(position)]);
    return out;
}

States baseline_states(const Plan& plan, const model::Decoder& baseline, const TranslatedBlock& translation) {
    const auto positions = mapped(translation, labelled_positions(translation));
    return run_model(baseline, translation.tokens, positions, plan.options->activation_layers);
}

std::string finish_block(const Plan& plan, std::uint64_t id, TranslatedBlock translation, States baseline,
                         const Unembedding& baseline_unembedding, const model::Decoder& reinforced,
                         const Unembedding& reinforced_unembedding) {
    const auto positions = labelled_positions(translation);
    const States states = run_model(reinforced, plan.corpus.blocks[id].ids, positions, {});
    return label_block(std::move(translation), std::move(baseline), baseline_unembedding, states,
                       reinforced_unembedding, plan.combine, plan.options->store_logits)
        .pack();
}

store::BlockOptions block_options(const Plan& plan, const std::string& label, const std::string& key) {
    store::BlockOptions options;
    options.label = label;
    options.key_digest = key;
    for (const auto& block : plan.corpus.blocks) options.costs.push_back(static_cast<double>(block.ids.size()));
    return options;
}

// Problems of a model with the corpus and the options, found before any work.
void check_model(const model::DecoderConfig& config, const RelabelOptions& options, const text::Corpus& corpus,
                 std::string_view role) {
    Problems problems;
    text::TokenId largest = 0;
    for (const auto& block : corpus.blocks) {
        for (const text::TokenId id : block.ids) largest = std::max(largest, id);
    }
    if (largest >= config.vocabulary) {
        problems.add("the tokenizer gives id {}, the {} model's vocabulary has {} entries", largest, role,
                     config.vocabulary);
    }
    if (options.block > config.max_positions && config.max_positions > 0) {
        problems.add("blocks of {} tokens do not fit into the {} model's {} positions", options.block, role,
                     config.max_positions);
    }
    if (options.top_k > config.vocabulary) {
        problems.add("top-k {} is more than the {} model's vocabulary of {}", options.top_k, role, config.vocabulary);
    }
    for (const std::int64_t layer : options.activation_layers) {
        if (layer >= config.layers) problems.add("layer {}: the {} model has {}", layer, role, config.layers);
    }
    problems.throw_if_any(ErrorKind::kData, "these inputs do not belong together");
}

void check_pair(const model::DecoderConfig& baseline, const model::DecoderConfig& reinforced) {
    if (baseline.vocabulary != reinforced.vocabulary) {
        fail(ErrorKind::kData, "baseline and reinforced model have vocabularies of {} and {}; they must be the same",
             baseline.vocabulary, reinforced.vocabulary);
    }
}

// A dictionary that replaces nothing would make labels of a plain model, and blocks in which no position can have a
// label make none at all; ranks look at their share until one finds both.
void check_translation(const dist::Comm& comm, const Plan& plan, const Dictionary& dictionary) {
    bool hit = dictionary.entries.empty(), label = false;
    for (auto id = static_cast<std::size_t>(comm.rank()); id < plan.corpus.blocks.size() && !(hit && label);
         id += static_cast<std::size_t>(comm.size())) {
        const TranslatedBlock translation = plan.translate(id);
        hit = hit || !translation.hits.empty();
        label = label || !labelled_positions(translation).empty();
    }
    if (!comm.all_reduce_or(hit)) {
        fail(ErrorKind::kData,
             "none of the dictionary's {} terms occurs in the corpus; check that they belong together (anchors check), "
             "or that short terms are allowed",
             dictionary.entries.size());
    }
    if (!comm.all_reduce_or(label)) {
        fail(ErrorKind::kData,
             "no position of the corpus's {} blocks would get a label: each is a single token or nothing but terms",
             plan.corpus.blocks.size());
    }
}

store::BlockResults label_resident(const dist::Comm& comm, const Plan& plan, const RelabelInputs& inputs,
                                   const model::Decoder& baseline, const std::filesystem::path& scratch,
                                   const std::string& key) {
    std::optional<model::Decoder> reinforced;
    dist::run_agreed(comm, "load the reinforced model", [&] {
        reinforced.emplace(inputs.load_reinforced());
        check_model(reinforced->config(), *plan.options, plan.corpus, "reinforced");
        check_pair(baseline.config(), reinforced->config());
    });
    const Unembedding head_b = Unembedding::of(baseline), head_r = Unembedding::of(*reinforced);
    return store::for_each_block(comm, scratch / "labels", plan.corpus.blocks.size(),
                                 block_options(plan, "relabel", key), [&](std::uint64_t id) {
                                     TranslatedBlock translation = plan.translate(id);
                                     States states = baseline_states(plan, baseline, translation);
                                     return finish_block(plan, id, std::move(translation), std::move(states), head_b,
                                                         *reinforced, head_r);
                                 });
}

store::BlockResults label_swapped(const dist::Comm& comm, const Plan& plan, const RelabelInputs& inputs,
                                  std::optional<model::Decoder> baseline, const std::filesystem::path& scratch,
                                  const std::string& key) {
    const store::BlockResults states = store::for_each_block(
        comm, scratch / "baseline", plan.corpus.blocks.size(), block_options(plan, "baseline states", key),
        [&](std::uint64_t id) { return baseline_states(plan, *baseline, plan.translate(id)).pack(); });
    const Unembedding head_b = Unembedding::of(*baseline).compact();
    const model::DecoderConfig config = baseline->config();
    baseline.reset();
    std::optional<model::Decoder> reinforced;
    dist::run_agreed(comm, "load the reinforced model", [&] {
        reinforced.emplace(inputs.load_reinforced());
        check_model(reinforced->config(), *plan.options, plan.corpus, "reinforced");
        check_pair(config, reinforced->config());
    });
    const Unembedding head_r = Unembedding::of(*reinforced);
    return store::for_each_block(comm, scratch / "labels", plan.corpus.blocks.size(),
                                 block_options(plan, "relabel", key), [&](std::uint64_t id) {
                                     return finish_block(plan, id, plan.translate(id), States::unpack(states.read(id)),
                                                         head_b, *reinforced, head_r);
                                 });
}

bool wants_swap(const dist::Comm& comm, const model::Decoder& baseline, Swap swap) {
    if (swap != Swap::kAuto) return swap == Swap::kAlways;
    std::uint64_t model_bytes = 0;
    for (const auto& parameter : baseline.parameters()) model_bytes += parameter.tensor.nbytes();
    // The second model must fit into what is free for this rank, with room for logits and the page cache. One rank that
    // must swap makes all swap.
    const auto ranks_here = static_cast<std::uint64_t>(comm.split_node().size());
    return comm.all_reduce_or(model_bytes + model_bytes / 2 > available_memory() / ranks_here);
}

LabelFileInput file_input(const Plan& plan, const store::BlockResults& blocks, const RelabelInputs& inputs,
                          const RelabelOptions& options, const model::DecoderConfig& config) {
    LabelFileInput out;
    out.corpus = &plan.corpus;
    out.blocks = &blocks;
    out.length = options.block;
    out.vocabulary = config.vocabulary;
    out.alphas = options.alphas;
    out.top_k = options.top_k;
    out.logits = options.store_logits;
    out.activation_layers = options.activation_layers;
    out.hidden = config.hidden;
    out.dictionary_text = inputs.dictionary.to_text();
    Json alphas = Json::array();
    for (const double alpha : options.alphas) alphas.push_back(alpha_name(alpha));
    out.attributes = {{"baseline_digest", inputs.baseline_digest},
                      {"reinforced_digest", inputs.reinforced_digest},
                      {"tokenizer_digest", inputs.tokenizer->digest()},
                      {"dictionary_digest", inputs.dictionary.digest()},
                      {"corpus_digest", plan.corpus.digest},
                      {"rules", rules_name(options.rules)},
                      {"combine", combine_name(options.combine)},
                      {"plausible", options.plausible},
                      {"alphas_json", canonical_json(alphas)},
                      {"vocabulary", config.vocabulary},
                      {"seed", options.seed},
                      {"config_json", canonical_json(options.to_json())}};
    return out;
}

Plan make_plan(const RelabelInputs& inputs, const RelabelOptions& options) {
    Plan plan;
    plan.options = &options;
    plan.corpus = cut_corpus(inputs.documents, *inputs.tokenizer, options.block, options.rules);
    if (plan.corpus.blocks.empty()) {
        fail(ErrorKind::kData, "the corpus gives no block of {} tokens{}", options.block,
             options.rules == Rules::kPublished ? " (the published rules drop the last block)" : "");
    }
    plan.combine = {options.combine,
                    {options.alphas.begin(), options.alphas.end()},
                    options.top_k,
                    static_cast<float>(options.plausible)};
    return plan;
}

store::ArtefactKey artefact_key(const RelabelInputs& inputs, const RelabelOptions& options, const Plan& plan) {
    Json determining = options.to_json();
    determining["compute"] = inputs.compute;
    return {"relabel",
            determining,
            {{"baseline", inputs.baseline_digest},
             {"reinforced", inputs.reinforced_digest},
             {"tokenizer", inputs.tokenizer->digest()},
             {"dictionary", inputs.dictionary.digest()},
             {"corpus", plan.corpus.digest}}};
}

}  // namespace

Swap parse_swap(std::string_view name) {
    if (name == "auto") return Swap::kAuto;
    if (name == "always") return Swap::kAlways;
    if (name == "never") return Swap::kNever;
    fail(ErrorKind::kUsage, "swap \"{}\" is not known; there are \"auto\", \"always\" and \"never\"", name);
}

std::vector<std::string> RelabelOptions::validate() const {
    Problems problems;
    check_label_rules(alphas, plausible, problems);
    if (top_k < 2 || top_k > 65536) problems.add("top-k {} is not in 2 … 65536", top_k);
    if (block < 8 || block > 1 << 20) problems.add("a block of {} tokens is not in 8 … 1048576", block);
    for (const std::int64_t layer : activation_layers) {
        if (layer < 0) problems.add("activation layer {} is negative", layer);
    }
    return problems.items();
}

Json RelabelOptions::to_json() const {
    Json names = Json::array();
    for (const double alpha : alphas) names.push_back(alpha_name(alpha));
    Json out = {{"rules", rules_name(rules)},
                {"combine", combine_name(combine)},
                {"plausible", plausible},
                {"alphas", names},
                {"top_k", top_k},
                {"block", block},
                {"seed", seed},
                {"store_logits", store_logits},
                {"activation_layers", activation_layers}};
    if (rules == Rules::kImproved) {
        out["matching"] = kMatchVersion;
        out["casings"] = match.casings;
        out["inflections"] = match.inflections;
        out["min_characters"] = match.min_characters;
    }
    return out;
}

store::ArtefactKey relabel_key(const RelabelInputs& inputs, const RelabelOptions& options) {
    return artefact_key(inputs, options, make_plan(inputs, options));
}

store::Artefact relabel(const dist::Comm& comm, const RelabelInputs& inputs, const RelabelOptions& options,
                        const std::filesystem::path& outputs) {
    const dist::StageScope stage("relabel");
    if (const auto problems = options.validate(); !problems.empty()) {
        fail(ErrorKind::kUsage, "relabel: {}", fmt::join(problems, "; "));
    }
    Plan plan;
    dist::run_agreed(comm, "cut the corpus", [&] { plan = make_plan(inputs, options); });
    const store::ArtefactKey key = artefact_key(inputs, options, plan);
    if (auto existing = store::find_artefact(comm, outputs, key)) return *existing;

    std::optional<model::Decoder> baseline;
    dist::run_agreed(comm, "load the baseline model", [&] {
        plan.translator = make_translator(options.rules, inputs.dictionary, *inputs.tokenizer, plan.corpus,
                                          options.seed, options.match);
        baseline.emplace(inputs.load_baseline());
        check_model(baseline->config(), options, plan.corpus, "baseline");
    });
    const model::DecoderConfig config = baseline->config();
    plan.max_positions = config.max_positions;
    check_translation(comm, plan, inputs.dictionary);

    store::ArtefactWriter writer(comm, outputs, key);
    const bool swap = wants_swap(comm, *baseline, options.swap);
    log_info("relabel: {} blocks of {} tokens, {}", plan.corpus.blocks.size(), options.block,
             swap ? "one model at a time" : "both models in memory");
    const store::BlockResults blocks =
        swap ? label_swapped(comm, plan, inputs, std::move(baseline), writer.scratch_folder(), key.digest())
             : label_resident(comm, plan, inputs, *baseline, writer.scratch_folder(), key.digest());
    LabelCounts counts;
    const std::string digest = write_label_file(comm, writer.data_folder() / kLabelFile,
                                                file_input(plan, blocks, inputs, options, config), counts);
    return writer.publish(counts.to_json(options.alphas), {{kLabelFile, digest}});
}

}  // namespace nepenthe::unlearn
