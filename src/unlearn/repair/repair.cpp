#include "unlearn/repair/repair.h"

#include "base/error.h"
#include "base/json_optional.h"
#include "base/json_text.h"
#include "base/log.h"
#include "base/tree_sum.h"
#include "dist/guard.h"
#include "io/file.h"
#include "store/blocks.h"

#include <torch/types.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

namespace nepenthe::unlearn {

namespace {

Json measured_json(const RepairMeasured& measured) {
    return {{"perplexity", optional_json(measured.perplexity)},
            {"familiarity", optional_json(measured.familiarity)},
            {"neighbours", optional_json(measured.neighbours)}};
}

RepairMeasured measured_of(const Json& json) {
    return {json_optional(json.at("perplexity")), json_optional(json.at("familiarity")),
            json_optional(json.at("neighbours"))};
}

std::string text_of(const RepairMeasured& measured) {
    std::string text;
    const auto add = [&](const char* name, const std::optional<double>& value) {
        if (value) text += fmt::format(", {} {:.4f}", name, *value);
    };
    add("retained perplexity", measured.perplexity);
    add("familiarity", measured.familiarity);
    add("neighbours", measured.neighbours);
    return text;
}

// [out, in] of a weight as it is stored, in fp64.
at::Tensor exact(const at::Tensor& weight, bool transposed) {
    const at::Tensor host = weight.to(at::kCPU, at::kDouble);
    return transposed ? host.t() : host;
}

// The run: weights as they came, and what was found so far.
class Repair {
  public:
    Repair(const dist::Comm& comm, const RepairInputs& inputs, const RepairOptions& options,
           const std::filesystem::path& work, const std::string& key)
        : comm_(comm), inputs_(inputs), options_(options), work_(work), key_(key) {
        for (const MovedMaps& group : inputs.moved) {
            for (const model::LinearMap& map : group.maps)
                as_came_[map.name] = inputs.model.parameter(map.name).detach().clone();
        }
    }

    // Collective. A measurement of the weights in `decoder`, or what an interrupted run found.
    Json once(const std::string& name, const std::function<Json()>& find) const {
        const std::filesystem::path path = work_ / (name + ".json");
        std::string text;
        dist::run_agreed(comm_, "read measurements", [&] {
            if (comm_.is_root() && std::filesystem::exists(path)) text = io::read_file(path);
        });
        comm_.broadcast(text);
        if (!text.empty()) return parse_json(text, path.string());
        const Json found = find();
        dist::run_agreed(comm_, "keep measurements", [&] {
            if (comm_.is_root()) io::write_file_atomically(path, json_text(found, 1));
        });
        return found;
    }

    RepairMeasured measure(const model::Decoder& decoder) const {
        return inputs_.measure ? inputs_.measure(decoder) : RepairMeasured{};
    }

    // Collective. Leaves the weights of this λ in the model and returns ‖Δ'‖ / ‖Δ‖.
    double apply(std::size_t index, double lambda) {
        store::BlockOptions block;
        block.label = fmt::format("repair λ {}", lambda);
        block.unit = "systems";
        block.key_digest = key_;
        for (const MovedMaps& group : inputs_.moved) block.costs.push_back(cost(group));
        const std::filesystem::path folder = work_ / fmt::format("lambda-{}", index);
        std::vector<double> kept, whole;
        const store::BlockResults results =
            store::for_each_block(comm_, folder, inputs_.moved.size(), block,
                                  [&](std::uint64_t id) { return solve(inputs_.moved[id], lambda); });
        dist::run_agreed(comm_, "repaired weights", [&] {
            for (std::uint64_t id = 0; id < results.size(); ++id)
                place(results.read(id), inputs_.moved[id], kept, whole);
        });
        comm_.barrier("repaired weights");
        // A resumed run finds the point itself.
        dist::run_agreed(comm_, "repaired weights", [&] {
            if (comm_.is_root()) std::filesystem::remove_all(folder);
        });
        applied_ = index;
        const double all = tree_sum(whole);
        return all > 0 ? std::sqrt(tree_sum(kept) / all) : 1.0;
    }

    std::optional<std::size_t> applied() const { return applied_; }

