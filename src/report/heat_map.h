#pragma once
// A matrix as coloured cells with a colour bar.

#include <string>
#include <string_view>
#include <vector>

namespace nepenthe::report {

// Sequential scales, from nearly white to dark.
enum class Palette { kPurples, kGreens, kReds };
// "#rrggbb" at `share` of the scale; shares outside 0 … 1 and NaN are clipped.
std::string palette_colour(Palette palette, double share);

struct HeatMap {
    std::string title;
    std::vector<std::string> rows;            // their labels, top to bottom
    std::vector<std::vector<double>> values;  // [row][column]; NaN is left white
    std::string x_label, bar_label;
    double low = 0, high = 1;  // where the colours begin and end
    Palette palette = Palette::kPurples;
};

// An SVG document. Throws Error(kInternal) where rows and values do not fit.
std::string heat_map_svg(const HeatMap& map);

}  // namespace nepenthe::report
