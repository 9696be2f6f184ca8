#include "edit/verify_edit.h"

#include "base/error.h"
#include "io/safetensors.h"
#include "model/tensor_bytes.h"

#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <cstring>

namespace nepenthe::edit {

namespace {

namespace fs = std::filesystem;

bool same_bytes(const io::TensorView& a, const io::TensorView& b) {
    return a.dtype == b.dtype && a.shape == b.shape && a.bytes.size() == b.bytes.size() &&
           std::memcmp(a.bytes.data(), b.bytes.data(), a.bytes.size()) == 0;
}

// Sums of squares over the edited tensors.
struct Rounding {
    double lost = 0, changed = 0;
};

void check_tensor(const std::string& name, const io::TensorView& before, const io::TensorView& after,
                  const at::Tensor& memory, Rounding& rounding, Problems& problems) {
    if (const auto where = model::first_non_finite(after)) problems.add("{}: element {} is not finite", name, *where);
    const at::Tensor saved = model::tensor_from_bytes(after, at::kFloat);
    const at::Tensor now = memory.detach().to(at::kCPU, at::kFloat);
    const auto type = model::floating_type(after.dtype);
    if (saved.sizes() != now.sizes() || !type || !at::equal(saved, now.to(*type).to(at::kFloat))) {
        problems.add("{}: on disk it is not what stands in memory, rounded once", name);
        return;
    }
    const at::Tensor source = model::tensor_from_bytes(before, at::kFloat);
    rounding.lost += (saved - now).to(at::kDouble).square().sum().item<double>();
    rounding.changed += (saved - source).to(at::kDouble).square().sum().item<double>();
}

void compare_logits(const fs::path& saved, const model::Decoder& memory,
                    const std::vector<std::vector<std::int64_t>>& probes, SavedCheck& check) {
    const at::NoGradGuard no_grad;
    const model::Decoder reread = model::Decoder::load(saved, memory.compute());
    for (const auto& ids : probes) {
        const at::Tensor row = at::tensor(ids, at::kLong).unsqueeze(0);
        const auto last = [&](const model::Decoder& decoder, const at::Tensor& input) {
            const at::Tensor hidden = decoder.hidden_states({input, {}});
            return decoder.head(hidden.narrow(1, hidden.size(1) - 1, 1)).flatten().to(at::kCPU);
        };
        const at::Tensor disk = last(reread, row), here = last(memory, row.to(memory.device()));
        check.logit_difference = std::max(check.logit_difference, (disk - here).abs().max().item<double>());
        check.logit_scale = std::max(check.logit_scale, here.abs().max().item<double>());
        if (!at::isfinite(disk).all().item<bool>()) check.logit_difference = INFINITY;
    }
    check.probes = static_cast<std::int64_t>(probes.size());
}

}  // namespace

Json SavedCheck::to_json() const {
    return {{"changed", changed},
            {"rounding", rounding},
            {"logit_difference", logit_difference},
            {"logit_scale", logit_scale},
            {"probes", probes}};
}

SavedCheck check_saved(const fs::path& source, const fs::path& saved, const std::vector<std::string>& declared,
                       const model::Decoder& memory, const std::vector<std::vector<std::int64_t>>& probes) {
    const io::Checkpoint before = io::open_checkpoint(source), after = io::open_checkpoint(saved);
    SavedCheck check;
    Rounding rounding;
    Problems problems;
    for (const auto& [name, file] : before.file_of_tensor) {
        if (after.find(name) == nullptr) problems.add("{}: it is missing on disk", name);
    }
    for (const auto& [name, file] : after.file_of_tensor) {
        const io::TensorView* old = before.find(name);
        const io::TensorView& now = *after.find(name);
        if (old == nullptr) {
            problems.add("{}: it is not in the source", name);
            continue;
        }
        const bool is_declared = std::ranges::find(declared, name) != declared.end();
        if (is_declared) check_tensor(name, *old, now, memory.parameter(name), rounding, problems);
        if (same_bytes(*old, now)) continue;
        check.changed.push_back(name);
        if (!is_declared) problems.add("{}: it changed, but is not among the edited tensors", name);
    }
    if (rounding.changed > 0) check.rounding = std::sqrt(rounding.lost / rounding.changed);
    if (problems.empty()) {
        compare_logits(saved, memory, probes, check);
        // One rounding to bf16 moves a logit by some 2^-8 of the logits' scale; more is another model.
        if (!(check.logit_difference <= 0.05 * std::max(check.logit_scale, 1.0))) {
            problems.add("logits from disk and from memory differ by {:.3g} (their scale is {:.3g})",
                         check.logit_difference, check.logit_scale);
        }
    }
    problems.throw_if_any(ErrorKind::kGate, "the saved model " + saved.string());
    return check;
}

}  // namespace nepenthe::edit
