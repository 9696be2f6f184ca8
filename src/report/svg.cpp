#include "report/svg.h"

#include <fmt/format.h>

#include <cmath>

namespace nepenthe::report {

namespace {

// Without trailing zeros and without a minus before zero.
std::string number(double value) {
    std::string text = fmt::format("{:.2f}", value);
    while (text.back() == '0') text.pop_back();
    if (text.back() == '.') text.pop_back();
    return text == "-0" ? "0" : text;
}

std::string coordinates(std::span<const Point> points) {
    std::string list;
    for (const Point& point : points) {
        if (!list.empty()) list += ' ';
        list += number(point.x) + "," + number(point.y);
    }
    return list;
}

}  // namespace

Svg::Svg(double width, double height, std::string_view title) : width_(width), height_(height), title_(title) {}

void Svg::rectangle(Point corner, double width, double height, std::string_view fill, std::string_view hint) {
    body_ += fmt::format(R"(<rect x="{}" y="{}" width="{}" height="{}" fill="{}")", number(corner.x), number(corner.y),
                         number(width), number(height), fill);
    body_ += hint.empty() ? std::string("/>\n") : fmt::format("><title>{}</title></rect>\n", escape_markup(hint));
}

void Svg::frame(Point corner, double width, double height) {
    body_ += fmt::format(R"(<rect x="{}" y="{}" width="{}" height="{}" fill="none" stroke="#888888"/>)"
                         "\n",
                         number(corner.x), number(corner.y), number(width), number(height));
}

void Svg::circle(Point centre, double radius, std::string_view fill, std::string_view stroke) {
    body_ += fmt::format(R"(<circle cx="{}" cy="{}" r="{}" fill="{}" stroke="{}"/>)"
                         "\n",
                         number(centre.x), number(centre.y), number(radius), fill, stroke);
}

void Svg::line(Point from, Point to, std::string_view stroke, double width) {
    body_ += fmt::format(R"(<line x1="{}" y1="{}" x2="{}" y2="{}" stroke="{}" stroke-width="{}"/>)"
                         "\n",
                         number(from.x), number(from.y), number(to.x), number(to.y), stroke, number(width));
}

void Svg::path(std::span<const Point> points, std::string_view stroke, double width) {
    body_ += fmt::format(R"(<polyline points="{}" fill="none" stroke="{}" stroke-width="{}"/>)"
                         "\n",
                         coordinates(points), stroke, number(width));
}

void Svg::area(std::span<const Point> outline, std::string_view fill, double opacity) {
    body_ += fmt::format(R"(<polygon points="{}" fill="{}" fill-opacity="{}"/>)"
                         "\n",
                         coordinates(outline), fill, number(opacity));
}

void Svg::text(Point place, std::string_view content, const TextStyle& style) {
    static constexpr const char* kAnchors[] = {"start", "middle", "end"};
    body_ += fmt::format(R"(<text x="{}" y="{}" font-size="{}" text-anchor="{}" fill="{}")", number(place.x),
                         number(place.y), number(style.size), kAnchors[static_cast<int>(style.anchor)], style.fill);
    if (style.bold) body_ += R"( font-weight="bold")";
    if (style.rotate != 0) {
        body_ +=
            fmt::format(R"x( transform="rotate({} {} {})")x", number(style.rotate), number(place.x), number(place.y));
    }
    body_ += fmt::format(">{}</text>\n", escape_markup(content));
}

std::string Svg::finish() const {
    return fmt::format(R"(<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {0} {1}" width="{0}" height="{1}" )"
                       R"(font-family="sans-serif" role="img">)"
                       "\n<title>{2}</title>\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n{3}</svg>\n",
                       number(width_), number(height_), escape_markup(title_), body_);
}

std::string escape_markup(std::string_view text) {
    std::string out;
    for (const char c : text) {
        switch (c) {
            case '&': out += "&amp;"; break;
            case '<': out += "&lt;"; break;
            case '>': out += "&gt;"; break;
            case '"': out += "&quot;"; break;
            // XML allows no other control characters, not even escaped ones.
            default: out += static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\n' ? ' ' : c;
        }
    }
    return out;
}

std::vector<double> round_ticks(double low, double high, int count) {
    if (!(high > low) || count < 2) return {low};
    const double rough = (high - low) / (count - 1), magnitude = std::pow(10.0, std::floor(std::log10(rough)));
    double step = 10 * magnitude;
    for (const double factor : {5.0, 2.0, 1.0}) {
        if (factor * magnitude >= rough) step = factor * magnitude;
    }
    std::vector<double> ticks;
    for (double i = std::ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; ++i) ticks.push_back(i * step);
    return ticks;
}

std::string tick_text(double value) { return fmt::format("{:.4g}", std::abs(value) < 1e-12 ? 0.0 : value); }

}  // namespace nepenthe::report
