#include "report/heat_map.h"

#include "base/error.h"
#include "report/svg.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace nepenthe::report {

namespace {

using Colour = std::array<double, 3>;

// Ends and middle of each scale.
std::array<Colour, 3> stops(Palette palette) {
    switch (palette) {
        case Palette::kGreens: return {{{247, 252, 245}, {116, 196, 118}, {0, 68, 27}}};
        case Palette::kReds: return {{{255, 245, 240}, {251, 106, 74}, {103, 0, 13}}};
        case Palette::kPurples: break;
    }
    return {{{252, 251, 253}, {158, 154, 200}, {63, 0, 125}}};
}

constexpr double kCell = 22, kTop = 34, kBarWidth = 14, kBarGap = 18;

double widest(const std::vector<std::string>& labels) {
    std::size_t longest = 4;
    for (const std::string& label : labels) {
        // Characters, not bytes.
        const auto characters = std::count_if(label.begin(), label.end(), [](char c) { return (c & 0xc0) != 0x80; });
        longest = std::max(longest, static_cast<std::size_t>(characters));
    }
    return 7.0 * static_cast<double>(longest) + 14;
}

void draw_bar(Svg& svg, const HeatMap& map, Point corner, double height) {
    constexpr int kSteps = 40;
    for (int i = 0; i < kSteps; ++i) {
        const double share = (i + 0.5) / kSteps;
        svg.rectangle({corner.x, corner.y + height * (1 - (i + 1.0) / kSteps)}, kBarWidth, height / kSteps + 0.5,
                      palette_colour(map.palette, share));
    }
    svg.frame(corner, kBarWidth, height);
    for (const double tick : round_ticks(map.low, map.high, 5)) {
        const double y = map.high > map.low ? corner.y + height * (map.high - tick) / (map.high - map.low) : corner.y;
        svg.line({corner.x + kBarWidth, y}, {corner.x + kBarWidth + 4, y}, "#888888");
        svg.text({corner.x + kBarWidth + 7, y + 4}, tick_text(tick), {.size = 11});
    }
    svg.text({corner.x + kBarWidth / 2, corner.y + height + 18}, map.bar_label,
             {.size = 11, .anchor = Anchor::kMiddle});
}

}  // namespace

std::string palette_colour(Palette palette, double share) {
    share = share > 0 ? std::min(share, 1.0) : 0.0;
    const auto scale = stops(palette);
    const std::size_t lower = share < 0.5 ? 0 : 1;
    const double within = 2 * share - static_cast<double>(lower);
    std::array<int, 3> mixed{};
    for (std::size_t i = 0; i < 3; ++i) {
        mixed[i] = static_cast<int>(std::lround(scale[lower][i] + within * (scale[lower + 1][i] - scale[lower][i])));
    }
    return fmt::format("#{:02x}{:02x}{:02x}", mixed[0], mixed[1], mixed[2]);
}

std::string heat_map_svg(const HeatMap& map) {
    NEPENTHE_CHECK(!map.values.empty() && map.values.size() == map.rows.size() && !map.values[0].empty());
    const std::size_t columns = map.values[0].size();
    const double left = widest(map.rows), width = kCell * static_cast<double>(columns);
    const double height = kCell * static_cast<double>(map.rows.size());
    const double bar_height = std::max(height, 80.0), bottom = kTop + bar_height + 44;
    Svg svg(std::max(left + width + kBarGap + kBarWidth + 70, 7.5 * static_cast<double>(map.title.size()) + 20), bottom,
            map.title);
    svg.text({left, 20}, map.title, {.size = 13, .bold = true});
    for (std::size_t row = 0; row < map.rows.size(); ++row) {
        NEPENTHE_CHECK(map.values[row].size() == columns);
        const double y = kTop + kCell * static_cast<double>(row);
        svg.text({left - 6, y + kCell / 2 + 4}, map.rows[row], {.anchor = Anchor::kEnd});
        for (std::size_t column = 0; column < columns; ++column) {
            const double value = map.values[row][column];
            const double share = map.high > map.low ? (value - map.low) / (map.high - map.low) : 0.0;
            svg.rectangle({left + kCell * static_cast<double>(column), y}, kCell, kCell,
                          std::isnan(value) ? "#ffffff" : palette_colour(map.palette, share),
                          fmt::format("{}, {}: {:.4g}", map.rows[row], column, value));
        }
    }
    svg.frame({left, kTop}, width, height);
    const std::size_t step = columns > 24 ? 5 : columns > 12 ? 2 : 1;
    for (std::size_t column = 0; column < columns; column += step) {
        svg.text({left + kCell * (static_cast<double>(column) + 0.5), kTop + height + 14}, std::to_string(column),
                 {.size = 10, .anchor = Anchor::kMiddle});
    }
    svg.text({left + width / 2, kTop + height + 32}, map.x_label, {.anchor = Anchor::kMiddle});
    draw_bar(svg, map, {left + width + kBarGap, kTop}, bar_height);
    return svg.finish();
}

}  // namespace nepenthe::report
