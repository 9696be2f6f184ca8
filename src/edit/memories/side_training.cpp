#include "edit/memories/side_training.h"

#include "base/error.h"
#include "edit/values/target_loss.h"
#include "model/linear.h"

#include <torch/types.h>

#include <algorithm>
#include <cmath>

namespace nepenthe::edit {

namespace {

using TokenRows = std::span<const std::vector<text::TokenId>>;

model::Batch right_padded(TokenRows rows, std::span<const std::size_t> prompt_tokens) {
    std::size_t longest = 0;
    for (const auto& row : rows) longest = std::max(longest, row.size());
    const std::vector<std::int64_t> shape = {static_cast<std::int64_t>(rows.size()),
                                             static_cast<std::int64_t>(longest)};
    model::Batch batch{at::zeros(shape, at::kLong), at::zeros(shape, at::kBool), at::zeros(shape, at::kBool)};
    for (std::size_t i = 0; i < rows.size(); ++i) {
        std::copy(rows[i].begin(), rows[i].end(), batch.ids.mutable_data_ptr<std::int64_t>() + i * longest);
        std::fill_n(batch.mask.mutable_data_ptr<bool>() + i * longest, rows[i].size(), true);
        std::fill_n(batch.prompt.mutable_data_ptr<bool>() + i * longest, std::min(prompt_tokens[i], rows[i].size()),
                    true);
    }
    return batch;
}

void check_finite(const SideLoss& loss, std::int64_t steps) {
    if (!std::isfinite(loss.total()))
        fail(ErrorKind::kGate, "the loss is not finite after {} steps; try a lower learning rate", steps);
}

// Mean of the positive entries, 0 where there are none.
at::Tensor mean_of_positive(const at::Tensor& values) {
    const at::Tensor positive = at::relu(values);
    return positive.sum() / positive.gt(0).sum().clamp_min(1);
}

}  // namespace

LayerRows run_to_layer(const model::Decoder& decoder, std::int64_t layer, TokenRows rows,
                       std::span<const std::size_t> prompt_tokens) {
    NEPENTHE_CHECK(!rows.empty() && rows.size() == prompt_tokens.size());
    const at::NoGradGuard no_grad;
    model::Batch batch = right_padded(rows, prompt_tokens);
    for (at::Tensor* tensor : {&batch.ids, &batch.mask, &batch.prompt}) *tensor = tensor->to(decoder.device());
    LayerRows result;
    result.context = decoder.context(batch);
    result.deciding = batch.prompt;
    at::Tensor hidden = decoder.embed(batch.ids, result.context);
    for (std::int64_t below = 0; below < layer; ++below) hidden = decoder.block(below, hidden, result.context);
    result.stream = decoder.after_attention(layer, hidden, result.context);
    result.key = decoder.mlp_key(layer, hidden, result.stream);
    result.output = decoder.mlp_output(layer, result.key);
    return result;
}

SideScales measure_scales(const model::Decoder& decoder, const WiseOptions& options, TokenRows rows) {
    if (options.as_published) return {};
    const std::int64_t layer = options.effective_layer(decoder.config());
    double output = 0, key = 0, tokens = 0;
    for (const auto& row : rows) {
        if (row.size() < 2) continue;
        const std::size_t count = row.size();
        const LayerRows at_layer = run_to_layer(decoder, layer, std::span(&row, 1), std::span(&count, 1));
        const auto others = static_cast<std::int64_t>(count) - 1;
        output += at_layer.output[0].narrow(0, 1, others).to(at::kDouble).norm(2, {1}).sum().item<double>();
        key += at_layer.key[0].narrow(0, 1, others).to(at::kDouble).norm(2, {1}).sum().item<double>();
        tokens += static_cast<double>(others);
    }
    if (!(output > 0) || !(key > 0)) {
        fail(ErrorKind::kData, "the second MLP matrix of layer {} writes nothing on the facts; is the model sound?",
             layer);
    }
    const at::Tensor weight = decoder.parameter(decoder.mlp_output_name(layer));
    const double norm = output / tokens, key_norm = key / tokens;
    constexpr double kUnitsInOutput = 10;  // the published beta, 20 units, is then a change of twice the output
    return {norm / kUnitsInOutput, norm * norm / (key_norm * key_norm),
            weight.to(at::kDouble).square().mean().sqrt().item<double>()};
}

// A fact's rows at the edited layer.
struct SideTraining::Problem {
    LayerRows inside, outside;
    at::Tensor row_of, position, targets;  // of every supervised position
    at::Tensor share;                      // its weight in the target loss
};

SideTraining::SideTraining(const model::Decoder& decoder, const WiseOptions& options, const SideScales& scales,
                           at::Tensor mask, const at::Tensor& quiet)
    : decoder_(decoder),
      options_(options),
      scales_(scales),
      layer_(options.effective_layer(decoder.config())),
      mask_(std::move(mask)) {
    const std::string name = decoder.mlp_output_name(layer_);
    weight_ = decoder.parameter(name).detach();
    transposed_ = decoder.stores_transposed(name);
    NEPENTHE_CHECK(weight_.scalar_type() == at::kFloat && weight_.sizes() == mask_.sizes());
    mask_ = mask_.to(weight_.device());
    change_ = at::zeros_like(weight_);
    if (quiet.defined() && quiet.size(0) > 0) {
        quiet_ = QuietProjection(quiet, transposed_ ? mask_.t().contiguous() : mask_);
    }
}

at::Tensor SideTraining::token_distances(const LayerRows& rows, const at::Tensor& addition) const {
    return model::token_distances(decoder_.config(), options_.distance, rows.output + addition, rows.output);
}

at::Tensor SideTraining::pooled(const LayerRows& rows, const at::Tensor& addition) const {
    const at::Tensor distances = token_distances(rows, addition);
    if (!options_.as_published) return model::pooled_distances(options_.pooling, distances, rows.deciding);
    // The published code routes long prompts by their farthest token, but trains with means.
    return distances.masked_fill(rows.deciding.logical_not(), 0.0).sum(1) / rows.deciding.sum(1);
}

at::Tensor SideTraining::distances(const LayerRows& rows) const {
    const at::NoGradGuard no_grad;
    return model::pooled_distances(
        options_.pooling, token_distances(rows, model::linear(rows.key, change_, {}, transposed_)), rows.deciding);
}

at::Tensor SideTraining::margins(const at::Tensor& inside, const at::Tensor& outside) const {
    const double unit = scales_.unit;
    const at::Tensor gaps = inside.unsqueeze(1) - outside.unsqueeze(0);
    return (mean_of_positive(outside - options_.alpha * unit) + mean_of_positive(options_.beta * unit - inside) +
            mean_of_positive(options_.gamma * unit - gaps)) /
           unit;
}

std::pair<double, at::Tensor> SideTraining::target(const Problem& problem, const at::Tensor& addition) const {
    const LayerRows& rows = problem.inside;
    at::Tensor hidden = decoder_.after_mlp(layer_, rows.stream, rows.output + addition);
    for (std::int64_t above = layer_ + 1; above < decoder_.config().layers; ++above) {
        hidden = decoder_.block(above, hidden, rows.context);
    }
    const at::Tensor normed = decoder_.final_norm(hidden.index({problem.row_of, problem.position}));
    ReferenceLogits none;
    const TargetLoss found = target_loss(decoder_, normed.detach(), problem.targets, none);
    const at::Tensor shares = problem.share.to(at::kCPU, at::kDouble);
    // The gradient by the normed states is known; the graph carries it down to the change.
    return {(at::tensor(found.losses, at::kDouble) * shares).sum().item<double>(),
            (normed * (found.gradient * problem.share.unsqueeze(1)).to(normed.scalar_type())).sum()};
}

SideLoss SideTraining::look(const Problem& problem, const double* known_target, at::Tensor* gradient) const {
    const at::AutoGradMode with_gradients(gradient != nullptr);
    at::Tensor change = change_.detach();
    change.requires_grad_(gradient != nullptr);
    const at::Tensor addition = model::linear(problem.inside.key, change, {}, transposed_);
    const at::Tensor inside = pooled(problem.inside, addition);
    const at::Tensor outside = pooled(problem.outside, model::linear(problem.outside.key, change, {}, transposed_));
    at::Tensor sum = margins(inside, outside);
    SideLoss loss;
    loss.activation = sum.item<double>();
    loss.inside = inside.mean().item<double>();
    loss.bare = inside[0].item<double>();
    loss.outside = outside.max().item<double>();
    if (known_target != nullptr) {
        loss.target = *known_target;
    } else {
        const auto [value, carrier] = target(problem, addition);
        loss.target = value;
        sum = sum + carrier;
    }
    if (gradient != nullptr) {
        sum.backward();
        *gradient = change.grad().defined() ? change.grad() : at::zeros_like(change);
    }
    return loss;
}

void SideTraining::step(const at::Tensor& gradient) {
    const at::NoGradGuard no_grad;
    const at::Tensor masked = gradient * mask_;
    const at::Tensor direction = transposed_ ? quiet_(masked.t()).t() : quiet_(masked);
    if (options_.as_published) {
        change_ = change_ - (direction + (weight_ + change_) * options_.decay) * options_.lr;
    } else {
        // The published code lets every weight shrink; here the change does, and stays within its mask.
        change_ = (change_ - direction * (options_.lr * scales_.lr)) * (1.0 - options_.decay);
    }
    const double most = options_.clamp * scales_.clamp;
    change_ = change_.clamp(-most, most);
}

SideReport SideTraining::write(std::span<const EditRow> rows, TokenRows irrelevant) {
    Problem problem;
    std::vector<std::vector<text::TokenId>> ids;
    std::vector<std::size_t> prompts, whole;
    std::vector<std::int64_t> row_of, position, targets;
    std::vector<float> share;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const EditRow& row = rows[i];
        const std::size_t first = row.ids.size() - row.targets.size();
        ids.push_back(row.ids);
        // The published distance runs over the whole target too; routing by the prompt alone is what generation sees.
        if (options_.as_published) ids.back().push_back(row.targets.back());
        prompts.push_back(options_.as_published ? ids.back().size() : first + 1);
        const std::size_t counted = row.targets.size() + (options_.as_published ? 1 : 0);
        for (std::size_t t = 0; t < row.targets.size(); ++t) {
            row_of.push_back(static_cast<std::int64_t>(i));
            position.push_back(static_cast<std::int64_t>(first + t));
            targets.push_back(row.targets[t]);
            share.push_back(1.0F / static_cast<float>(counted * rows.size()));
        }
    }
    for (const auto& text : irrelevant) whole.push_back(text.size());
    problem.inside = run_to_layer(decoder_, layer_, ids, prompts);
    problem.outside = run_to_layer(decoder_, layer_, irrelevant, whole);
    const at::Device device = decoder_.device();
    problem.row_of = at::tensor(row_of, at::kLong).to(device);
    problem.position = at::tensor(position, at::kLong).to(device);
    problem.targets = at::tensor(targets, at::kLong).to(device);
    problem.share = at::tensor(share, at::kFloat).to(device);

