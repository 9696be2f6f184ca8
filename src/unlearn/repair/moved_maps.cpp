#include "unlearn/repair/moved_maps.h"

#include "base/error.h"

#include <fmt/ranges.h>
#include <torch/types.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

namespace nepenthe::unlearn {

std::string MovedMaps::name() const { return fmt::format("layer {}, input of {}", layer, map_input_name(input)); }

void check_made_from(const model::Decoder& base, const model::Decoder& model) {
    Problems problems;
    if (base.config().family != model.config().family)
        problems.add("the base is a {}, the model a {}", base.config().family, model.config().family);
    if (base.config().layers != model.config().layers)
        problems.add("the base has {} layers, the model {}", base.config().layers, model.config().layers);
    std::map<std::string, std::vector<std::int64_t>> shapes;
    for (const auto& [name, tensor] : model.parameters()) shapes[name] = tensor.sizes().vec();
    for (const auto& [name, tensor] : base.parameters()) {
        const auto found = shapes.find(name);
        if (found == shapes.end()) {
            problems.add("the model has no tensor \"{}\"", name);
            continue;
        }
        if (found->second != tensor.sizes().vec())
            problems.add("\"{}\" is [{}] in the base, [{}] in the model", name, fmt::join(tensor.sizes(), ", "),
                         fmt::join(found->second, ", "));
        shapes.erase(found);
    }
    for (const auto& [name, shape] : shapes) problems.add("the base has no tensor \"{}\"", name);
    problems.throw_if_any(ErrorKind::kData, "--model was not made from --base");
}

std::vector<MovedMaps> moved_maps(const model::Decoder& base, const model::Decoder& model) {
    std::map<std::pair<std::int64_t, model::MapInput>, MovedMaps> groups;
    for (const model::LinearMap& map : model::linear_maps(base)) {
        if (at::equal(base.parameter(map.name), model.parameter(map.name))) continue;
        MovedMaps& group = groups[{map.layer, map.input}];
        group.layer = map.layer;
        group.input = map.input;
        group.maps.push_back(map);
    }
    std::vector<MovedMaps> moved;
    for (auto& [place, group] : groups) moved.push_back(std::move(group));
    return moved;
}

void scale_others(const model::Decoder& base, model::Decoder& model, double scale,
                  const std::function<at::ScalarType(const std::string& name)>& stored) {
    if (scale == 1) return;
    const at::NoGradGuard no_grad;
    std::set<std::string> maps;
    for (const model::LinearMap& map : model::linear_maps(model)) maps.insert(map.name);
    for (const auto& [name, tensor] : model.parameters()) {
        if (maps.contains(name)) continue;
        // Where nothing moved the value is the base's to the bit, whatever the scale.
        const at::Tensor before = base.parameter(name), after = before + (tensor - before) * scale;
        at::Tensor(tensor).copy_(after.to(stored(name)));
    }
}

}  // namespace nepenthe::unlearn
