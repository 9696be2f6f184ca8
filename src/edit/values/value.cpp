#include "edit/values/value.h"

#include "base/error.h"
#include "edit/values/value_batch.h"

#include <torch/types.h>

#include <cmath>

namespace nepenthe::edit {

namespace {

// Adam (Kingma and Ba, 2015) on one vector, state and arithmetic in fp64.
class ValueAdam {
  public:
    ValueAdam(std::int64_t size, double lr)
        : lr_(lr), first_(at::zeros({size}, at::kDouble)), second_(first_.clone()) {}

    void step(at::Tensor& value, const at::Tensor& gradient) {
        constexpr double kBeta1 = 0.9, kBeta2 = 0.999, kEpsilon = 1e-8;
        ++steps_;
        first_.mul_(kBeta1).add_(gradient, 1 - kBeta1);
        second_.mul_(kBeta2).addcmul_(gradient, gradient, 1 - kBeta2);
        const at::Tensor mean = first_ / (1 - std::pow(kBeta1, steps_));
        const at::Tensor spread = (second_ / (1 - std::pow(kBeta2, steps_))).sqrt_().add_(kEpsilon);
        value.sub_(mean.div_(spread).mul_(lr_));
    }

  private:
    double lr_;
    int steps_ = 0;
    at::Tensor first_, second_;
};

double length_of(const at::Tensor& vector) { return at::linalg_vector_norm(vector.to(at::kDouble)).item<double>(); }

// One fact under way.
class ValueDelta {
  public:
    ValueDelta(std::size_t fact, const at::Tensor& initial, const ValueOptions& options)
        : fact_(fact),
          options_(options),
          initial_norm_(length_of(initial)),
          value_(at::zeros(initial.sizes(), at::kFloat)),
          adam_(initial.numel(), step_size(initial)) {}

    std::size_t fact() const { return fact_; }
    const at::Tensor& value() const { return value_; }
    double decay() const { return decay_factor() * length_of(value_); }

    // One update by the gradient of nll + kl: the decay's is added, the result clamped.
    void update(const at::Tensor& gradient) {
        at::Tensor exact = value_.to(at::kDouble);
        const double length = length_of(exact);
        at::Tensor whole = gradient;
        // The norm's gradient at zero is taken to be zero.
        if (length > 0) whole = gradient + exact * (decay_factor() / length);
        adam_.step(exact, whole);
        const double after = length_of(exact), most = options_.clamp * initial_norm_;
        clamped_ = after > most;
        if (clamped_) exact.mul_(most / after);
        value_ = exact.to(at::kFloat);
    }

    void finish(FactValue& result, const at::Tensor& initial, const ValueLoss& loss, std::int64_t looks) const {
        result.initial = initial.clone();
        result.delta = value_;
        result.nll = loss.nll;
        result.kl = options_.kl * loss.kl;
        result.decay = decay();
        result.steps = looks;
        result.clamped = clamped_;
    }

  private:
    double decay_factor() const { return initial_norm_ > 0 ? options_.decay / (initial_norm_ * initial_norm_) : 0; }
    double step_size(const at::Tensor& initial) const {
        if (options_.relative_lr <= 0) return options_.lr;
        return options_.relative_lr * initial_norm_ / std::sqrt(static_cast<double>(initial.numel()));
    }

