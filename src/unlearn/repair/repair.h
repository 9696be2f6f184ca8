#pragma once
// `repair`: after any method, what its updates cost on retained text is taken out of them by a solve for each input
// (solve_repair.h); how much, λ, is one number for all matrices, found by a line search over a grid.

#include "base/json.h"
#include "dist/comm.h"
#include "model/decoder.h"
#include "unlearn/repair/moved_maps.h"
#include "unlearn/repair/solve_repair.h"

#include <ATen/core/ScalarType.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace nepenthe::unlearn {

struct RepairOptions {
    std::vector<double> lambdas{0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10};  // the grid; 0 is tried in any case
    // By which share of the base's the perplexity may be higher, and by how much neighbours may be lower; neither: the
    // grid is one λ, which is taken.
    std::optional<double> perplexity_budget, utility_budget;
    double ridge = 0.01;  // of the forgotten text's moments, in means of their diagonal
    // What the update is multiplied with before it is solved for. With λ = 0 and a negative one the result is a task
    // vector's (Ilharco et al., arXiv 2212.04089): base − a (model − base).
    double scale = 1;
    bool searches() const { return perplexity_budget || utility_budget; }
    // Every problem at once, empty when fine.
    std::vector<std::string> validate() const;
};

// Of models, collectively. Perplexity is that of retained text that was neither trained on nor gathered moments of.
struct RepairMeasured {
    std::optional<double> perplexity, familiarity, neighbours;
};
using RepairMeasure = std::function<RepairMeasured(const model::Decoder& decoder)>;

// One λ tried.
struct RepairPoint {
    double lambda = 0;
    double kept = 1;  // ‖Δ'‖ / ‖Δ‖ over all moved maps, Frobenius; of the weights as they are saved, Δ as it came
    RepairMeasured measured;
};

struct RepairReport {
    RepairMeasured base;
    std::vector<RepairPoint> curve;  // by λ, ascending, λ = 0 first: the scaled update whole
    double lambda = 0;               // chosen: its weights are in the model
    std::int64_t moved = 0;          // how many matrices were
    Json to_json() const;
};

// The chosen point: the smallest λ that keeps to the budgets, or the only one of the grid beside 0. Throws Error(kGate)
// where none keeps to them, naming the best that was reached.
std::size_t choose_point(const RepairMeasured& base, const std::vector<RepairPoint>& curve,
                         const RepairOptions& options);

struct RepairInputs {
    const model::Decoder& base;
    model::Decoder& model;  // fp32, as the base; holds the repaired weights at the end
    std::vector<MovedMaps> moved;
    // Second moments for moved maps; called on the rank that repairs them.
    std::function<RepairMoments(const MovedMaps& maps)> moments;
    // Of what type a tensor will be saved: weights are rounded to it before they are measured.
    std::function<at::ScalarType(const std::string& name)> stored;
    RepairMeasure measure;  // may be empty where there is no budget
};

// Collective. The systems are dealt to ranks; the weights and the report are the same bytes on any number of them.
// `work` (shared by all ranks) holds finished systems and points, so that an interrupted run continues; `key` says what
// it is of.
RepairReport repair(const dist::Comm& comm, const RepairInputs& inputs, const RepairOptions& options,
                    const std::filesystem::path& work, const std::string& key);

}  // namespace nepenthe::unlearn
