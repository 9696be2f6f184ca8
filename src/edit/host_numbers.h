#pragma once
// Numbers of a tensor for journals.

#include <ATen/core/Tensor.h>

#include <vector>

namespace nepenthe::edit {

// All of an fp64 tensor on the host, in row-major order; nothing of an undefined one.
inline std::vector<double> doubles(const at::Tensor& tensor) {
    if (!tensor.defined()) return {};
    const at::Tensor host = tensor.contiguous();
    return {host.const_data_ptr<double>(), host.const_data_ptr<double>() + host.numel()};
}

}  // namespace nepenthe::edit
