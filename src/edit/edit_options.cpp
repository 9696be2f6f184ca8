#include "edit/edit_options.h"

#include "base/error.h"
#include "base/json_whole.h"
#include "edit/option_names.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace nepenthe::edit {

namespace {

constexpr std::int64_t kPrefixTokens = 10;  // of the prefixes that are asked for by their number
constexpr std::int64_t kMostPrefixes = 1000;

template <typename Value>
struct Name {
    Value value;
    const char* name;
};

constexpr std::array<Name<Method>, 8> kMethods{{{Method::kRRome, "r-rome"},
                                                {Method::kRome, "rome"},
                                                {Method::kPRome, "p-rome"},
                                                {Method::kMemit, "memit"},
                                                {Method::kMemitMerged, "memit-merged"},
                                                {Method::kEmmet, "emmet"},
                                                {Method::kAlphaEdit, "alphaedit"},
                                                {Method::kFineTune, "ft"}}};
constexpr std::array<Name<Mode>, 3> kModes{
    {{Mode::kOneAtATime, "one-at-a-time"}, {Mode::kSequential, "sequential"}, {Mode::kBatch, "batch"}}};
constexpr std::array<Name<SharedSubjects>, 3> kShared{
    {{SharedSubjects::kRefuse, "refuse"}, {SharedSubjects::kMerge, "merge"}, {SharedSubjects::kKeep, "keep"}}};
constexpr std::array<Name<ResidualAt>, 2> kResiduals{{{ResidualAt::kMean, "mean"}, {ResidualAt::kBare, "bare"}}};
constexpr std::array<Name<ValueSite>, 2> kSites{
    {{ValueSite::kMlpOutput, "mlp-output"}, {ValueSite::kBlockOutput, "block-output"}}};

template <typename Names>
auto parse(const Names& names, const std::string& text, const char* what) {
    std::string known;
    for (const auto& entry : names) {
        if (text == entry.name) return entry.value;
        known += (known.empty() ? "" : ", ") + std::string(entry.name);
    }
    fail(ErrorKind::kUsage, "there is no {} \"{}\"; choose one of {}", what, text, known);
}

template <typename Names>
std::vector<std::string> names_of(const Names& names) {
    std::vector<std::string> all;
    for (const auto& entry : names) all.emplace_back(entry.name);
    return all;
}

template <typename Names, typename Value>
std::string name_of(const Names& names, Value value) {
    return std::ranges::find(names, value, [](const auto& entry) { return entry.value; })->name;
}

// The values' options with what the layers and the method say about them.
ValueOptions placed_value(const EditOptions& options) {
    ValueOptions placed = options.value;
    placed.site = options.value_site();
    placed.layer = options.layers.empty() ? 0 : options.layers.back();
    return placed;
}

// Block outputs have a name of their own: earlier ledgers say "residual": "mean" of them, too, where it was always that
// of the bare prompt.
const char* residual_key(ValueSite site) { return site == ValueSite::kBlockOutput ? "block_residual" : "residual"; }

bool positive(double value) { return std::isfinite(value) && value > 0; }

void check_layers(const EditOptions& options, const model::DecoderConfig& config, std::vector<std::string>& problems) {
    if (options.layers.empty()) problems.emplace_back("no layer is given");
    for (std::size_t i = 0; i < options.layers.size(); ++i) {
        const std::int64_t layer = options.layers[i];
        if (layer < 0 || layer >= config.layers) {
            problems.push_back(
                fmt::format("layer {} does not exist, the model has layers 0 to {}", layer, config.layers - 1));
        }
        if (i > 0 && layer <= options.layers[i - 1])
            problems.push_back(fmt::format("layers must ascend: {} after {}", layer, options.layers[i - 1]));
    }
    const bool single = is_rank_one(options.method) || options.method == Method::kFineTune;
    if (single && options.layers.size() > 1) {
        problems.push_back(
            fmt::format("{} edits one layer, {} are given", method_name(options.method), options.layers.size()));
    }
    if (options.layers.size() > 1 && options.site == ValueSite::kMlpOutput) {
        problems.emplace_back(
            "several layers share their work through the block's output: values cannot live at the last layer's MLP");
    }
    if (is_rank_one(options.method) && options.site == ValueSite::kBlockOutput) {
        problems.push_back(fmt::format("{} takes values at the MLP's output", method_name(options.method)));
    }
}

}  // namespace

