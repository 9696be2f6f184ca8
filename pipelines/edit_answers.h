#pragma once
// What a model goes on with after the prompts of a few facts, for people to read before and after an edit.

#include "base/json.h"
#include "dist/comm.h"
#include "edit/facts/facts.h"
#include "model/decoder.h"
#include "text/tokenizer.h"

#include <string>
#include <vector>

namespace nepenthe::pipelines {

class SampleAnswers {
  public:
    // Of the first facts. Facts and tokenizer must outlive this.
    SampleAnswers(const std::vector<edit::Fact>& facts, const text::Tokenizer& tokenizer);

    std::size_t count() const { return count_; }
    // The most probable tokens after one fact's prompt, here.
    std::string one(const model::Decoder& decoder, std::size_t fact) const;
    // Collective. Rank 0 asks for all of them.
    std::vector<std::string> all(const dist::Comm& comm, const model::Decoder& decoder) const;
    // [{"id", "prompt", "before", "after"}], as the ledger keeps them.
    Json to_json(const std::vector<std::string>& before, const std::vector<std::string>& after) const;

  private:
    const std::vector<edit::Fact>& facts_;
    const text::Tokenizer& tokenizer_;
    std::size_t count_;
};

}  // namespace nepenthe::pipelines
