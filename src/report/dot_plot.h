#pragma once
// Values with their intervals as dots on lines, a row each, in panels side by side that share one scale.

#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace nepenthe::report {

struct Dot {
    double value = std::numeric_limits<double>::quiet_NaN();      // NaN: nothing is drawn
    double low = value, high = value;                             // ends of the interval
    double reference = std::numeric_limits<double>::quiet_NaN();  // a hollow dot, "before"; NaN = none
};

struct DotRow {
    std::string label;
    std::vector<Dot> dots;  // one a panel
};

struct DotPlot {
    std::string title, x_label;
    std::vector<std::string> panels;  // their titles
    std::vector<DotRow> rows;         // top to bottom
    double low = 0, high = 100;       // of the scale
};

// An SVG document. Throws Error(kInternal) where rows and panels do not fit.
std::string dot_plot_svg(const DotPlot& plot);

}  // namespace nepenthe::report
