#include "model/family/families.h"

#include <algorithm>
#include <array>

namespace nepenthe::model {

const std::vector<Family>& all_families() {
    static const std::vector<Family> families = [] {
        std::vector<Family> all;
        for (const auto kin : {gpt_families(), llama_families(), layer_norm_families(), olmo_families(),
                               fused_families(), gemma_families(), alibi_families()}) {
            all.insert(all.end(), kin.begin(), kin.end());
        }
        return all;
    }();
    return families;
}

const Family* find_family(std::string_view model_type) {
    const std::vector<Family>& families = all_families();
    const auto found = std::ranges::find(families, model_type, &Family::name);
    return found == families.end() ? nullptr : &*found;
}

bool is_ignored_buffer(std::string_view name) {
    constexpr std::array<std::string_view, 5> kEndings = {".attn.bias", ".attn.masked_bias", ".inv_freq",
                                                          ".attention.masked_bias", ".attention.bias"};
    return required_value(name).has_value() ||
           std::ranges::any_of(kEndings, [&](std::string_view ending) { return name.ends_with(ending); });
}

std::optional<double> required_value(std::string_view buffer) {
    // xIELU's constants, as every checkpoint has them.
    if (buffer.ends_with(".act_fn.beta")) return 0.5;
    if (buffer.ends_with(".act_fn.eps")) return -1e-6;
    return std::nullopt;
}

}  // namespace nepenthe::model