Method parse_method(const std::string& name) { return parse(kMethods, name, "method"); }
Mode parse_mode(const std::string& name) { return parse(kModes, name, "mode"); }
SharedSubjects parse_shared_subjects(const std::string& name) {
    return parse(kShared, name, "way with shared subjects");
}
ResidualAt parse_residual(const std::string& name) { return parse(kResiduals, name, "place of the residual"); }
ValueSite parse_value_site(const std::string& name) { return parse(kSites, name, "place of the values"); }
std::string method_name(Method method) { return name_of(kMethods, method); }
std::string mode_name(Mode mode) { return name_of(kModes, mode); }

const std::vector<std::string>& method_names() {
    static const std::vector<std::string> names = names_of(kMethods);
    return names;
}
std::vector<std::string> mode_names() { return names_of(kModes); }
std::vector<std::string> shared_subjects_names() { return names_of(kShared); }
std::vector<std::string> residual_names() { return names_of(kResiduals); }
std::vector<std::string> value_site_names() { return names_of(kSites); }

bool is_rank_one(Method method) {
    return method == Method::kRRome || method == Method::kRome || method == Method::kPRome;
}

Mode default_mode(Method method) { return is_rank_one(method) ? Mode::kSequential : Mode::kBatch; }

std::vector<std::string> EditOptions::validate(const model::DecoderConfig& config) const {
    std::vector<std::string> problems;
    check_layers(*this, config, problems);
    if (is_rank_one(method) && mode == Mode::kBatch) {
        problems.push_back(
            fmt::format("{} writes one fact at a time: choose --mode sequential or one-at-a-time, or the batch form "
                        "of its constraint, --method emmet",
                        method_name(method)));
    }
    if (method == Method::kMemitMerged && shared_subjects == SharedSubjects::kKeep) {
        problems.emplace_back("memit-merged takes one value per subject; to keep them apart choose --method memit");
    }
    if (method != Method::kFineTune) {
        for (const std::string& problem : value.validate()) problems.push_back(problem);
    } else if (value_compute != model::Compute::kFloat32) {
        problems.emplace_back("ft computes no values, and fine-tunes in fp32: leave bf16 out");
    }
    const bool memit = method == Method::kMemit || method == Method::kMemitMerged;
    if (memit && !positive(lambda)) problems.emplace_back("lambda must be positive");
    if (!positive(emmet_weight)) problems.emplace_back("emmet-weight must be positive");
    if (!std::isfinite(emmet_mu) || emmet_mu < 0) problems.emplace_back("emmet-mu must not be negative");
    if (method == Method::kAlphaEdit && !positive(tau)) problems.emplace_back("tau must be positive");
    if (method == Method::kAlphaEdit && !positive(l2)) problems.emplace_back("l2 must be positive");
    if (facts_per_block < 1 || facts_per_block > 4096)
        problems.emplace_back("facts-per-block must lie between 1 and 4096");
    if (batch < 0) problems.emplace_back("batch must not be negative");
    if (prefix_count > kMostPrefixes)
        problems.push_back(fmt::format("at most {} context prefixes, not {}", kMostPrefixes, prefix_count));
    if (!std::isfinite(min_response)) problems.emplace_back("min-response must be a number");
    if (fine_tune.steps < 1 || !positive(fine_tune.lr) || !positive(fine_tune.box) || fine_tune.minibatch < 1) {
        problems.emplace_back("fine-tuning needs positive steps, lr, box and minibatch");
    }
    return problems;
}