    return options_.as_published ? descend_as_published(problem) : descend(problem);
}

SideReport SideTraining::descend_as_published(const Problem& problem) {
    constexpr double kStopChange = 1e-4;
    SideReport report;
    double last = 0, before = 0;
    while (report.steps < options_.steps) {
        at::Tensor gradient;
        report.last = look(problem, nullptr, &gradient);
        check_finite(report.last, report.steps);
        if (report.steps == 0) report.first = report.last;
        if (report.steps > 1 && std::abs(last - before) <= kStopChange && last <= options_.stop_loss) break;
        step(gradient);
        before = last;
        last = report.last.total();
        ++report.steps;
    }
    return report;
}

SideReport SideTraining::descend(const Problem& problem) {
    // The head over the whole vocabulary is most of a step, and a target that is learnt stays so while the distances
    // still move: its loss is then looked at in every fourth step, and before the end.
    constexpr std::int64_t kLooksBetween = 4;
    SideReport report;
    std::int64_t known_for = 0;
    for (bool doubt = true;;) {
        const bool last_look = ++report.steps == options_.steps;
        const bool learnt = report.steps > 1 && report.last.target <= options_.stop_loss;
        const bool known = learnt && !doubt && !last_look && known_for + 1 < kLooksBetween;
        known_for = known ? known_for + 1 : 0;
        const double target = report.last.target;
        at::Tensor gradient;
        report.last = look(problem, known ? &target : nullptr, last_look ? nullptr : &gradient);
        const double total = report.last.total();
        check_finite(report.last, report.steps);
        if (report.steps == 1) report.first = report.last;
        const bool done = total <= options_.stop_loss;
        if (last_look || (done && !known)) return report;
        doubt = done;
        step(gradient);
    }
}

}  // namespace nepenthe::edit
