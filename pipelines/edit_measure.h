#pragma once
// The facts of an edit measured before, after, and from disk.

#include "dist/comm.h"
#include "edit/facts/facts.h"
#include "edit/ledger.h"
#include "evaluate/edit_success.h"
#include "model/decoder.h"
#include "store/content_blocks.h"

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace nepenthe::pipelines {

// Packed rows of blocks of facts on an unedited model, by what determines them beside the model.
using KnownRows = std::map<std::string, Json>;
// Those that an earlier run measured before it wrote; none of a run that did not. Throws Error(kData) for rows that are
// not one a fact.
KnownRows known_rows(const edit::Ledger& ledger);

class EditMeasurement {
  public:
    // CounterFact's measure where every fact has a true object, EasyEdit's otherwise.
    EditMeasurement(const std::vector<edit::Fact>& facts, const text::Tokenizer& tokenizer, std::int64_t max_positions);

    // Collective. All facts on `decoder`, in blocks (store/content_blocks.h), but for blocks that are known. `folder`
    // journals; empty: not.
    std::vector<Json> all(const dist::Comm& comm, const model::Decoder& decoder, const std::filesystem::path& folder,
                          const KnownRows& known = {}) const;
    // One fact, here.
    Json one(const model::Decoder& decoder, std::size_t fact) const;
    // Collective. The facts' own prompts alone, without paraphrases and neighbours: enough for efficacy().
    std::vector<Json> bare(const dist::Comm& comm, const model::Decoder& decoder,
                           const std::filesystem::path& folder) const;
    // {"task", "before": {"metrics", "rows"}, "after": …}, as the ledger keeps it.
    Json metrics(const std::vector<Json>& before, const std::vector<Json>& after) const;
    evaluate::TaskResult result(std::vector<Json> rows) const { return success_.result(std::move(rows)); }
    // Share of facts whose bare prompt gives the new target.
    double efficacy(const std::vector<Json>& rows) const;

  private:
    evaluate::EditMeasure measure_;
    evaluate::EditSuccess success_, bare_;
    std::vector<store::BlockRange> blocks_;
    std::vector<std::string> keys_;  // of blocks, as in KnownRows
};

// {metric: {value, numerator, denominator, ci95}}.
Json metrics_json(const evaluate::TaskResult& result);

}  // namespace nepenthe::pipelines
