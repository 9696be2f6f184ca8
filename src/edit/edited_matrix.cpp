#include "edit/edited_matrix.h"

#include "base/error.h"

#include <torch/types.h>

namespace nepenthe::edit {

EditedMatrix::EditedMatrix(model::Decoder& decoder, std::int64_t layer)
    : name_(decoder.mlp_output_name(layer)),
      layer_(layer),
      weight_(decoder.parameter(name_)),
      transposed_(decoder.stores_transposed(name_)) {
    if (weight_.scalar_type() != at::kFloat) {
        fail(ErrorKind::kUsage, "editing works on fp32 weights: load the model with --dtype fp32");
    }
    keep();
}

void EditedMatrix::add(const LowRank& update) {
    const at::NoGradGuard no_grad;
    at::Tensor change = update.dense();
    if (transposed_) change = change.t();
    const at::Tensor sum = (weight_.to(at::kCPU, at::kDouble) + change).to(at::kFloat);
    if (!at::isfinite(sum).all().item<bool>()) {
        fail(ErrorKind::kGate, "{}: the update (norm {:.3g}) makes weights that are not finite", name_, update.norm());
    }
    weight_.copy_(sum);
}

void EditedMatrix::restore() {
    const at::NoGradGuard no_grad;
    weight_.copy_(kept_);
}

void EditedMatrix::keep() { kept_ = weight_.detach().clone(); }

double EditedMatrix::norm() const { return kept_.to(at::kDouble).norm().item<double>(); }

}  // namespace nepenthe::edit
