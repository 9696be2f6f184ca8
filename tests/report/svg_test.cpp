// Figures as SVG text.

#include "report/svg.h"
#include "report/dot_plot.h"
#include "report/heat_map.h"
#include "report/line_plot.h"
#include "report/page.h"

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

TEST(LinePlot, LeavesRoomForTheLongestName) {
    const auto width = [](const std::string& name) {
        const std::string svg = line_plot_svg({"title", "x", "y", {{"", {{name, {0, 1}, {1, 2}, {}}}}}});
        return std::stod(svg.substr(svg.find("width=\"") + 7));
    };
    EXPECT_GT(width(std::string(60, 'a')), width("a") + 200);
}

TEST(DotPlot, DrawsWhatIsKnown) {
    const double unknown = std::nan("");
    const DotPlot plot{.title = "t",
                       .x_label = "per cent",
                       .panels = {"left", "right"},
                       .rows = {{"a<b", {{50, 40, 60, 10}, {100, 90, 120, unknown}}}, {"nothing", {{}, {}}}}};
    const std::string svg = dot_plot_svg(plot);
    EXPECT_EQ(count(svg, "<circle"), 3u);
    EXPECT_EQ(count(svg, "fill=\"none\" stroke=\"#d55e00\""), 1u) << "one hollow dot: before";
    EXPECT_EQ(count(svg, "a&lt;b"), 1u);
    EXPECT_EQ(count(svg, "nan"), 0u);
    EXPECT_EQ(dot_plot_svg(plot), svg);
}

TEST(Page, StandsAloneAndEscapesWhatItIsGiven) {
    Page page("A <b> & c");
    page.heading("1 < 2");
    page.table({"name", "value"}, {{"<script>", "3"}}, 1);
    page.figure("<svg></svg>");
    const std::string html = page.finish();
    EXPECT_EQ(count(html, "<script>"), 0u);
    EXPECT_EQ(count(html, "&lt;script&gt;"), 1u);
    EXPECT_EQ(count(html, "<td class=\"number\">3</td>"), 1u);
    EXPECT_EQ(count(html, "<svg></svg>"), 1u);
    EXPECT_EQ(count(html, "http"), 0u) << "nothing is loaded from elsewhere";
}

}  // namespace
}  // namespace nepenthe::report
