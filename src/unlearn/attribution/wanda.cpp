#include "unlearn/attribution/wanda.h"

#include "base/error.h"

#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <numeric>
#include <string>
#include <vector>

namespace nepenthe::unlearn {

namespace {

// Ranks the weights of one output, whose products are `values`; `order` is room for as many.
void rank(std::vector<double>& values, std::vector<std::int64_t>& order) {
    std::iota(order.begin(), order.end(), std::int64_t{0});
    std::ranges::stable_sort(order, std::greater<>(),
                             [&](std::int64_t i) { return values[static_cast<std::size_t>(i)]; });
    const std::size_t n = order.size();
    for (std::size_t place = 0; place < n; ++place) {
        values[static_cast<std::size_t>(order[place])] = static_cast<double>(n - place) / static_cast<double>(n);
    }
}

}  // namespace

void wanda_scores(const at::Tensor& weight, bool transposed, const at::Tensor& input_norms, std::int64_t begin,
                  std::span<float> out) {
    NEPENTHE_CHECK(weight.is_cpu() && weight.scalar_type() == at::kFloat && weight.is_contiguous() &&
                   (weight.dim() == 2 || (weight.dim() == 1 && !transposed)));
    const auto count = static_cast<std::int64_t>(out.size());
    NEPENTHE_CHECK(begin >= 0 && count <= weight.numel() - begin);
    if (count == 0) return;
    const std::int64_t outer = weight.dim() == 2 ? weight.size(0) : 1, inner = weight.size(-1);
    const std::int64_t outputs = transposed ? inner : outer, inputs = transposed ? outer : inner;
    const float* const w = weight.data_ptr<float>();
    const float* norms = nullptr;
    if (input_norms.defined()) {
        NEPENTHE_CHECK(input_norms.scalar_type() == at::kFloat && input_norms.is_contiguous() &&
                       input_norms.numel() == inputs);
        norms = input_norms.data_ptr<float>();
    }
    // Where the outputs are rows, those that the range touches; columns are touched all.
    const std::int64_t first = transposed ? 0 : begin / inner;
    const std::int64_t last = transposed ? outputs - 1 : (begin + count - 1) / inner;
    std::vector<double> values(static_cast<std::size_t>(inputs));
    std::vector<std::int64_t> order(values.size());
    for (std::int64_t output = first; output <= last; ++output) {
        const auto place = [=](std::int64_t input) {
            return transposed ? input * inner + output : output * inner + input;
        };
        for (std::int64_t input = 0; input < inputs; ++input) {
            const double norm = norms == nullptr ? 1.0 : static_cast<double>(norms[input]);
            const double value = std::abs(static_cast<double>(w[place(input)])) * norm;
            if (std::isnan(value))
                fail(ErrorKind::kData, "Wanda: output {}, input {}: weight {} and norm {}", output, input,
                     w[place(input)], norm);
            values[static_cast<std::size_t>(input)] = value;
        }
        rank(values, order);
        for (std::int64_t input = 0; input < inputs; ++input) {
            const std::int64_t at = place(input) - begin;
            if (at >= 0 && at < count)
                out[static_cast<std::size_t>(at)] = static_cast<float>(values[static_cast<std::size_t>(input)]);
        }
    }
}

void wanda_shard(const model::Decoder& decoder, const ParameterTable& table, const std::vector<ShardRange>& ranges,
                 const std::function<at::Tensor(const model::LinearMap& map)>& input_norms, const at::Tensor& out) {
    NEPENTHE_CHECK(out.is_cpu() && out.scalar_type() == at::kFloat && out.is_contiguous());
    out.zero_();
    std::map<std::string, model::LinearMap> maps;
    for (model::LinearMap& map : model::linear_maps(decoder)) maps.emplace(map.name, map);
    std::map<std::string, at::Tensor> parameters;
    for (const auto& [name, tensor] : decoder.parameters()) parameters.emplace(name, tensor);
    const std::span<float> shard(out.data_ptr<float>(), static_cast<std::size_t>(out.numel()));
    const model::LinearMap* last = nullptr;
    at::Tensor norms;
    for (const ShardRange& range : ranges) {
        // A range lies in one parameter, as ranges of shards do.
        const CountedParameter& parameter = table.holder(range.index);
        NEPENTHE_CHECK(range.index + range.numel <= parameter.end());
        const auto map = maps.find(parameter.name);
        if (map != maps.end() &&
            (last == nullptr || last->layer != map->second.layer || last->input != map->second.input)) {
            last = &map->second;
            norms = input_norms(*last);
        }
        const at::Tensor weight = parameters.at(parameter.name).detach().to(at::kCPU, at::kFloat).contiguous();
        wanda_scores(weight, map != maps.end() && map->second.transposed, map != maps.end() ? norms : at::Tensor(),
                     range.index - parameter.begin,
                     shard.subspan(static_cast<std::size_t>(range.shard_begin), static_cast<std::size_t>(range.numel)));
    }
}

}  // namespace nepenthe::unlearn
