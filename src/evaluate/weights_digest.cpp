#include "evaluate/weights_digest.h"

#include "base/hash.h"
#include "base/json.h"
#include "model/side_memory.h"
#include "model/tensor_bytes.h"

#include <fmt/ranges.h>
#include <torch/types.h>

namespace nepenthe::evaluate {

namespace {

void add(Sha256& hash, const std::string& name, const at::Tensor& weight) {
    const at::Tensor host = weight.detach().cpu().contiguous();
    hash.update(fmt::format("{} {} {} {:016x}\n", name, at::toString(host.scalar_type()), fmt::join(host.sizes(), ","),
                            xxh3(model::bytes_of(host))));
}

}  // namespace

std::string weights_digest(const model::Decoder& decoder) {
    Sha256 hash;
    hash.update(canonical_json({{"config", decoder.config().source},
                                {"compute", model::compute_name(decoder.compute())},
                                {"device", decoder.device().is_cpu() ? "cpu" : "cuda"}}));
    for (const model::NamedTensor& weight : decoder.parameters()) add(hash, weight.name, weight.tensor);
    if (const auto memory = decoder.side_memory()) {
        hash.update(canonical_json(model::describe_side_memory(*memory)));
        for (const auto& alternative : memory->alternatives) add(hash, "alternative", alternative.weight);
    }
    return hash.hex();
}

}  // namespace nepenthe::evaluate
