#include "report/dot_plot.h"

#include "base/error.h"
#include "report/svg.h"

#include <algorithm>

namespace nepenthe::report {

namespace {

constexpr double kDotPanelWidth = 220, kDotRowHeight = 22, kDotTop = 56, kDotGap = 18, kDotLetter = 6.2;
constexpr const char *kDotColour = "#0072b2", *kReferenceColour = "#d55e00";

struct Frame {
    double left, width, low, high;
    double at(double value) const { return left + width * (std::clamp(value, low, high) - low) / (high - low); }
};

void draw_dot(Svg& svg, const Dot& dot, const Frame& frame, double y) {
    if (std::isfinite(dot.reference)) svg.circle({frame.at(dot.reference), y}, 4, "none", kReferenceColour);
    if (!std::isfinite(dot.value)) return;
    svg.line({frame.at(dot.low), y}, {frame.at(dot.high), y}, kDotColour, 2);
    svg.circle({frame.at(dot.value), y}, 4, kDotColour, kDotColour);
}

}  // namespace

std::string dot_plot_svg(const DotPlot& plot) {
    NEPENTHE_CHECK(!plot.panels.empty() && plot.high > plot.low);
    std::size_t longest = 8;
    for (const DotRow& row : plot.rows) {
        NEPENTHE_CHECK(row.dots.size() == plot.panels.size());
        longest = std::max(longest, row.label.size());
    }
    const double left = 16 + kDotLetter * static_cast<double>(longest);
    const double height = kDotRowHeight * static_cast<double>(plot.rows.size());
    Svg svg(left + static_cast<double>(plot.panels.size()) * (kDotPanelWidth + kDotGap), kDotTop + height + 46,
            plot.title);
    svg.text({16, 20}, plot.title, {.size = 13, .bold = true});
    for (std::size_t panel = 0; panel < plot.panels.size(); ++panel) {
        const Frame frame{left + static_cast<double>(panel) * (kDotPanelWidth + kDotGap), kDotPanelWidth, plot.low,
                          plot.high};
        svg.text({frame.left + kDotPanelWidth / 2, kDotTop - 8}, plot.panels[panel], {.anchor = Anchor::kMiddle});
        for (const double tick : round_ticks(plot.low, plot.high, 6)) {
            svg.line({frame.at(tick), kDotTop}, {frame.at(tick), kDotTop + height}, "#dddddd");
            svg.text({frame.at(tick), kDotTop + height + 15}, tick_text(tick), {.size = 11, .anchor = Anchor::kMiddle});
        }
        svg.frame({frame.left, kDotTop}, kDotPanelWidth, height);
        for (std::size_t row = 0; row < plot.rows.size(); ++row)
            draw_dot(svg, plot.rows[row].dots[panel], frame,
                     kDotTop + kDotRowHeight * (static_cast<double>(row) + 0.5));
    }
    for (std::size_t row = 0; row < plot.rows.size(); ++row) {
        svg.text({left - 8, kDotTop + kDotRowHeight * (static_cast<double>(row) + 0.5) + 4}, plot.rows[row].label,
                 {.size = 11, .anchor = Anchor::kEnd});
    }
    svg.text({left, kDotTop + height + 36}, plot.x_label, {.size = 11});
    return svg.finish();
}

}  // namespace nepenthe::report
