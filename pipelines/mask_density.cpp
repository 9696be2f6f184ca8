#include "pipelines/mask_density.h"

#include <fmt/format.h>

namespace nepenthe::pipelines {

std::string density_text(const Json& density) {
    std::string text;
    const auto line = [&](const std::string& name, const Json& share) {
        const Json& value = share.at("value");
        text += fmt::format("  {:<12} {:>8} of {} weights are trainable ({})\n", name,
                            value.is_null() ? "" : fmt::format("{:.4f}", value.get<double>()),
                            share.at("denominator").get<std::int64_t>(), share.at("numerator").get<std::int64_t>());
    };
    for (const auto& [selection, shares] : density.items()) {
        text += selection + "\n";
        line("all", shares.at("all"));
        for (const auto& [module, share] : shares.at("module").items()) line(module, share);
    }
    return text;
}

}  // namespace nepenthe::pipelines
