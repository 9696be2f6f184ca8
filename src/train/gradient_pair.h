#pragma once
// The gradients of the forget and of the retain side apart, how much they are at odds, and rules that make one step of
// both.

#include "dist/comm.h"
#include "train/flat_layout.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace nepenthe::train {

enum class PairRule {
    kSum,  // g_f + g_r: one backward pass
    // GRU (arXiv 2503.09117): where ⟨g_f, g_r⟩ < 0, g_f loses its part along g_r; plus `retain` · g_r. Without the
    // published average of g_r over steps.
    kGru,
    // BLUR (arXiv 2506.08164): g_r + ξ g_f with ξ = `forget` − ⟨g_r, g_f⟩ / ‖g_f‖²: whatever the retain side asks for
    // along g_f, the step goes `forget` · ‖g_f‖² there.
    kBlur,
};
std::string_view pair_name(PairRule rule);   // "sum", "gru", "blur"
PairRule parse_pair(std::string_view name);  // throws Error(kUsage)

struct PairOptions {
    PairRule rule = PairRule::kSum;
    double retain = 0;  // kGru
    double forget = 1;  // kBlur
    // With any rule: g_f is taken at θ + radius · g_f(θ) / ‖g_f(θ)‖, the worst place near θ, so that forgetting holds
    // around it (SAM, as Fan et al. 2502.05374 use it); 0 = at θ. A forward and backward pass more of that side.
    double radius = 0;

    bool apart() const { return rule != PairRule::kSum || radius > 0; }
};

// ‖g_f‖², ‖g_r‖² and ⟨g_f, g_r⟩.
struct PairProducts {
    double forget = 0, retain = 0, both = 0;

    double cosine() const;  // 0 where one of them is nothing
};
struct ParameterConflict {
    std::string name;
    PairProducts products;
};

// Collective. By parameter, in the layout's order; exact, so the same bits on any number of ranks. `forget`, `retain`:
// this rank's shards, fp32 [shard_numel] on the host.
std::vector<ParameterConflict> pair_products(const dist::Comm& comm, const FlatLayout& layout, const at::Tensor& forget,
                                             const at::Tensor& retain);
PairProducts sum_of(const std::vector<ParameterConflict>& products);

// The step's gradient [shard_numel], in the place of `forget`, and its norm.
double combine_pair(const PairOptions& options, const PairProducts& products, at::Tensor& forget,
                    const at::Tensor& retain);

}  // namespace nepenthe::train
