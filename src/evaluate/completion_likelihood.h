#pragma once
// How likely another model finds what a model has written: the task fluency's completions under a judge.

#include "dist/comm.h"
#include "evaluate/evaluate.h"
#include "model/decoder.h"
#include "text/tokenizer.h"

#include <filesystem>
#include <string>

namespace nepenthe::evaluate {

struct CompletionJudge {
    std::string metric;  // "completion_nll" or "completion_nll_retrained"
    std::string digest;  // names the judge: only figures under one judge compare
    const model::Decoder& decoder;
    const text::Tokenizer& tokenizer;
};

// Collective. Adds to every row of `fluency`, and to its metrics, the judge's negative log-likelihood of the completion
// behind its prompt: [nats, tokens], null for a completion without tokens; and the judge's digest, "judged_by". What a
// tokenizer with the digest `written_with` wrote is scored token by token as it was written where the judge's is the
// same one; otherwise as text, in the judge's tokens. The same bytes on any number of ranks. `scratch` as in
// evaluate().
void judge_completions(const dist::Comm& comm, const CompletionJudge& judge, const std::string& written_with,
                       TaskResult& fluency, const std::filesystem::path& scratch);

// The digest of the judge whose figures of this metric the rows hold; "" where they hold none.
std::string judge_of(const TaskResult& fluency, const std::string& metric);

}  // namespace nepenthe::evaluate
