#include "pipelines/repair_watch.h"

#include <fmt/format.h>

#include <optional>

namespace nepenthe::pipelines {

namespace {

constexpr const char* kHoldout = "holdout";  // its name among the results

}  // namespace

void RepairWatch::declare(Options& options) {
    evaluate::EvaluateOptions& measured = evaluation_.options;
    measured.window = 512;
    options.add("holdout", holdout_, "retained text that is not in --stats: its perplexity at every λ");
    options.add("window", measured.window, "tokens a perplexity window; 0 = the model's maximum, at most 2048", 0);
    options.add("familiarity-prompts", measured.familiarity_prompts, "measured at every λ: what is to be forgotten");
    options.add("neighbour-prompts", measured.neighbour_prompts, "measured at every λ: what must stay");
}

void RepairWatch::finish(const Options& options, std::uint64_t seed, Problems& problems) {
    evaluate::EvaluateOptions& measured = evaluation_.options;
    measured.seed = seed;
    if (!measured.familiarity_prompts.empty()) measured.tasks.emplace_back("familiarity_probability");
    if (!measured.neighbour_prompts.empty()) measured.tasks.emplace_back("neighbour_probability");
    problems.add_all(measured.validate());
    if (holdout_.empty()) {
        options.refuse_unread({"window"}, "with --holdout", problems);
    } else {
        evaluation_.texts = {{kHoldout, holdout_}};
        if (!std::filesystem::exists(holdout_)) problems.add("--holdout {} is not there", holdout_.string());
    }
}

unlearn::RepairMeasure RepairWatch::measure(const dist::Comm& comm, const text::Tokenizer& tokenizer,
                                            model::Compute compute) const {
    if (evaluation_.texts.empty() && evaluation_.options.tasks.empty()) return {};
    return [this, &comm, &tokenizer, compute](const model::Decoder& decoder) {
        std::optional<model::Decoder> rounded;
        if (decoder.compute() != compute) rounded.emplace(decoder.copy(compute));
        const auto results = evaluation_.measure(comm, rounded ? *rounded : decoder, tokenizer, {});
        unlearn::RepairMeasured measured;
        if (has_holdout())
            measured.perplexity = metric_value(results, std::string("perplexity:") + kHoldout, "perplexity");
        if (!evaluation_.options.familiarity_prompts.empty())
            measured.familiarity = metric_value(results, "familiarity_probability", "content_mass");
        if (has_neighbours()) measured.neighbours = metric_value(results, "neighbour_probability", "content_mass");
        return measured;
    };
}

std::string curve_text(const Json& summary) {
    const auto number = [](const Json& value) {
        return value.is_null() ? std::string() : fmt::format("{:.4f}", value.get<double>());
    };
    const auto line = [](const std::string& name, const std::string& kept, const std::string& perplexity,
                         const std::string& familiarity, const std::string& neighbours) {
        return fmt::format("  {:<8} {:>8} {:>12} {:>12} {:>12}\n", name, kept, perplexity, familiarity, neighbours);
    };
    const auto measured = [&](const std::string& name, const std::string& kept, const Json& row) {
        return line(name, kept, number(row.at("perplexity")), number(row.at("familiarity")),
                    number(row.at("neighbours")));
    };
    std::string text = line("λ", "kept", "perplexity", "familiarity", "neighbours");
    text += measured("base", "", summary.at("base"));
    for (const Json& row : summary.at("curve"))
        text += measured(fmt::format("{}", row.at("lambda").get<double>()), number(row.at("kept")), row);
    return text + fmt::format("λ {} is taken\n", summary.at("lambda").get<double>());
}

}  // namespace nepenthe::pipelines
