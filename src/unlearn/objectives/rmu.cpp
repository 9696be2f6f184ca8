// RMU, representation misdirection for unlearning (Li et al., WMDP, arXiv 2403.03218): the states behind block ℓ are
// steered on text to be forgotten towards a random direction u of length c, and held on retained text where they were:
//
//     mean of (h(x_f) − u)²  +  α · mean of (h(x_r) − h₀(x_r))²,
//
// means over real positions and components (published: over pads, too). Only the second MLP matrices of blocks
// ℓ − 2 … ℓ are trained; the forward pass ends behind block ℓ, the backward pass at the lowest of the three.
// Adaptive RMU (Huu-Tien et al., arXiv 2408.06223): c is a multiple of the states' mean norm, here over all text to be
// forgotten (published: over the first batch).

#include "base/error.h"
#include "base/hash.h"
#include "base/random.h"
#include "store/blocks.h"
#include "store/packing.h"
#include "train/backward_pass.h"
#include "train/micro_batch.h"
#include "unlearn/objectives/forget_objective.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <span>

namespace nepenthe::unlearn {

namespace {

constexpr std::int64_t kTrainedBlocks = 3;

struct Padded {
    model::Batch batch;
    at::Tensor real;  // [positions] int64: of [batch * position], those that are no padding
    std::int64_t tokens = 0;
};

Padded pad(const std::vector<train::Sample>& samples, const model::Decoder& decoder) {
    if (samples.empty()) return {};
    train::MicroBatch micro = train::make_micro_batch(samples, decoder.config().vocabulary, decoder.device());
    const at::Tensor real = micro.batch.mask.defined() ? micro.batch.mask : at::ones_like(micro.batch.ids, at::kBool);
    return {std::move(micro.batch), real.flatten().nonzero().squeeze(1), micro.tokens};
}

// States behind block `layer` at real positions, [position, hidden]. Blocks below `first_trained` are the same for all
// steps: nothing is recorded of them.
at::Tensor states(const model::Decoder& decoder, const Padded& padded, std::int64_t layer, std::int64_t first_trained) {
    const model::Context context = decoder.context(padded.batch);
    at::Tensor hidden;
    {
        const at::NoGradGuard no_gradients;
        hidden = decoder.embed(padded.batch.ids, context);
        for (std::int64_t block = 0; block < first_trained; ++block) hidden = decoder.block(block, hidden, context);
    }
    for (std::int64_t block = first_trained; block <= layer; ++block) hidden = decoder.block(block, hidden, context);
    return hidden.flatten(0, 1).index_select(0, padded.real);
}

struct Steering {
    std::int64_t layer = 0, first_trained = 0;
    at::Tensor direction;  // [hidden] fp32
};

class StateLoss : public train::MicroBatchLoss {
  public:
    StateLoss(const model::Decoder& decoder, const Steering& steering, Padded forget, Padded retain, at::Tensor start)
        : decoder_(decoder),
          steering_(steering),
          forget_(std::move(forget)),
          retain_(std::move(retain)),
          start_(std::move(start)) {}

    std::vector<double> denominators() const override {
        const auto components = static_cast<double>(decoder_.config().hidden);
        return {static_cast<double>(forget_.tokens) * components, static_cast<double>(retain_.tokens) * components};
    }

    std::int64_t tokens() const override { return forget_.tokens + retain_.tokens; }

    std::vector<double> backward(const train::BackwardPass&, std::span<const double> scales) const override {
        std::vector<double> numerators(2, 0.0);
        at::Tensor loss = at::zeros({}, at::TensorOptions().dtype(at::kFloat).device(decoder_.device()));
        // One graph: every matrix has its gradient once.
        const auto add = [&](std::size_t term, const Padded& padded, const at::Tensor& target) {
            if (padded.tokens == 0 || scales[term] == 0) return;
            const at::Tensor apart =
                states(decoder_, padded, steering_.layer, steering_.first_trained).to(at::kFloat) - target;
            const at::Tensor squares = apart.square().sum();
            numerators[term] = squares.item<double>();
            loss = loss + squares * scales[term];
        };
        add(0, forget_, steering_.direction);
        add(1, retain_, start_);
        if (loss.requires_grad()) loss.backward();
        return numerators;
    }