  private:
    double cost(const MovedMaps& group) const {
        double cost = 0, inputs = 0;
        for (const model::LinearMap& map : group.maps) {
            const at::Tensor& weight = as_came_.at(map.name);
            inputs = static_cast<double>(weight.size(map.transposed ? 0 : 1));
            cost += 2 * inputs * static_cast<double>(weight.numel());
        }
        return cost + inputs * inputs * inputs / 3;
    }

    // One block: the repaired weights of the maps in fp32, as they are stored, then ‖Δ'‖² and ‖Δ‖².
    std::string solve(const MovedMaps& group, double lambda) const {
        const at::NoGradGuard no_grad;
        std::vector<at::Tensor> rows;
        for (const model::LinearMap& map : group.maps) {
            rows.push_back(exact(as_came_.at(map.name), map.transposed) -
                           exact(inputs_.base.parameter(map.name), map.transposed));
        }
        const at::Tensor update = at::cat(rows) * options_.scale;
        const RepairMoments moments = lambda > 0 ? inputs_.moments(group) : RepairMoments{};
        const at::Tensor repaired =
            lambda > 0 ? repaired_update(update, moments, lambda, options_.ridge, group.name()) : update;
        std::string bytes;
        double kept = 0, whole = 0;
        for (std::int64_t first = 0, i = 0; const model::LinearMap& map : group.maps) {
            const at::Tensor before = exact(inputs_.base.parameter(map.name), map.transposed);
            const at::Tensor change = repaired.narrow(0, first, before.size(0));
            at::Tensor weight = before + change;
            if (!at::isfinite(weight).all().item<bool>())
                fail(ErrorKind::kGate, "{}: repaired weights that are not finite", map.name);
            if (map.transposed) weight = weight.t();
            weight = weight.to(inputs_.stored(map.name)).to(at::kFloat).contiguous();
            // A weight that came in a wider type than it is saved in is rounded with the others where it changes alone.
            if (lambda == 0 && options_.scale == 1) weight = as_came_.at(map.name).to(at::kCPU).contiguous();
            kept += (exact(weight, map.transposed) - before).square().sum().item<double>();
            whole += rows[static_cast<std::size_t>(i++)].square().sum().item<double>();
            bytes.append(static_cast<const char*>(weight.const_data_ptr()), weight.nbytes());
            first += before.size(0);
        }
        for (const double value : {kept, whole}) bytes.append(reinterpret_cast<const char*>(&value), sizeof(value));
        return bytes;
    }

    void place(const std::string& bytes, const MovedMaps& group, std::vector<double>& kept,
               std::vector<double>& whole) const {
        const at::NoGradGuard no_grad;
        const char* from = bytes.data();
        for (const model::LinearMap& map : group.maps) {
            at::Tensor weight = at::empty(as_came_.at(map.name).sizes(), at::kFloat);
            std::memcpy(weight.mutable_data_ptr(), from, weight.nbytes());
            from += weight.nbytes();
            inputs_.model.parameter(map.name).copy_(weight);
        }
        std::array<double, 2> norms{};
        NEPENTHE_CHECK(from + sizeof(norms) == bytes.data() + bytes.size());
        std::memcpy(norms.data(), from, sizeof(norms));
        kept.push_back(norms[0]);
        whole.push_back(norms[1]);
    }

