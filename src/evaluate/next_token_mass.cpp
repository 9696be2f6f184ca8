#include "evaluate/next_token_mass.h"

#include "evaluate/padded_batch.h"

#include <torch/types.h>

#include <cmath>

namespace nepenthe::evaluate {

std::vector<std::vector<double>> next_token_masses(const model::Decoder& decoder,
                                                   std::span<const NextTokenSets> prompts) {
    const at::NoGradGuard no_gradient;
    std::vector<std::span<const text::TokenId>> sequences;
    std::vector<std::int64_t> last;
    for (const NextTokenSets& prompt : prompts) {
        sequences.push_back(prompt.prompt);
        last.push_back(static_cast<std::int64_t>(prompt.prompt.size()) - 1);
    }
    const at::Tensor hidden = decoder.hidden_states(padded_batch(sequences, Padding::kRight, decoder.device()));
    const at::Tensor rows = torch::arange(hidden.size(0), hidden.device());
    const at::Tensor at_last = hidden.index({rows, torch::tensor(last, torch::kInt64).to(hidden.device())});
    // [prompt, vocabulary]
    const at::Tensor log_probabilities = decoder.head(at_last).log_softmax(-1).cpu().contiguous();
    const float* values = log_probabilities.const_data_ptr<float>();
    const std::int64_t vocabulary = log_probabilities.size(1);
    std::vector<std::vector<double>> masses;
    for (std::size_t i = 0; i < prompts.size(); ++i) {
        std::vector<double> of_prompt;
        for (const auto& set : prompts[i].sets) {
            double mass = 0;
            for (const text::TokenId id : set)
                mass += std::exp(double{values[static_cast<std::int64_t>(i) * vocabulary + id]});
            of_prompt.push_back(mass);
        }
        masses.push_back(std::move(of_prompt));
    }
    return masses;
}

}  // namespace nepenthe::evaluate