Json EditOptions::to_json() const {
    Json json = {{"method", method_name(method)},
                 {"mode", mode_name(mode)},
                 {"layers", layers},
                 {"facts_per_block", facts_per_block},
                 {"seed", seed},
                 {"shared_subjects", name_of(kShared, shared_subjects)}};
    if (method == Method::kFineTune) {
        json["fine_tune"] = {{"steps", fine_tune.steps},
                             {"lr", fine_tune.lr},
                             {"stop_loss", fine_tune.stop_loss},
                             {"box", fine_tune.box},
                             {"minibatch", fine_tune.minibatch}};
    } else {
        json["value"] = placed_value(*this).to_json();
        json["site"] = name_of(kSites, value_site());
        json["value_compute"] = model::compute_name(value_compute);
    }
    if (method == Method::kMemit || method == Method::kMemitMerged) json["lambda"] = lambda;
    if (prefix_count >= 0) json["prefix_count"] = prefix_count;
    if (text_start_prefixes) json["text_start_prefixes"] = true;
    if (method == Method::kEmmet) json.update({{"emmet_weight", emmet_weight}, {"emmet_mu", emmet_mu}});
    if (method == Method::kAlphaEdit) json.update({{"tau", tau}, {"l2", l2}});
    if (is_rank_one(method)) {
        json["min_response"] = min_response;
    } else {
        json["batch"] = batch;
        json[residual_key(value_site())] = name_of(kResiduals, residual_at());
    }
    return json;
}

Json EditOptions::values_json() const {
    const PrefixOptions contexts = prefixes();
    return {{"value", placed_value(*this).to_json()},
            {"site", name_of(kSites, value_site())},
            {"value_compute", model::compute_name(value_compute)},
            {"facts_per_block", facts_per_block},
            {"prefixes", contexts.counts},
            {"prefix_beginnings", contexts.beginnings},
            {"prefix_lengths", contexts.lengths},
            {"seed", contexts.seed}};
}

EditOptions EditOptions::from_json(const Json& json) {
    EditOptions options;
    try {
        options.method = parse_method(json.at("method"));
        options.mode = parse_mode(json.at("mode"));
        options.layers = json_wholes<std::int64_t>(json.at("layers"));
        options.facts_per_block = json_whole<std::int64_t>(json.at("facts_per_block"));
        options.seed = json_whole<std::uint64_t>(json.at("seed"));
        options.shared_subjects = parse_shared_subjects(json.at("shared_subjects"));
        if (options.method == Method::kFineTune) {
            const Json& tuning = json.at("fine_tune");
            options.fine_tune = {tuning.at("steps"), tuning.at("lr"), tuning.at("stop_loss"), tuning.at("box"),
                                 tuning.at("minibatch")};
        } else {
            const Json& value = json.at("value");
            options.value.steps = json_whole<decltype(options.value.steps)>(value.at("steps"));
            value.at("lr").get_to(options.value.lr);
            value.at("relative_lr").get_to(options.value.relative_lr);
            value.at("clamp").get_to(options.value.clamp);
            value.at("decay").get_to(options.value.decay);
            value.at("kl").get_to(options.value.kl);
            value.at("stop_loss").get_to(options.value.stop_loss);
            options.site = parse_value_site(json.at("site"));
            options.value_compute = model::parse_compute(json.value("value_compute", "fp32"));
        }
        options.lambda = json.value("lambda", options.lambda);
        options.emmet_weight = json.value("emmet_weight", options.emmet_weight);
        options.emmet_mu = json.value("emmet_mu", options.emmet_mu);
        options.tau = json.value("tau", options.tau);
        options.l2 = json.value("l2", options.l2);
        options.batch = json.value("batch", options.batch);
        options.min_response = json.value("min_response", options.min_response);
        options.prefix_count = json.value("prefix_count", options.prefix_count);
        options.text_start_prefixes = json.value("text_start_prefixes", false);
        const char* const residual = residual_key(options.value_site());
        if (json.contains(residual)) options.residual = parse_residual(json.at(residual));
    } catch (const Json::exception& error) {
        fail(ErrorKind::kData, "options of an edit: {}", error.what());
    }
    return options;
}