    std::size_t fact_;
    const ValueOptions& options_;
    double initial_norm_;
    at::Tensor value_;  // [hidden] fp32
    ValueAdam adam_;
    bool clamped_ = false;
};

void check_problems(const model::Decoder& decoder, std::span<const ValueProblem> facts, const ValueOptions& options) {
    Problems problems;
    for (const std::string& problem : options.validate()) problems.add("{}", problem);
    if (options.layer >= decoder.config().layers) {
        problems.add("layer {} does not exist, the model has layers 0 to {}", options.layer,
                     decoder.config().layers - 1);
    }
    problems.throw_if_any(ErrorKind::kUsage, "values cannot be optimised with these options");
    for (const ValueProblem& fact : facts) {
        NEPENTHE_CHECK(!fact.rows.empty());
        for (const EditRow& row : fact.rows) {
            NEPENTHE_CHECK(!row.targets.empty() && row.subject_last + row.targets.size() <= row.ids.size());
        }
        NEPENTHE_CHECK(options.kl == 0 || fact.kl_row.subject_last < fact.kl_row.ids.size());
    }
}

at::Tensor stacked(const std::vector<ValueDelta>& deltas) {
    std::vector<at::Tensor> values;
    for (const ValueDelta& delta : deltas) values.push_back(delta.value());
    return at::stack(values);
}

// Writes down the facts that end with this look; returns the places of the others.
std::vector<std::int64_t> settle(const std::vector<ValueDelta>& deltas, const std::vector<ValueLoss>& losses,
                                 const at::Tensor& initial, const ValueOptions& options, std::int64_t looks,
                                 std::vector<FactValue>& results) {
    std::vector<std::int64_t> going_on;
    for (std::size_t i = 0; i < deltas.size(); ++i) {
        FactValue& result = results[deltas[i].fact()];
        if (looks == 1) result.first_nll = losses[i].nll;
        const double loss = losses[i].nll + options.kl * losses[i].kl + deltas[i].decay();
        // A loss that is not finite cannot get better; it is the caller's to report.
        if (loss < options.stop_loss || looks == options.steps || !std::isfinite(loss)) {
            deltas[i].finish(result, initial[static_cast<std::int64_t>(i)], losses[i], looks);
        } else {
            going_on.push_back(static_cast<std::int64_t>(i));
        }
    }
    return going_on;
}

template <typename Value>
std::vector<Value> chosen(std::vector<Value>&& all, const std::vector<std::int64_t>& which) {
    std::vector<Value> some;
    for (const std::int64_t i : which) some.push_back(std::move(all[static_cast<std::size_t>(i)]));
    return some;
}

}  // namespace

std::vector<std::string> ValueOptions::validate() const {
    Problems problems;
    if (layer < 0) problems.add("the layer must not be negative, not {}", layer);
    if (steps < 1) problems.add("at least one step is needed, not {}", steps);
    if (relative_lr < 0 || !std::isfinite(relative_lr))
        problems.add("the relative step size must not be negative, not {}", relative_lr);
    if (relative_lr == 0 && !(lr > 0 && std::isfinite(lr))) problems.add("the step size must be positive, not {}", lr);
    if (!(clamp > 0)) problems.add("the clamp must be positive, not {}", clamp);
    if (!(decay >= 0) || !(kl >= 0)) problems.add("decay and KL factor must not be negative, not {} and {}", decay, kl);
    if (std::isnan(stop_loss)) problems.add("the loss to stop at must be a number");
    return problems.items();
}

Json ValueOptions::to_json() const {
    return {{"site", site == ValueSite::kMlpOutput ? "mlp_output" : "block_output"},
            {"layer", layer},
            {"steps", steps},
            {"lr", lr},
            {"relative_lr", relative_lr},
            {"clamp", clamp},
            {"decay", decay},
            {"kl", kl},
            {"stop_loss", stop_loss}};
}

std::vector<FactValue> optimise_values(const model::Decoder& decoder, std::span<const ValueProblem> facts,
                                       const ValueOptions& options) {
    check_problems(decoder, facts, options);
    std::vector<FactValue> results(facts.size());
    if (facts.empty()) return results;
    ValueBatch batch(decoder, facts, options.site, options.layer, options.kl);
    std::vector<ValueDelta> deltas;
    for (std::size_t f = 0; f < facts.size(); ++f) {
        deltas.emplace_back(f, batch.initial()[static_cast<std::int64_t>(f)], options);
    }
    for (std::int64_t looks = 1; !deltas.empty(); ++looks) {
        const std::vector<ValueLoss> losses = batch.forward(stacked(deltas));
        const auto going_on = settle(deltas, losses, batch.initial(), options, looks, results);
        if (going_on.empty()) break;
        const at::Tensor gradient = batch.backward();
        if (going_on.size() < deltas.size()) {
            deltas = chosen(std::move(deltas), going_on);
            batch.keep(going_on);
        }
        for (std::size_t i = 0; i < deltas.size(); ++i) deltas[i].update(gradient[going_on[i]]);
    }
    return results;
}

}  // namespace nepenthe::edit
