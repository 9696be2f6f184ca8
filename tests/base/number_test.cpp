#include "base/number.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

namespace nepenthe {
namespace {

TEST(Number, WholeNumbersAreReadWholeOrNotAtAll) {
    EXPECT_EQ(parse_integer("0"), 0);
    EXPECT_EQ(parse_integer("-0"), 0);
    EXPECT_EQ(parse_integer("007"), 7);
    EXPECT_EQ(parse_integer("-12"), -12);
    EXPECT_EQ(parse_integer("9223372036854775807"), std::numeric_limits<std::int64_t>::max());
    EXPECT_EQ(parse_integer("-9223372036854775808"), std::numeric_limits<std::int64_t>::min());
    for (const char* text : {"",
                             " ",
                             "3 ",
                             " 3",
                             "3x",
                             "10m",
                             "+3",
                             "--3",
                             "-",
                             "0x10",
                             "1_000",
                             "1,000",
                             "3.",
                             ".5",
                             "3.5",
                             "1e",
                             "1e+",
                             "1e-",
                             "e3",
                             "1e3.0",
                             "1e-1",
                             "25e-2",
                             "nan",
                             "inf",
                             "9223372036854775808",
                             "-9223372036854775809",
                             "1e19",
                             "1e99999999999",
                             "0.1e0",
                             "3\t",
                             "٣"}) {
        EXPECT_EQ(parse_integer(text), std::nullopt) << text;
    }
    EXPECT_EQ(parse_integer(std::string_view("3\0", 2)), std::nullopt);
}

TEST(Number, AnExponentOrZerosBehindThePointMaySayAWholeNumber) {
    EXPECT_EQ(parse_integer("1e6"), 1000000);
    EXPECT_EQ(parse_integer("1E+3"), 1000);
    EXPECT_EQ(parse_integer("2.5e3"), 2500);
    EXPECT_EQ(parse_integer("1000.0"), 1000);
    EXPECT_EQ(parse_integer("1200e-2"), 12);
    EXPECT_EQ(parse_integer("0.00"), 0);
    EXPECT_EQ(parse_integer("0e400"), 0);
    EXPECT_EQ(parse_integer("-1.50e1"), -15);
    // Exactly: fp64 would round this one.
    EXPECT_EQ(parse_integer("9.007199254740993e15"), 9007199254740993);
    EXPECT_EQ(parse_integer("9.223372036854775807e18"), std::numeric_limits<std::int64_t>::max());
}

TEST(Number, UnsignedNumbersHaveNoSign) {
    EXPECT_EQ(parse_unsigned("18446744073709551615"), std::numeric_limits<std::uint64_t>::max());
    for (const char* text : {"18446744073709551616", "-1", "-0", "+1"})
        EXPECT_EQ(parse_unsigned(text), std::nullopt) << text;
}

TEST(Number, RealNumbersAreFiniteAndNothingElse) {
    EXPECT_EQ(parse_real("1e-5"), 1e-5);
    EXPECT_EQ(parse_real("-2"), -2.0);
    EXPECT_EQ(parse_real("5e-324"), 5e-324);
    for (const char* text : {"", "nan", "-nan", "inf", "infinity", "-inf", "1e999", "-1e999", "0x1p3", "1e-5 ", " 1",
                             "+1", "1f", "1,5", "1e", "nan(1)"}) {
        EXPECT_EQ(parse_real(text), std::nullopt) << text;
    }
}

TEST(Number, TimesHaveUnits) {
    EXPECT_EQ(parse_seconds("10"), 10.0);
    EXPECT_EQ(parse_seconds("0"), 0.0);
    EXPECT_EQ(parse_seconds("90s"), 90.0);
    EXPECT_EQ(parse_seconds("10m"), 600.0);
    EXPECT_EQ(parse_seconds("10min"), 600.0);
    EXPECT_EQ(parse_seconds("1.5h"), 5400.0);
    EXPECT_EQ(parse_seconds("2d"), 172800.0);
    for (const char* text : {"", "m", "10ms", "10 m", "-1", "-0", "1h30m", "1e308d", "10M", "tens"}) {
        EXPECT_EQ(parse_seconds(text), std::nullopt) << text;
    }
}

}  // namespace
}  // namespace nepenthe
