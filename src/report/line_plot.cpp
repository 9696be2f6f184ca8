#include "report/line_plot.h"

#include "base/error.h"
#include "report/svg.h"

#include <algorithm>
#include <array>
#include <limits>

namespace nepenthe::report {

namespace {

// Eight colours that people with any colour vision tell apart (Okabe and Ito 2008).
constexpr std::array<const char*, 8> kColours = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                                 "#e69f00", "#56b4e9", "#000000", "#b0a000"};
constexpr double kPanelWidth = 300, kPanelHeight = 200, kLeft = 62, kLinesTop = 52, kGap = 24,
                 kLetter = 6.5;  // of the legend's

struct Scale {
    double low = std::numeric_limits<double>::infinity(), high = -std::numeric_limits<double>::infinity();
    void cover(double value) {
        low = std::min(low, value);
        high = std::max(high, value);
    }
    void widen() {
        if (!(high > low)) {
            if (!(low <= high)) low = high = 0;
            low -= 0.5;
            high += 0.5;
        }
    }
    double share(double value) const { return (value - low) / (high - low); }
};

std::vector<std::string> names_of(const LinePlot& plot) {
    std::vector<std::string> names;
    for (const Panel& panel : plot.panels) {
        for (const Curve& curve : panel.curves) {
            if (std::find(names.begin(), names.end(), curve.name) == names.end()) names.push_back(curve.name);
        }
    }
    return names;
}

const char* colour_of(const std::vector<std::string>& names, const std::string& name) {
    const auto index = std::find(names.begin(), names.end(), name) - names.begin();
    return kColours[static_cast<std::size_t>(index) % kColours.size()];
}

void draw_curve(Svg& svg, const Curve& curve, const char* colour, Point origin, const Scale& x, const Scale& y) {
    const auto place = [&](double at, double value) {
        return Point{origin.x + kPanelWidth * x.share(at), origin.y + kPanelHeight * (1 - y.share(value))};
    };
    std::vector<Point> points, outline;
    for (std::size_t i = 0; i < curve.x.size(); ++i) points.push_back(place(curve.x[i], curve.y[i]));
    if (!curve.half_width.empty()) {
        for (std::size_t i = 0; i < curve.x.size(); ++i)
            outline.push_back(place(curve.x[i], curve.y[i] + curve.half_width[i]));
        for (std::size_t i = curve.x.size(); i-- > 0;)
            outline.push_back(place(curve.x[i], curve.y[i] - curve.half_width[i]));
        svg.area(outline, colour, 0.18);
    }
    svg.path(points, colour);
}

void draw_axes(Svg& svg, const Panel& panel, Point origin, const Scale& x, const Scale& y, bool with_numbers) {
    svg.text({origin.x + kPanelWidth / 2, origin.y - 8}, panel.title, {.anchor = Anchor::kMiddle});
    for (const double tick : round_ticks(y.low, y.high, 6)) {
        const double at = origin.y + kPanelHeight * (1 - y.share(tick));
        svg.line({origin.x, at}, {origin.x + kPanelWidth, at}, tick == 0 ? "#888888" : "#dddddd");
        if (with_numbers) svg.text({origin.x - 6, at + 4}, tick_text(tick), {.size = 11, .anchor = Anchor::kEnd});
    }
    for (const double tick : round_ticks(x.low, x.high, 8)) {
        const double at = origin.x + kPanelWidth * x.share(tick);
        svg.line({at, origin.y + kPanelHeight}, {at, origin.y + kPanelHeight + 4}, "#888888");
        svg.text({at, origin.y + kPanelHeight + 17}, tick_text(tick), {.size = 11, .anchor = Anchor::kMiddle});
    }
    svg.frame(origin, kPanelWidth, kPanelHeight);
}

}  // namespace

std::string line_plot_svg(const LinePlot& plot) {
    NEPENTHE_CHECK(!plot.panels.empty());
    Scale x, y;
    for (const Panel& panel : plot.panels) {
        for (const Curve& curve : panel.curves) {
            NEPENTHE_CHECK(curve.x.size() == curve.y.size() &&
                           (curve.half_width.empty() || curve.half_width.size() == curve.x.size()));
            for (std::size_t i = 0; i < curve.x.size(); ++i) {
                const double band = curve.half_width.empty() ? 0.0 : curve.half_width[i];
                x.cover(curve.x[i]);
                y.cover(curve.y[i] - band);
                y.cover(curve.y[i] + band);
            }
        }
    }
    x.widen();
    y.widen();
    const std::vector<std::string> names = names_of(plot);
    const auto panels = static_cast<double>(plot.panels.size());
    std::size_t longest = 20;
    for (const std::string& name : names) longest = std::max(longest, name.size());
    const double width = kLeft + panels * (kPanelWidth + kGap) + 40 + kLetter * static_cast<double>(longest);
    const double legend = kLinesTop + 16 * static_cast<double>(names.size()) + 20;
    Svg svg(width, std::max(kLinesTop + kPanelHeight + 48, legend), plot.title);
    svg.text({kLeft, 20}, plot.title, {.size = 13, .bold = true});
    svg.text({16, kLinesTop + kPanelHeight / 2}, plot.y_label, {.anchor = Anchor::kMiddle, .rotate = -90});
    for (std::size_t i = 0; i < plot.panels.size(); ++i) {
        const Point origin{kLeft + static_cast<double>(i) * (kPanelWidth + kGap), kLinesTop};
        draw_axes(svg, plot.panels[i], origin, x, y, i == 0);
        for (const Curve& curve : plot.panels[i].curves)
            draw_curve(svg, curve, colour_of(names, curve.name), origin, x, y);
        svg.text({origin.x + kPanelWidth / 2, kLinesTop + kPanelHeight + 36}, plot.x_label,
                 {.anchor = Anchor::kMiddle});
    }
    for (std::size_t i = 0; i < names.size(); ++i) {
        const Point place{kLeft + panels * (kPanelWidth + kGap), kLinesTop + 10 + 16 * static_cast<double>(i)};
        svg.line(place, {place.x + 18, place.y}, colour_of(names, names[i]), 3);
        svg.text({place.x + 24, place.y + 4}, names[i], {.size = 11});
    }
    return svg.finish();
}

}  // namespace nepenthe::report