  private:
    const model::Decoder& decoder_;
    const Steering& steering_;
    Padded forget_, retain_;
    at::Tensor start_;  // states of retain_ before anything was forgotten, [position, hidden] fp32
};

class RmuObjective : public train::Objective {
  public:
    RmuObjective(const dist::Comm& comm, const model::Decoder& decoder, const ForgetData& data,
                 const ObjectiveChoice& choice, std::int64_t epochs, std::uint64_t seed,
                 const std::filesystem::path& work)
        : data_(data), choice_(choice), seed_(seed) {
        const ObjectiveValues& values = choice.values;
        const double layer = values.number("layer");
        if (layer != std::floor(layer) || layer >= static_cast<double>(decoder.config().layers)) {
            fail(ErrorKind::kUsage, "--layer {}: the model has blocks 0 to {}", layer, decoder.config().layers - 1);
        }
        steering_.layer = static_cast<std::int64_t>(layer);
        steering_.first_trained = std::max<std::int64_t>(0, steering_.layer - kTrainedBlocks + 1);
        for (std::int64_t block = steering_.first_trained; block <= steering_.layer; ++block) {
            trained_.insert(decoder.mlp_output_name(block));
        }
        const double length = values.number("adaptive") > 0
                                  ? values.number("adaptive") * mean_norm(comm, decoder, work / "norms")
                                  : values.number("steer");
        steering_.direction = direction(decoder.config().hidden, length).to(decoder.device());
        if (values.number("retain-weight") > 0) remember_retained(comm, decoder, epochs, work / "states");
    }

    std::int64_t items() const override { return std::ssize(data_.forget()); }
    std::vector<train::Term> terms() const override {
        return {{"forget", choice_.values.number("forget-weight"), train::Side::kForget},
                {"retain", choice_.values.number("retain-weight"), train::Side::kRetain}};
    }
    bool trains(const std::string& parameter) const override { return trained_.contains(parameter); }

    std::unique_ptr<const train::MicroBatchLoss> read(std::span<const train::Visit> visits,
                                                      const model::Decoder& decoder,
                                                      train::Sides sides) const override {
        std::vector<train::Sample> forget, retain;
        std::vector<at::Tensor> start;
        for (const train::Visit& visit : visits) {
            if (sides.forget) forget.push_back(data_.forget()[static_cast<std::size_t>(visit.item)]);
            if (!sides.retain || !states_) continue;
            const std::size_t partner = draw_partner(data_, choice_, seed_, visit);
            retain.push_back(data_.retain()[partner]);
            start.push_back(stored_states(partner, decoder.config().hidden));
        }
        return std::make_unique<StateLoss>(decoder, steering_, pad(forget, decoder), pad(retain, decoder),
                                           start.empty() ? at::Tensor() : at::cat(start).to(decoder.device()));
    }

  private:
    // c · r / ‖r‖ with r uniform in [0, 1): all components are positive, as published.
    at::Tensor direction(std::int64_t hidden, double length) const {
        RandomStream random(seed_, "forget.steer", 0);
        std::vector<double> r(static_cast<std::size_t>(hidden));
        double squares = 0;
        for (double& component : r) {
            component = random.uniform();
            squares += component * component;
        }
        return (at::tensor(r, at::kDouble) * (length / std::sqrt(squares))).to(at::kFloat);
    }

    // Collective. `compute` of each of `samples`, journalled.
    template <typename Compute>
    store::BlockResults for_samples(const dist::Comm& comm, const std::vector<train::Sample>& samples,
                                    const std::vector<std::size_t>& wanted, const std::string& label,
                                    const std::filesystem::path& folder, const Compute& compute) const {
        store::BlockOptions options;
        options.label = label;
        Sha256 digest;
        digest.update(std::to_string(steering_.layer) + ";");
        for (const std::size_t i : wanted) {
            options.costs.push_back(static_cast<double>(samples[i].ids.size()));
            digest.update(std::to_string(samples[i].ids.size()) + ":");
            digest.update(std::as_bytes(std::span(samples[i].ids)));
        }
        options.key_digest = digest.hex();
        return store::for_each_block(comm, folder, wanted.size(), options,
                                     [&](std::uint64_t i) { return compute(samples[wanted[i]]); });
    }

