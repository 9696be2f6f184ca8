#pragma once
// Causal tracing of one fact (arXiv 2202.05262 §2; specs: editing.md §12): how much of the answer's probability comes
// back when one state of a run with a corrupted subject is replaced by that of the clean run.
//
// Nothing is computed twice. Clean and corrupted runs are one batch; a cell (token, layer) starts behind the restored
// state from the corrupted run's hidden states and computes positions from its token on alone, with the corrupted run's
// keys and values before it. All layers of a token run side by side. Tokens before the subject are untouched by the
// noise: their cells equal the corrupted run. The last block's MLP and the unembedding see last positions alone, the
// latter of all cells together.

#include "edit/trace/trace_prompt.h"
#include "model/decoder.h"

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <vector>

namespace nepenthe::edit {

// What is put back: the block's output (one state), or the outputs of its MLP or its attention in a window of layers.
enum class TraceKind { kState, kMlp, kAttention };
inline constexpr std::array<const char*, 3> kTraceKindNames = {"state", "mlp", "attention"};

struct TraceSettings {
    std::vector<TraceKind> kinds = {TraceKind::kState, TraceKind::kMlp, TraceKind::kAttention};
    std::int64_t window = 10;  // layers l - window / 2 … l + window - window / 2 - 1, clipped
    bool severed = true;       // single states at the last subject token with the MLPs or attentions above cut off
};

// Probabilities of the answer, means over the corrupted copies. Rows are tokens of the prompt.
struct FactTrace {
    text::TokenId answer = -1;                           // the clean run's likeliest next token
    double high = 0, low = 0;                            // clean; corrupted and nothing restored
    std::vector<std::vector<double>> scores;             // per kind of the settings: [token × layer]
    std::vector<double> severed_mlp, severed_attention;  // [layer]; empty unless asked for
};

// The clean run's likeliest next token.
text::TokenId likeliest_next(const model::Decoder& decoder, const std::vector<text::TokenId>& ids);

// `noise` [copy, subject token, hidden] fp32 is added to the embeddings of the subject. Not collective; the result is a
// pure function of the arguments (and the number of threads).
FactTrace trace_fact(const model::Decoder& decoder, const TraceTokens& tokens, const at::Tensor& noise,
                     const TraceSettings& settings);

}  // namespace nepenthe::edit
