#pragma once
// SVG as text: the few shapes that figures are made of. Coordinates are pixels from the top left; numbers are written
// with at most two decimals, so that equal figures are equal bytes.

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nepenthe::report {

struct Point {
    double x = 0, y = 0;
};

enum class Anchor { kStart, kMiddle, kEnd };

struct TextStyle {
    double size = 12;
    Anchor anchor = Anchor::kStart;
    std::string fill = "#222222";
    double rotate = 0;  // degrees, around the text's own place
    bool bold = false;
};

class Svg {
  public:
    Svg(double width, double height, std::string_view title);

    // `hint` is shown by browsers under the pointer; "" = none.
    void rectangle(Point corner, double width, double height, std::string_view fill, std::string_view hint = {});
    void frame(Point corner, double width, double height);
    void circle(Point centre, double radius, std::string_view fill, std::string_view stroke);
    void line(Point from, Point to, std::string_view stroke, double width = 1);
    void path(std::span<const Point> points, std::string_view stroke, double width = 2);
    void area(std::span<const Point> outline, std::string_view fill, double opacity);
    void text(Point place, std::string_view content, const TextStyle& style = {});

    // The whole document.
    std::string finish() const;

  private:
    double width_, height_;
    std::string title_, body_;
};

// Text for use between tags and in attributes.
std::string escape_markup(std::string_view text);

// Tick marks at round numbers that cover [low, high], at most `count` of them.
std::vector<double> round_ticks(double low, double high, int count);
std::string tick_text(double value);

}  // namespace nepenthe::report