void EditOptions::fill_defaults(const model::DecoderConfig& config, std::int64_t sentences) {
    // Ours (docs/methods.md says how they differ from what is published, which published_options() has): one layer at
    // the depth of ROME's on GPT-2 XL, or the 5 of its larger models; strengths from the same files; Gemma 3's are
    // measured on the 270M model. They are starting points: `nepenthe trace` proposes layers for a model.
    const bool gpt2 = config.family == "gpt2", post_norm = model::norms_output(config.norm_place);
    if (layers.empty()) {
        const std::int64_t deepest = post_norm && !is_rank_one(method) ? 4 : 5;
        layers = {gpt2 ? config.layers * 17 / 48 : std::min(deepest, config.layers / 3)};
    }
    if (lambda == 0) lambda = post_norm ? 100 : gpt2 ? 20000 : 15000;
    // AlphaEdit as published has 2e-2 and 10, which leaves Gemma 3's values half written.
    if (tau == 0) tau = post_norm ? 0.5 : 2e-2;
    if (l2 == 0) l2 = post_norm ? 1 : 10;
    // ROME's 20 prefixes are no better there than five, and the bare prompt sees less of r-ROME's edit.
    if (prefix_count < 0 && post_norm && is_rank_one(method)) prefix_count = 5;
    // What W writes is small where a norm follows it (Gemma 3 270M: ‖v0‖ about 4): the published decay, divided by
    // ‖v0‖², would then be above stop_loss by itself and no value would ever be done.
    if (value.relative_lr < 0) value.relative_lr = post_norm ? 0.8 : 0.5;
    // Sentences about other subjects in the second moments keep the neighbours that a larger clamp costs; in one batch
    // updates add up.
    const bool sentences_pay = post_norm && sentences >= kEnoughSentences;
    if (value.clamp < 0) value.clamp = !sentences_pay ? 1 : is_rank_one(method) ? 2 : 1.5;
    if (value.decay < 0) value.decay = post_norm ? 1e-3 : 0.5;
}

ValueSite EditOptions::value_site() const {
    return site.value_or(layers.size() > 1 ? ValueSite::kBlockOutput : ValueSite::kMlpOutput);
}

ResidualAt EditOptions::residual_at() const {
    return residual.value_or(value_site() == ValueSite::kBlockOutput ? ResidualAt::kBare : ResidualAt::kMean);
}

PrefixOptions EditOptions::prefixes() const {
    PrefixOptions options = is_rank_one(method) ? rome_prefixes() : memit_prefixes();
    if (text_start_prefixes) options.beginnings = {""};
    if (prefix_count >= 0) options.counts = {prefix_count}, options.lengths = {kPrefixTokens};
    if (method == Method::kFineTune) options.counts = options.lengths = {};
    options.seed = seed;
    return options;
}

PrefixMean EditOptions::prefix_mean() const { return is_rank_one(method) ? PrefixMean::kFlat : PrefixMean::kHalfBare; }

EditOptions published_options(const PublishedEdit& row) {
    constexpr std::int64_t kFactsABatch = 100;  // of AlphaEdit's and its paper's sequential runs (--num_edits=100)
    EditOptions options;
    options.method = parse_method(row.method);
    options.mode = default_mode(options.method);
    options.layers = row.layers;
    options.value.steps = row.steps;
    options.value.lr = row.lr;
    options.value.relative_lr = 0;
    options.value.clamp = row.clamp;
    options.value.decay = row.decay;
    options.value.kl = row.kl;
    options.text_start_prefixes = row.text_start;
    options.lambda = row.lambda;
    options.tau = row.tau;
    options.l2 = row.l2;
    if (is_rank_one(options.method)) return options;
    options.site = ValueSite::kBlockOutput;
    options.residual = ResidualAt::kBare;
    options.shared_subjects = SharedSubjects::kKeep;
    if (options.method == Method::kAlphaEdit) {
        options.mode = Mode::kSequential;
        options.batch = kFactsABatch;
    }
    return options;
}

}  // namespace nepenthe::edit
