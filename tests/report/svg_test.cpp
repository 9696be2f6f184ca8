// Figures as SVG text.

#include "report/svg.h"
#include "report/heat_map.h"
#include "report/line_plot.h"

#include <gtest/gtest.h>

#include <cmath>

namespace nepenthe::report {
namespace {

std::size_t count(const std::string& text, const std::string& part) {
    std::size_t found = 0;
    for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
    return found;
}

TEST(Svg, EscapesMarkupAndControlCharacters) {
    EXPECT_EQ(escape_markup("a<b & \"c\">\x01"), "a&lt;b &amp; &quot;c&quot;&gt; ");
    Svg svg(10, 20, "<title>");
    svg.text({1.005, -0.001}, "&");
    const std::string text = svg.finish();
    EXPECT_NE(text.find("<title>&lt;title&gt;</title>"), std::string::npos);
    EXPECT_NE(text.find("y=\"0\""), std::string::npos) << text;
}

TEST(Svg, TicksAreRoundAndCover) {
    EXPECT_EQ(round_ticks(0, 1, 6), (std::vector<double>{0, 0.2, 0.4, 0.6000000000000001, 0.8, 1}));
    EXPECT_EQ(round_ticks(3, 3, 5), std::vector<double>{3});
    EXPECT_LE(round_ticks(-0.013, 0.09, 6).size(), 6u);
    EXPECT_EQ(tick_text(0.6000000000000001), "0.6");
}

TEST(HeatMap, HasACellForEveryValue) {
    const HeatMap map{.title = "t",
                      .rows = {"the <s>*", "b"},
                      .values = {{0, 0.5, 1}, {NAN, 2, -1}},
                      .x_label = "layer",
                      .bar_label = "p",
                      .low = 0,
                      .high = 1,
                      .palette = Palette::kGreens};
    const std::string svg = heat_map_svg(map);
    EXPECT_EQ(count(svg, "<rect"), 1u + 6u + 40u + 2u);
    EXPECT_EQ(count(svg, palette_colour(Palette::kGreens, 1)), 2u) << "one at the limit, one beyond";
    EXPECT_EQ(palette_colour(Palette::kPurples, NAN), palette_colour(Palette::kPurples, 0));
    EXPECT_EQ(count(svg, "&lt;s&gt;"), 4u);
}

TEST(LinePlot, NamesEachCurveOnceAndDrawsItsBand) {
    const Curve a{"a", {0, 1, 2}, {1, 2, 3}, {0.1, 0.1, 0.1}}, b{"b", {0, 1, 2}, {3, 2, 1}, {}};
    const std::string svg = line_plot_svg({"title", "x", "y", {{"left", {a, b}}, {"right", {a}}}});
    EXPECT_EQ(count(svg, "<polyline"), 3u);
    EXPECT_EQ(count(svg, "<polygon"), 2u);
    EXPECT_EQ(count(svg, ">b</text>"), 1u);
}

}  // namespace
}  // namespace nepenthe::report
