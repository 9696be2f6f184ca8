#pragma once
// The facts of an edit measured before, after, and from disk.

#include "dist/comm.h"
#include "edit/facts.h"
#include "evaluate/edit_success.h"
#include "model/decoder.h"

#include <filesystem>
#include <string>
#include <vector>

namespace nepenthe::pipelines {

class EditMeasurement {
  public:
    // CounterFact's measure where every fact has a true object, EasyEdit's otherwise.
    EditMeasurement(const std::vector<edit::Fact>& facts, const text::Tokenizer& tokenizer, std::int64_t max_positions);

    // Collective. All facts on `decoder`, one fact a block. `folder` journals; empty: not.
    std::vector<Json> all(const dist::Comm& comm, const model::Decoder& decoder,
                          const std::filesystem::path& folder) const;
    // One fact, here.
    Json one(const model::Decoder& decoder, std::size_t fact) const;
    evaluate::TaskResult result(std::vector<Json> rows) const { return success_.result(std::move(rows)); }
    // Share of facts whose bare prompt gives the new target.
    double efficacy(const std::vector<Json>& rows) const;

  private:
    static evaluate::EditMeasure measure_for(const std::vector<edit::Fact>& facts);
    evaluate::EditMeasure measure_;
    evaluate::EditSuccess success_;
};

// {metric: {value, numerator, denominator, ci95}}.
Json metrics_json(const evaluate::TaskResult& result);

}  // namespace nepenthe::pipelines