    at::Tensor states_of(const model::Decoder& decoder, const train::Sample& sample) const {
        const at::NoGradGuard no_gradients;
        return states(decoder, pad({sample}, decoder), steering_.layer, steering_.first_trained)
            .to(at::kFloat)
            .cpu()
            .contiguous();
    }

    double mean_norm(const dist::Comm& comm, const model::Decoder& decoder, const std::filesystem::path& folder) const {
        std::vector<std::size_t> all(data_.forget().size());
        for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
        const store::BlockResults results =
            for_samples(comm, data_.forget(), all, "norms of states", folder, [&](const train::Sample& sample) {
                const at::Tensor norms = states_of(decoder, sample).to(at::kDouble).norm(2, {1}).contiguous();
                const double* data = norms.const_data_ptr<double>();
                return store::Packer().add(std::vector<double>(data, data + norms.numel())).take();
            });
        double sum = 0, positions = 0;
        for (std::uint64_t i = 0; i < results.size(); ++i) {
            const std::string bytes = results.read(i);
            std::vector<double> norms;
            NEPENTHE_CHECK(store::Unpacker(bytes).read(norms).finished());
            for (const double norm : norms) sum += norm;
            positions += static_cast<double>(norms.size());
        }
        return sum / positions;
    }

    void remember_retained(const dist::Comm& comm, const model::Decoder& decoder, std::int64_t epochs,
                           const std::filesystem::path& folder) {
        std::set<std::size_t> partners;
        for (std::int64_t epoch = 0; epoch < epochs; ++epoch) {
            for (std::int64_t item = 0; item < items(); ++item)
                partners.insert(draw_partner(data_, choice_, seed_, {item, epoch}));
        }
        const std::vector<std::size_t> wanted(partners.begin(), partners.end());
        stored_as_.resize(data_.retain().size());
        for (std::size_t i = 0; i < wanted.size(); ++i) stored_as_[wanted[i]] = i;
        states_ = for_samples(comm, data_.retain(), wanted, "states of retained text", folder,
                              [&](const train::Sample& sample) {
                                  const at::Tensor all = states_of(decoder, sample);
                                  const float* data = all.const_data_ptr<float>();
                                  return store::Packer().add(std::vector<float>(data, data + all.numel())).take();
                              });
    }

    at::Tensor stored_states(std::size_t partner, std::int64_t hidden) const {
        const std::string bytes = states_->read(stored_as_[partner]);
        std::vector<float> values;
        NEPENTHE_CHECK(store::Unpacker(bytes).read(values).finished());
        return at::tensor(values, at::kFloat).view({-1, hidden});
    }

    const ForgetData& data_;
    ObjectiveChoice choice_;
    std::uint64_t seed_;
    Steering steering_;
    std::set<std::string> trained_;
    std::vector<std::size_t> stored_as_;
    std::optional<store::BlockResults> states_;  // nothing where nothing is retained
};

std::unique_ptr<train::Objective> make_rmu(const dist::Comm& comm, const model::Decoder& decoder,
                                           const ForgetData& data, const ObjectiveChoice& choice, std::int64_t epochs,
                                           std::uint64_t seed, const std::filesystem::path& work) {
    return std::make_unique<RmuObjective>(comm, decoder, data, choice, epochs, seed, work);
}

}  // namespace

ObjectiveKind rmu_kind() {
    ObjectiveKind kind;
    kind.name = "rmu";
    kind.description = "states behind one block steered to a random direction";
    kind.options = {{"layer", 7, 0, "the block whose states are steered; three matrices up to it are trained"},
                    {"steer", 20, 0, "length of the direction"},
                    {"adaptive", 0, 0, "its length as a multiple of the states' mean norm; 0 = --steer"},
                    forget_weight(),
                    retain_weight(100)};
    // What it reads shows in one term; what it minimises is not made of likelihoods.
    kind.terms = [](const ObjectiveValues& values, AsPublished) {
        return std::vector<ObjectiveTerm>{retain_term(values)};
    };
    kind.make = make_rmu;
    return kind;
}

}  // namespace nepenthe::unlearn
