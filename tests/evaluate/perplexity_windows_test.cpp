#include "evaluate/perplexity_windows.h"

#include "base/error.h"
#include "evaluate/wikitext.h"

#include <gtest/gtest.h>

#include <numeric>

namespace nepenthe::evaluate {
namespace {

std::vector<text::TokenId> counting(int count) {
    std::vector<text::TokenId> ids(static_cast<std::size_t>(count));
    std::iota(ids.begin(), ids.end(), 100);
    return ids;
}

using Ids = std::vector<text::TokenId>;

TEST(PerplexityWindows, RollingWindowsPredictEveryTokenOnce) {
    const auto requests = rolling_windows(counting(10), 1, 4);
    ASSERT_EQ(requests.size(), 3u);
    EXPECT_EQ(requests[0].ids, (Ids{1, 100, 101, 102, 103}));
    EXPECT_EQ(requests[0].first, 1u);
    EXPECT_EQ(requests[1].ids, (Ids{103, 104, 105, 106, 107}));
    EXPECT_EQ(requests[1].first, 1u);
    EXPECT_EQ(requests[2].ids, (Ids{105, 106, 107, 108, 109}));  // moved back to fill the model
    EXPECT_EQ(requests[2].first, 3u);
    EXPECT_EQ(rolling_windows(counting(2), 1, 4)[0].ids, (Ids{1, 100, 101}));
    EXPECT_TRUE(rolling_windows({}, 1, 4).empty());
}

TEST(PerplexityWindows, FixedWindowsDropTheTail) {
    const auto requests = fixed_windows(counting(10), 4);
    ASSERT_EQ(requests.size(), 2u);
    EXPECT_EQ(requests[1].ids, (Ids{104, 105, 106, 107}));
    EXPECT_EQ(requests[1].first, 1u);
    EXPECT_EQ(fixed_windows(counting(3), 4).front().ids.size(), 3u);
    EXPECT_THROW(fixed_windows(counting(1), 4), Error);
}

TEST(WikiText, PagesBeginAtFirstLevelHeadings) {
    const auto pages = wikitext_pages(" \n = One = \n \n text \n = = Part = = \n more \n = Two = \n end \n");
    ASSERT_EQ(pages.size(), 2u);
    EXPECT_EQ(pages[0], " = One = \n \n text \n = = Part = = \n more ");
    EXPECT_EQ(pages[1], " = Two = \n end \n");
}

TEST(WikiText, Detokenises) {
    EXPECT_EQ(detokenize_wikitext(
                  " = = Part = = \n A guest @-@ star ( or two ) said \" go . \" in 1 @,@ 200 ; the boys ' 's hat"),
              " == Part ==\nA guest-star (or two) said \"go.\" in 1,200; the boys''s hat");
}

TEST(WikiText, JoinsLinesWithBlankLines) { EXPECT_EQ(join_wikitext_lines(" a \n \n b \n"), " a \n\n\n\n\n b \n"); }

}  // namespace
}  // namespace nepenthe::evaluate
