#include "evaluate/gradient_norm.h"

#include "evaluate/answer_states.h"
#include "train/loss.h"

#include <torch/csrc/autograd/autograd.h>
#include <torch/types.h>

#include <vector>

namespace nepenthe::evaluate {

namespace {

// The weights of a decoder as leaves of a graph, for as long as this lives.
class Leaves {
  public:
    explicit Leaves(const model::Decoder& decoder) {
        for (const model::NamedTensor& parameter : decoder.parameters()) {
            tensors_.push_back(parameter.tensor);
            tensors_.back().requires_grad_(true);
        }
    }
    ~Leaves() {
        for (at::Tensor& tensor : tensors_) tensor.requires_grad_(false);
    }
    Leaves(const Leaves&) = delete;
    Leaves& operator=(const Leaves&) = delete;

    const std::vector<at::Tensor>& tensors() const { return tensors_; }

  private:
    std::vector<at::Tensor> tensors_;
};

}  // namespace

double gradient_norm(const model::Decoder& decoder, const EncodedPair& pair) {
    const at::AutoGradMode with_gradients(true);
    const Leaves leaves(decoder);
    const std::vector<std::int64_t> labels(pair.ids.begin() + static_cast<std::ptrdiff_t>(pair.context),
                                           pair.ids.end());
    const at::Tensor hidden = decoder.hidden_states(answer_batch(pair, decoder.device()), /*checkpointing=*/true)[0];
    const at::Tensor states =
        hidden.narrow(0, static_cast<std::int64_t>(pair.context) - 1, static_cast<std::int64_t>(labels.size()));
    const at::Tensor targets = at::tensor(labels, at::kLong).to(decoder.device());
    const at::Tensor loss = train::cross_entropy_sum(decoder, states, train::Targets::of_tokens(targets)) /
                            static_cast<double>(labels.size());
    const auto gradients =
        torch::autograd::grad({loss}, leaves.tensors(), {}, /*retain_graph=*/false, /*create_graph=*/false,
                              /*allow_unused=*/true);
    double sum = 0;
    for (const at::Tensor& gradient : gradients) {
        if (gradient.defined()) sum += gradient.to(at::kDouble).norm().item<double>();
    }
    return sum / static_cast<double>(gradients.size());
}

}  // namespace nepenthe::evaluate
