#pragma once
// `trace`: causal tracing of many facts by all ranks. specs: editing.md §12. One fact: trace_fact.h; what is made of
// many: trace_average.h; the file: trace_file.h.

#include "base/json.h"
#include "dist/comm.h"
#include "edit/trace/trace_fact.h"
#include "edit/trace/trace_prompt.h"
#include "model/decoder.h"
#include "text/tokenizer.h"

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nepenthe::edit {

struct TraceOptions {
    TraceSettings settings;
    std::int64_t copies = 10;     // corrupted runs a fact
    double noise = 3;             // standard deviation of the noise, in units of …
    bool noise_in_sigmas = true;  // … the standard deviation of the subjects' embeddings, or as it is
    std::uint64_t seed = 0;
    std::vector<std::string> validate() const;
    Json to_json() const;
};

// "3s" = three standard deviations, "0.1" = as it is. Throws Error(kUsage).
void parse_noise(std::string_view text, TraceOptions& options);
TraceKind parse_trace_kind(std::string_view name);  // "state", "mlp", "attention"; throws Error(kUsage)

struct TraceCase {
    TracePrompt prompt;
    TraceTokens tokens;
    std::vector<std::string> token_texts;
    std::string answer;    // the likeliest next token as text
    bool correct = false;  // the answer, without blanks around it, is the attribute (or no attribute is asked for)
    FactTrace trace;       // only `answer` where it is not correct: such cases are not traced
};

// Standard deviation over all entries of the token embeddings (scaled as the model does) of all subjects, each
// tokenised alone and without special tokens.
double embedding_deviation(const model::Decoder& decoder, const text::Tokenizer& tokenizer,
                           std::span<const TracePrompt> prompts);

// Normal numbers times `deviation`: [copies, tokens, hidden] fp32, a pure function of (seed, index of the case).
at::Tensor trace_noise(std::uint64_t seed, std::uint64_t index, std::int64_t copies, std::int64_t tokens,
                       std::int64_t hidden, double deviation);

// Collective. Traces every prompt, dealt to ranks one by one; every rank returns all cases, the same bytes whatever the
// number of ranks. `deviation` is that of the noise. Finished facts are journalled in `scratch` ("" = kept in memory).
std::vector<TraceCase> trace_facts(const dist::Comm& comm, const model::Decoder& decoder,
                                   const text::Tokenizer& tokenizer, const std::vector<TracePrompt>& prompts,
                                   const TraceOptions& options, double deviation, const std::filesystem::path& scratch,
                                   const std::string& key_digest);

}  // namespace nepenthe::edit
