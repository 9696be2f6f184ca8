// Repetition and degeneration of completions against a second program (tests/golden/make_completion_quality.py).

#include "evaluate/completion_quality.h"

#include "base/json.h"
#include "evaluate/familiarity_prompts.h"
#include "io/file.h"
#include "temporary_file.h"

#include <gtest/gtest.h>

#include <numeric>

namespace nepenthe::evaluate {
namespace {

using nepenthe::testing::TemporaryFile;
using Ids = std::vector<text::TokenId>;

std::vector<std::string> kinds_of(const CompletionQuality& quality) {
    std::vector<std::string> kinds;
    if (quality.digits) kinds.emplace_back("digits");
    if (quality.loops) kinds.emplace_back("loops");
    if (quality.markup) kinds.emplace_back("markup");
    if (quality.stops) kinds.emplace_back("stops");
    return kinds;
}

std::vector<std::string> kinds_of(std::string_view text, bool ended = false) {
    return kinds_of(judge_completion(text, {}, ended));
}

TEST(CompletionQuality, AgreesWithASecondProgram) {
    const Json golden =
        parse_json(io::read_file(NEPENTHE_SOURCE_DIR "/tests/golden/completion_quality.json"), "golden");
    ASSERT_GE(golden.size(), 40u);
    for (const Json& row : golden) {
        const auto ids = row["ids"].get<Ids>();
        const auto quality = judge_completion(row["text"].get<std::string>(), ids, row["ended"].get<bool>());
        EXPECT_EQ(kinds_of(quality), row["kinds"].get<std::vector<std::string>>()) << row["text"];
        for (std::size_t i = 0; i < quality.repetition.size(); ++i) {
            const NgramRepetition expected{row["repetition"][i][0], row["repetition"][i][1]};
            EXPECT_EQ(quality.repetition[i], expected) << row["text"] << ", n = " << kRepetitionLengths[i];
        }
    }
}

// By hand: 1 2 3 occurs twice, 2 3 1 and 3 1 2 once.
TEST(CompletionQuality, RepeatedTrigramsAreThoseThatOccurredBefore) {
    const Ids ids{1, 2, 3, 1, 2, 3};
    EXPECT_EQ(ngram_repetition(ids, 3), (NgramRepetition{1, 4}));
    EXPECT_EQ(ngram_repetition(ids, 2), (NgramRepetition{2, 5}));
    EXPECT_EQ(ngram_repetition(ids, 7), (NgramRepetition{0, 0}));
    EXPECT_EQ(ngram_repetition(Ids(48, 7), 3), (NgramRepetition{45, 46}));
    EXPECT_EQ(ngram_repetition({}, 2), (NgramRepetition{0, 0}));
}

TEST(CompletionQuality, EachKindInAText) {
    using Kinds = std::vector<std::string>;
    EXPECT_EQ(kinds_of("The 25th Anniversary of the 25th Anniversary of the 25th"), Kinds{"loops"});
    EXPECT_EQ(kinds_of("to buy 100000000000000000000"), Kinds{"digits"});
    EXPECT_EQ(kinds_of("<br><br>"), Kinds{"markup"});
    EXPECT_EQ(kinds_of("tornado", true), Kinds{"stops"});
    EXPECT_EQ(kinds_of("horse to a farm in a small town", true), Kinds{});
    EXPECT_EQ(kinds_of("小女孩住在草原中的一座小房子里。", true), Kinds{});
    EXPECT_EQ(kinds_of("", true), Kinds{"stops"});
    EXPECT_FALSE(judge_completion("horse to a farm", {}, true).degenerate());
    EXPECT_TRUE(judge_completion("是", {}, true).degenerate());
}

// The shortest loops, and what is just none: a word seven times, a pair of words four times, a long phrase two and a
// half times.
TEST(CompletionQuality, ALoopHasRunTwoAndAHalfTimesAndRepeatedSixTokens) {
    const auto loops = [](std::size_t period, std::size_t length) {
        Ids ids(20);
        std::iota(ids.begin(), ids.end(), 100);
        for (std::size_t i = 0; i < length; ++i) ids.push_back(static_cast<text::TokenId>(i % period));
        return judge_completion("a b", ids, false).loops;
    };
    for (const auto& [period, shortest] : {std::pair{1u, 7u}, {2u, 8u}, {3u, 9u}, {4u, 10u}, {5u, 13u}, {20u, 50u}}) {
        EXPECT_TRUE(loops(period, shortest)) << period;
        EXPECT_FALSE(loops(period, shortest - 1)) << period;
    }
}

TEST(CompletionPrompts, MayBeLinesOfAText) {
    const TemporaryFile file("A girl called Dorothy is carried off by a \n\n  \nThe Tin Man wants\n", ".txt");
    const auto prompts = read_familiarity_prompts(file.path(), false);
    ASSERT_EQ(prompts.size(), 2u);
    EXPECT_EQ(prompts[0].prompt, "A girl called Dorothy is carried off by a");
    EXPECT_EQ(prompts[1].prompt, "The Tin Man wants");
}

}  // namespace
}  // namespace nepenthe::evaluate
