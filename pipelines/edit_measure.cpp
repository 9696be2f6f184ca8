#include "pipelines/edit_measure.h"

#include "store/blocks.h"

#include <algorithm>

namespace nepenthe::pipelines {

evaluate::EditMeasure EditMeasurement::measure_for(const std::vector<edit::Fact>& facts) {
    const bool all_true = std::ranges::all_of(facts, [](const edit::Fact& fact) { return !fact.target_true.empty(); });
    return all_true ? evaluate::EditMeasure::kCounterFact : evaluate::EditMeasure::kEasyEdit;
}

EditMeasurement::EditMeasurement(const std::vector<edit::Fact>& facts, const text::Tokenizer& tokenizer,
                                 std::int64_t max_positions)
    : measure_(measure_for(facts)), success_(measure_, facts, tokenizer, max_positions) {}

std::vector<Json> EditMeasurement::all(const dist::Comm& comm, const model::Decoder& decoder,
                                       const std::filesystem::path& folder) const {
    store::BlockOptions options;
    options.label = "measure";
    options.unit = "facts";
    options.key_digest = success_.digest();
    for (std::size_t i = 0; i < success_.facts(); ++i) options.costs.push_back(success_.cost(i));
    const auto results = store::for_each_block(comm, folder, success_.facts(), options,
                                               [&](std::uint64_t fact) { return one(decoder, fact).dump(); });
    std::vector<Json> rows;
    for (std::uint64_t i = 0; i < results.size(); ++i) rows.push_back(Json::parse(results.read(i)));
    return rows;
}

Json EditMeasurement::one(const model::Decoder& decoder, std::size_t fact) const {
    return success_.rows(decoder, fact, fact + 1).front();
}

double EditMeasurement::efficacy(const std::vector<Json>& rows) const {
    const char* const name = measure_ == evaluate::EditMeasure::kCounterFact ? "efficacy_score" : "efficacy_strict";
    const auto metrics = result(rows).metrics;
    return std::ranges::find(metrics, name, &evaluate::Metric::name)->value;
}

Json metrics_json(const evaluate::TaskResult& result) {
    Json json = Json::object();
    for (const evaluate::Metric& metric : result.metrics) json[metric.name] = metric.to_json();
    return json;
}

}  // namespace nepenthe::pipelines
