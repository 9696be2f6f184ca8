#include "pipelines/edit_measure.h"

#include "base/error.h"
#include "base/hash.h"
#include "store/blocks.h"

#include <algorithm>
#include <functional>
#include <utility>

namespace nepenthe::pipelines {

namespace {

// Facts side by side: one alone would read the whole model for some dozens of tokens.
constexpr std::size_t kFactsPerBlock = 16;

evaluate::EditMeasure measure_for(const std::vector<edit::Fact>& facts) {
    const bool all_true = std::ranges::all_of(facts, [](const edit::Fact& fact) { return !fact.target_true.empty(); });
    return all_true ? evaluate::EditMeasure::kCounterFact : evaluate::EditMeasure::kEasyEdit;
}

std::vector<edit::Fact> without_others(std::vector<edit::Fact> facts) {
    for (edit::Fact& fact : facts) {
        fact.paraphrases.clear();
        fact.neighbourhood.clear();
        fact.portability.clear();
    }
    return facts;
}

std::vector<store::BlockRange> blocks_of(const std::vector<edit::Fact>& facts) {
    std::vector<std::uint64_t> digests;
    for (const edit::Fact& fact : facts) digests.push_back(xxh3(as_bytes(edit::facts_digest({fact}))));
    return store::content_blocks(digests, kFactsPerBlock);
}

// What determines the rows of a block on a model.
std::string block_key(const std::string& task, const std::vector<edit::Fact>& facts, const store::BlockRange& block) {
    const auto begin = facts.begin() + static_cast<std::ptrdiff_t>(block.begin);
    return task + " " + edit::facts_digest({begin, begin + static_cast<std::ptrdiff_t>(block.size())});
}

// All rows, block by block, by all ranks. What is known is dealt as well, so that a journal does not depend on it.
std::vector<Json> measure_blocks(const dist::Comm& comm, const std::filesystem::path& folder,
                                 const evaluate::EditSuccess& success, const std::vector<store::BlockRange>& blocks,
                                 const std::function<Json(std::size_t block)>& measure) {
    store::BlockOptions options;
    options.label = "measure";
    Json ranges = Json::array();
    for (const store::BlockRange& block : blocks) {
        ranges.push_back({block.begin, block.end});
        double cost = 0;
        for (std::size_t fact = block.begin; fact < block.end; ++fact) cost += success.cost(fact);
        options.costs.push_back(cost);
    }
    options.key_digest = sha256_hex(success.digest() + ranges.dump());
    const auto results = store::for_each_block(comm, folder, blocks.size(), options,
                                               [&](std::uint64_t block) { return measure(block).dump(); });
    std::vector<Json> rows;
    for (std::uint64_t block = 0; block < results.size(); ++block) {
        for (Json& row : Json::parse(results.read(block))) {
            // A known row is numbered as in the run that it comes from.
            row["id"] = rows.size();
            rows.push_back(std::move(row));
        }
    }
    return rows;
}

}  // namespace

KnownRows known_rows(const edit::Ledger& ledger) {
    KnownRows known;
    if (!ledger.metrics.contains("task")) return known;  // not measured, or by a version that did not say how
    try {
        const auto task = ledger.metrics.at("task").get<std::string>();
        const Json& rows = ledger.metrics.at("before").at("rows");
        for (const store::BlockRange& block : blocks_of(ledger.facts)) {
            Json& packed = known[block_key(task, ledger.facts, block)] = Json::array();
            for (std::size_t i = block.begin; i < block.end; ++i) packed.push_back(rows.at(i));
        }
    } catch (const Json::exception& error) {
        fail(ErrorKind::kData, "the ledger's rows of its facts before editing: {}", error.what());
    }
    return known;
}

EditMeasurement::EditMeasurement(const std::vector<edit::Fact>& facts, const text::Tokenizer& tokenizer,
                                 std::int64_t max_positions)
    : measure_(measure_for(facts)),
      success_(measure_, facts, tokenizer, max_positions),
      bare_(measure_, without_others(facts), tokenizer, max_positions),
      blocks_(blocks_of(facts)) {
    for (const store::BlockRange& block : blocks_) {
        keys_.push_back(block_key(evaluate::edit_measure_name(measure_), facts, block));
    }
}

std::vector<Json> EditMeasurement::all(const dist::Comm& comm, const model::Decoder& decoder,
                                       const std::filesystem::path& folder, const KnownRows& known) const {
    return measure_blocks(comm, folder, success_, blocks_, [&](std::size_t block) -> Json {
        if (const auto found = known.find(keys_[block]); found != known.end()) return found->second;
        return success_.rows(decoder, blocks_[block].begin, blocks_[block].end);
    });
}

Json EditMeasurement::one(const model::Decoder& decoder, std::size_t fact) const {
    return success_.rows(decoder, fact, fact + 1).front();
}

std::vector<Json> EditMeasurement::bare(const dist::Comm& comm, const model::Decoder& decoder,
                                        const std::filesystem::path& folder) const {
    return measure_blocks(comm, folder, bare_, blocks_, [&](std::size_t block) -> Json {
        return bare_.rows(decoder, blocks_[block].begin, blocks_[block].end);
    });
}

Json EditMeasurement::metrics(const std::vector<Json>& before, const std::vector<Json>& after) const {
    return {{"task", evaluate::edit_measure_name(measure_)},
            {"before", {{"metrics", metrics_json(result(before))}, {"rows", before}}},
            {"after", {{"metrics", metrics_json(result(after))}, {"rows", after}}}};
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
