#include "edit/edit_context.h"

#include "base/error.h"
#include "base/hash.h"
#include "base/json.h"

namespace nepenthe::edit {

UnitRows EditContext::rows(const EditUnit& unit) const {
    UnitRows result;
    const std::vector<double> of_prefix = prefix_weights(prefixes_.size(), options_.prefix_mean());
    for (const std::size_t index : unit.facts) {
        const Fact& fact = facts_[index];
        try {
            for (std::size_t p = 0; p < prefixes_.size(); ++p) {
                result.rows.push_back(make_row(tokenizer_, prefixes_[p], fact.prompt, fact.subject, fact.target_new,
                                               config_.max_positions));
                result.weights.push_back(of_prefix[p] / static_cast<double>(unit.facts.size()));
            }
        } catch (const Error& error) {
            throw error.with_context("fact " + fact.id);
        }
    }
    return result;
}

ValueProblem EditContext::problem(const EditUnit& unit) const {
    const Fact& lead = facts_[unit.facts.front()];
    return {rows(unit).rows, make_row(tokenizer_, "", "{} is a", lead.subject, "", config_.max_positions)};
}

std::string EditContext::block_key(std::span<const EditUnit> units, const std::string& history) const {
    Json json = Json::array({history});
    for (const EditUnit& unit : units) {
        Json facts = Json::array();
        for (const std::size_t i : unit.facts)
            facts.push_back({facts_[i].prompt, facts_[i].subject, facts_[i].target_new});
        json.push_back(facts);
    }
    return sha256_hex(canonical_json(json));
}

std::vector<std::string> row_problems(const model::DecoderConfig& config, const text::Tokenizer& tokenizer,
                                      const std::vector<Fact>& facts) {
    std::vector<std::string> problems(facts.size());
    for (std::size_t i = 0; i < facts.size(); ++i) {
        try {
            make_row(tokenizer, "", facts[i].prompt, facts[i].subject, facts[i].target_new, config.max_positions);
            make_row(tokenizer, "", "{} is a", facts[i].subject, "", config.max_positions);
        } catch (const Error& error) {
            if (error.kind() != ErrorKind::kData) throw;
            problems[i] = error.what();
        }
    }
    return problems;
}

std::vector<std::size_t> merged_subjects(const model::DecoderConfig& config, const text::Tokenizer& tokenizer,
                                         const std::vector<Fact>& facts) {
    std::vector<std::size_t> merged;
    for (std::size_t i = 0; i < facts.size(); ++i) {
        const EditRow row =
            make_row(tokenizer, "", facts[i].prompt, facts[i].subject, facts[i].target_new, config.max_positions);
        if (row.subject_merged) merged.push_back(i);
    }
    return merged;
}

}  // namespace nepenthe::edit
