#include "evaluate/weights_digest.h"

#include "base/hash.h"
#include "model/tensor_bytes.h"

#include <fmt/ranges.h>
#include <torch/types.h>

namespace nepenthe::evaluate {

std::string weights_digest(const model::Decoder& decoder) {
    Sha256 hash;
    for (const model::NamedTensor& weight : decoder.parameters()) {
        const at::Tensor host = weight.tensor.detach().cpu().contiguous();
        hash.update(fmt::format("{} {} {} {:016x}\n", weight.name, at::toString(host.scalar_type()),
                                fmt::join(host.sizes(), ","), xxh3(model::bytes_of(host))));
    }
    return hash.hex();
}

}  // namespace nepenthe::evaluate
