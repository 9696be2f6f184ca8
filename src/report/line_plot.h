#pragma once
// Curves with confidence bands, in panels side by side that share their scales.

#include <string>
#include <vector>

namespace nepenthe::report {

struct Curve {
    std::string name;
    std::vector<double> x, y;
    std::vector<double> half_width;  // of the band around y; empty = no band
};

struct Panel {
    std::string title;
    std::vector<Curve> curves;
};

struct LinePlot {
    std::string title, x_label, y_label;
    std::vector<Panel> panels;  // curves of one name have one colour; the legend names each once
};

// An SVG document. Throws Error(kInternal) for curves whose lists differ in length.
std::string line_plot_svg(const LinePlot& plot);

}  // namespace nepenthe::report
