// Causal tracing of Gemma 3 270M on two published prompts; specs: editing.md §18. Clean probabilities are those of
// transformers; the noise is drawn otherwise, so that corrupted and restored ones agree roughly.

#include "edit/trace/trace.h"

#include "gemma_model.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include <algorithm>

namespace nepenthe::edit {
namespace {

TEST(TraceGemma, FindsWhatHooksFind) {
    const auto& [decoder, tokenizer] = nepenthe::testing::gemma();
    const TracePromptFile known = read_trace_prompts(NEPENTHE_SHARED_DATA "/editing/known_1000.json");
    const double deviation = embedding_deviation(decoder, tokenizer, std::span(known.prompts).first(200));
    EXPECT_NEAR(3 * deviation, 3.09, 0.01);

    struct Anchor {
        std::string prompt, answer;
        double high, low, best;
    };
    for (const Anchor& anchor : {Anchor{"The Big Bang Theory premieres on", "CBS", 0.222, 0.0043, 0.240},
                                 Anchor{"Catalonia belongs to the continent of", "Europe", 0.528, 0.063, 0.633}}) {
        const auto found = std::find_if(known.prompts.begin(), known.prompts.end(),
                                        [&](const TracePrompt& prompt) { return prompt.prompt == anchor.prompt; });
        ASSERT_NE(found, known.prompts.end());
        const TraceTokens tokens = tokenise(tokenizer, *found);
        const at::Tensor noise =
            trace_noise(0, 0, 10, tokens.subject.end - tokens.subject.begin, decoder.config().hidden, 3 * deviation);
        const FactTrace trace = trace_fact(decoder, tokens, noise, {.kinds = {TraceKind::kState}, .severed = false});
        EXPECT_EQ(tokenizer.decode(std::vector<text::TokenId>{trace.answer}, false), " " + anchor.answer);
        EXPECT_NEAR(trace.high, anchor.high, 1e-3) << anchor.prompt;
        EXPECT_LT(trace.low, anchor.low * 3) << anchor.prompt;
        const double best = *std::max_element(trace.scores[0].begin(), trace.scores[0].end());
        EXPECT_NEAR(best, anchor.best, 0.15 * anchor.best) << anchor.prompt;
        EXPECT_EQ(trace.scores[0].back(), trace.high) << "the last block at the last token";
    }
}

}  // namespace
}  // namespace nepenthe::edit
