// Another program that answers lines: it may be slow, mute, wordy, dead or not there.

#include "io/line_process.h"

#include "expected_errors.h"

#include <gtest/gtest.h>

#include <csignal>

namespace nepenthe::io {
namespace {

using std::chrono::milliseconds;

TEST(LineProcess, AnswersLineByLine) {
    LineProcess cat({"cat"});
    for (const std::string& line : {std::string("one"), std::string(100000, 'x'), std::string("\u00e9")}) {
        ASSERT_TRUE(cat.send(line));
        EXPECT_EQ(cat.receive(milliseconds(20000)), line);
    }
}

TEST(LineProcess, SeveralLinesAreHandedOutOneByOne) {
    LineProcess printer({"printf", "a\\nb\\n"});
    EXPECT_EQ(printer.receive(milliseconds(20000)), "a");
    EXPECT_EQ(printer.receive(milliseconds(20000)), "b");
    EXPECT_EQ(printer.receive(milliseconds(20000)), std::nullopt);
}

TEST(LineProcess, ADeadProgramIsNoSignal) {
    LineProcess dead({"sh", "-c", "echo why >&2; exit 3"});
    EXPECT_EQ(dead.receive(milliseconds(20000)), std::nullopt);
    for (int i = 0; i < 3; ++i) EXPECT_FALSE(dead.send("anybody there?") && dead.send("anybody there?"));
    EXPECT_EQ(dead.last_words(), "why");
}

TEST(LineProcess, ASlowProgramIsGivenUp) {
    const auto begin = std::chrono::steady_clock::now();
    {
        LineProcess slow({"sh", "-c", "trap '' TERM; sleep 600"});
        EXPECT_EQ(slow.receive(milliseconds(50)), std::nullopt);
    }
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
}

TEST(LineProcess, AProgramThatIsNotThereIsSaid) {
    testing::expect_contains(
        testing::message_of(ErrorKind::kInputOutput, [] { LineProcess({"no-such-program-here"}); }),
        "no-such-program-here");
}

}  // namespace
}  // namespace nepenthe::io
