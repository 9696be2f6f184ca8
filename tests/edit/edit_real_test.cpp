// A few facts written into Gemma 3 270M: the new targets are preferred afterwards.

#include "edit/edit.h"

#include "edit/edit_context.h"
#include "edit/facts/facts.h"
#include "gemma_model.h"
#include "material.h"
#include "mpi_world.h"

#include <gtest/gtest.h>
#include <torch/types.h>

namespace nepenthe::edit {
namespace {

const std::filesystem::path kFacts = nepenthe::testing::kMaterial / "editing/counterfact-edit.json";

// Mean negative log-likelihood of an answer behind the bare prompt.
double nll(const model::Decoder& decoder, const text::Tokenizer& tokenizer, const Fact& fact,
           const std::string& answer) {
    const at::NoGradGuard no_grad;
    const EditRow row = make_row(tokenizer, "", fact.prompt, fact.subject, answer, decoder.config().max_positions);
    const at::Tensor ids =
        at::tensor(std::vector<std::int64_t>(row.ids.begin(), row.ids.end()), at::kLong).unsqueeze(0);
    const auto count = static_cast<std::int64_t>(row.targets.size());
    const at::Tensor hidden = decoder.hidden_states({ids, {}});
    const at::Tensor logits = decoder.head(hidden.narrow(1, hidden.size(1) - count, count))[0];
    const at::Tensor targets = at::tensor(std::vector<std::int64_t>(row.targets.begin(), row.targets.end()), at::kLong);
    return -logits.log_softmax(-1).gather(1, targets.unsqueeze(1)).mean().item<double>();
}

void expect_preferred(const model::Decoder& decoder, const text::Tokenizer& tokenizer, const std::vector<Fact>& facts) {
    for (const Fact& fact : facts) {
        EXPECT_LT(nll(decoder, tokenizer, fact, fact.target_new), nll(decoder, tokenizer, fact, fact.target_true))
            << fact.sentence();
    }
}

EditOptions gemma_options(Method method, const model::DecoderConfig& config) {
    EditOptions options;
    options.method = method;
    options.mode = default_mode(method);
    options.value.relative_lr = options.value.clamp = options.value.decay = -1;
    options.fill_defaults(config);
    options.value.steps = 12;
    return options;
}

TEST(EditGemma, WrittenTargetsArePreferredInABatchAndInSequence) {
    const auto tokenizer = text::Tokenizer::load(nepenthe::testing::kGemmaFolder);
    FactOptions few;
    few.limit = 3;
    EditInputs inputs;
    inputs.tokenizer = &tokenizer;
    inputs.facts = read_facts(kFacts, few).facts;
    inputs.prefixes = {"", "The house stood", "Because of this"};
    for (const Method method : {Method::kRRome, Method::kEmmet}) {
        auto decoder = model::Decoder::load(nepenthe::testing::kGemmaFolder, model::Compute::kFloat32);
        const EditOptions options = gemma_options(method, decoder.config());
        EXPECT_EQ(options.layers, std::vector<std::int64_t>{method == Method::kRRome ? 5 : 4});
        const EditResult result = edit(*nepenthe::testing::world, decoder, inputs, options, {});
        EXPECT_EQ(result.units_written, 3u);
        expect_preferred(decoder, tokenizer, inputs.facts);
    }
}

}  // namespace
}  // namespace nepenthe::edit