    const dist::Comm& comm_;
    const RepairInputs& inputs_;
    const RepairOptions& options_;
    std::filesystem::path work_;
    std::string key_;
    std::map<std::string, at::Tensor> as_came_;
    std::optional<std::size_t> applied_;
};

}  // namespace

std::vector<std::string> RepairOptions::validate() const {
    Problems problems;
    if (lambdas.empty()) problems.add("no λ is given");
    for (const double lambda : lambdas) {
        if (!(lambda >= 0) || !std::isfinite(lambda)) problems.add("λ {} is negative or not finite", lambda);
    }
    if (!searches() && lambdas.size() > 1)
        problems.add("which of {} λ to take: give one, or a budget of perplexity or utility", lambdas.size());
    if (perplexity_budget && !(*perplexity_budget >= 0))
        problems.add("the perplexity budget {} is negative", *perplexity_budget);
    if (utility_budget && !(*utility_budget >= 0)) problems.add("the utility budget {} is negative", *utility_budget);
    if (scale == 0 || !std::isfinite(scale)) problems.add("the scale {} leaves nothing, or no number", scale);
    if (!(ridge > 0)) problems.add("the ridge {} is not positive", ridge);
    return problems.items();
}

Json RepairReport::to_json() const {
    Json rows = Json::array();
    for (const RepairPoint& point : curve) {
        rows.push_back({{"lambda", point.lambda}, {"kept", point.kept}});
        rows.back().update(measured_json(point.measured));
    }
    return {{"lambda", lambda}, {"moved_matrices", moved}, {"base", measured_json(base)}, {"curve", rows}};
}

std::size_t choose_point(const RepairMeasured& base, const std::vector<RepairPoint>& curve,
                         const RepairOptions& options) {
    NEPENTHE_CHECK(!curve.empty());
    if (!options.searches()) return curve.size() - 1;
    const double most = options.perplexity_budget ? *base.perplexity * (1 + *options.perplexity_budget) : 0;
    const double least = options.utility_budget ? *base.neighbours - *options.utility_budget : 0;
    const auto within = [&](const RepairPoint& point) {
        return (!options.perplexity_budget || *point.measured.perplexity <= most) &&
               (!options.utility_budget || *point.measured.neighbours >= least);
    };
    if (const auto found = std::ranges::find_if(curve, within); found != curve.end())
        return static_cast<std::size_t>(found - curve.begin());
    std::string reached;
    if (options.perplexity_budget) {
        const auto best =
            std::ranges::min_element(curve, {}, [](const RepairPoint& point) { return *point.measured.perplexity; });
        reached +=
            fmt::format("; retained perplexity may be {:.4f} (the base's is {:.4f}), the lowest is {:.4f} with λ {}",
                        most, *base.perplexity, *best->measured.perplexity, best->lambda);
    }
    if (options.utility_budget) {
        const auto best =
            std::ranges::max_element(curve, {}, [](const RepairPoint& point) { return *point.measured.neighbours; });
        reached += fmt::format("; neighbours may be {:.4f} (the base's are {:.4f}), the highest are {:.4f} with λ {}",
                               least, *base.neighbours, *best->measured.neighbours, best->lambda);
    }
    fail(ErrorKind::kGate,
         "no λ up to {} keeps within the budget{}: allow more, try larger ones, or take embeddings, norms and biases "
         "from the base (--others base), where they are the model's",
         curve.back().lambda, reached);
}

RepairReport repair(const dist::Comm& comm, const RepairInputs& inputs, const RepairOptions& options,
                    const std::filesystem::path& work, const std::string& key) {
    const dist::StageScope stage("repair");
    NEPENTHE_CHECK(options.validate().empty() && (!options.searches() || inputs.measure));
    dist::run_agreed(comm, "repair", [&] { std::filesystem::create_directories(work); });
    std::vector<double> lambdas = options.lambdas;
    lambdas.push_back(0);
    std::sort(lambdas.begin(), lambdas.end());
    lambdas.erase(std::unique(lambdas.begin(), lambdas.end()), lambdas.end());

    RepairReport report;
    for (const MovedMaps& group : inputs.moved) report.moved += std::ssize(group.maps);
    Repair run(comm, inputs, options, work, key);
    report.base = measured_of(run.once("base", [&] { return measured_json(run.measure(inputs.base)); }));
    log_info("repair: {} matrices moved; the base{}", report.moved, text_of(report.base));
    for (std::size_t i = 0; i < lambdas.size(); ++i) {
        const Json point = run.once(fmt::format("point-{}", i), [&] {
            const double kept = run.apply(i, lambdas[i]);
            return Json{{"kept", kept}, {"measured", measured_json(run.measure(inputs.model))}};
        });
        report.curve.push_back({lambdas[i], point.at("kept").get<double>(), measured_of(point.at("measured"))});
        log_info("repair: λ {}: {:.4f} of the update kept{}", lambdas[i], report.curve.back().kept,
                 text_of(report.curve.back().measured));
    }
    const std::size_t chosen = choose_point(report.base, report.curve, options);
    report.lambda = lambdas[chosen];
    if (run.applied() != chosen) run.apply(chosen, report.lambda);
    return report;
}

}  // namespace nepenthe::unlearn
