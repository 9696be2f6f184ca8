#include "unlearn/attribution/mean_gradients.h"

#include "train/step_gradients.h"

#include <cmath>

namespace nepenthe::unlearn {

namespace {

// Of a sum of `items` addends; a unit is finer than what any score could tell apart.
train::FixedPoint fine_sum(std::int64_t items) {
    constexpr double kEpsilon = 1e-10;
    return {kEpsilon, items};
}

}  // namespace

at::Tensor mean_gradient(const dist::Comm& comm, dist::Collectives& collectives, const model::Decoder& decoder,
                         const train::Objective& objective, const train::TrainedWeights& weights, train::Side side,
                         const std::string& label) {
    train::StepOptions options;
    options.label = label;
    options.loss_mean = train::LossMean::kMicroBatch;
    options.fixed = fine_sum(objective.items());
    train::StepGradients gradients(comm, collectives, decoder, objective, weights, options);
    std::vector<std::vector<train::Visit>> items;
    for (std::int64_t item = 0; item < objective.items(); ++item) items.push_back({{item, 0}});
    gradients.run(1, items, {side == train::Side::kForget, side == train::Side::kRetain});
    return gradients.gradients().detach().cpu().clone();
}

}  // namespace nepenthe::unlearn
