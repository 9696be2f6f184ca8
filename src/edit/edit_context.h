#pragma once
// What all steps of one editing run look up: units, their rows, weights and value problems.

#include "edit/edit_options.h"
#include "edit/edit_unit.h"
#include "edit/facts/edit_prompt.h"
#include "edit/facts/facts.h"
#include "edit/values/value.h"
#include "model/decoder.h"
#include "text/tokenizer.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace nepenthe::edit {

// Rows of a unit over facts and prefixes, the leading fact's bare prompt first, and their weights in means.
struct UnitRows {
    std::vector<EditRow> rows;
    std::vector<double> weights;
};

class EditContext {
  public:
    // All arguments must outlive this.
    EditContext(const model::DecoderConfig& config, const text::Tokenizer& tokenizer, const std::vector<Fact>& facts,
                const EditOptions& options, const std::vector<std::string>& prefixes)
        : config_(config), tokenizer_(tokenizer), facts_(facts), options_(options), prefixes_(prefixes) {}

    const EditOptions& options() const { return options_; }
    const std::vector<Fact>& facts() const { return facts_; }
    // Throws Error(kData) that names the fact.
    UnitRows rows(const EditUnit& unit) const;
    ValueProblem problem(const EditUnit& unit) const;
    // Digest of what a block's values depend on besides the run's options: the units' facts, and `history`, a digest of
    // what was written before.
    std::string block_key(std::span<const EditUnit> units, const std::string& history) const;

  private:
    const model::DecoderConfig& config_;
    const text::Tokenizer& tokenizer_;
    const std::vector<Fact>& facts_;
    const EditOptions& options_;
    const std::vector<std::string>& prefixes_;
};

// What is wrong with each fact as a row of tokens ("" = nothing): a subject that is not in the prompt, a target of no
// tokens, a row longer than the context.
std::vector<std::string> row_problems(const model::DecoderConfig& config, const text::Tokenizer& tokenizer,
                                      const std::vector<Fact>& facts);

// Facts whose subject's last token also covers what follows the subject in the prompt. Not for facts with row_problems.
std::vector<std::size_t> merged_subjects(const model::DecoderConfig& config, const text::Tokenizer& tokenizer,
                                         const std::vector<Fact>& facts);

}  // namespace nepenthe::edit
