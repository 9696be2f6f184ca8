// Causal tracing of Gemma 3 270M; specs: editing.md §18. Of two published prompts the clean probabilities are those of
// transformers; the noise is drawn otherwise, so that corrupted and restored ones agree roughly.

#include "edit/trace/trace.h"

#include "gemma_model.h"
#include "material.h"
#include "published_data.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include <algorithm>

namespace nepenthe::edit {
namespace {

TEST(TraceGemma, FactsThatItKnowsAreFoundAgain) {
    const auto& [decoder, tokenizer] = nepenthe::testing::gemma();
    const TracePromptFile known = read_trace_prompts(nepenthe::testing::kMaterial / "editing/known_1000.json");
    ASSERT_EQ(known.prompts.size(), 210u);
    const double deviation = embedding_deviation(decoder, tokenizer, std::span(known.prompts).first(60));
    EXPECT_NEAR(3 * deviation, 3.1, 0.3);  // a property of the model's embeddings, whatever the subjects
    std::size_t right = 0;
    for (const TracePrompt& prompt : std::span(known.prompts).first(12)) {
        const TraceTokens tokens = tokenise(tokenizer, prompt);
        const at::NoGradGuard no_grad;
        const at::Tensor ids = at::tensor(std::vector<std::int64_t>(tokens.ids.begin(), tokens.ids.end()), at::kLong);
        const at::Tensor clean = decoder.logits({ids.unsqueeze(0), {}})[0][ids.size(0) - 1].softmax(-1);
        const auto answer = clean.argmax().item<std::int64_t>();
        if (tokenizer.decode(std::vector<text::TokenId>{static_cast<text::TokenId>(answer)}, false) !=
            " " + prompt.attribute)
            continue;
        const at::Tensor noise =
            trace_noise(0, 0, 10, tokens.subject.end - tokens.subject.begin, decoder.config().hidden, 3 * deviation);
        const FactTrace trace = trace_fact(decoder, tokens, noise, {.kinds = {TraceKind::kState}, .severed = false});
        EXPECT_EQ(trace.answer, answer);
        EXPECT_NEAR(trace.high, clean[answer].item<double>(), 1e-4) << prompt.prompt;
        EXPECT_EQ(trace.scores[0].back(), trace.high) << "the last block at the last token";
        EXPECT_GT(*std::max_element(trace.scores[0].begin(), trace.scores[0].end()), trace.low);
        if (++right == 2) break;
    }
    EXPECT_EQ(right, 2u) << "facts that the model knows";
}

TEST(PublishedTrace, FindsWhatHooksFind) {
    const auto& [decoder, tokenizer] = nepenthe::testing::gemma();
    const TracePromptFile known = read_trace_prompts(nepenthe::testing::published_data() / "editing/known_1000.json");
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
