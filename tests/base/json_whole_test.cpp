// Whole numbers out of JSON: what get() would cast is refused.

#include "base/json_whole.h"

#include <gtest/gtest.h>

#include <limits>

namespace nepenthe {
namespace {

TEST(JsonWhole, ReadsWhatItsTypeHolds) {
    EXPECT_EQ(json_whole<std::int64_t>(Json::parse("-7")), -7);
    EXPECT_EQ(json_whole<std::int64_t>(Json::parse("9223372036854775807")), std::numeric_limits<std::int64_t>::max());
    EXPECT_EQ(json_whole<std::uint64_t>(Json::parse("18446744073709551615")),
              std::numeric_limits<std::uint64_t>::max());
    EXPECT_EQ(json_wholes<int>(Json::parse("[3, 1]")), (std::vector<int>{3, 1}));
}

TEST(JsonWhole, RefusesWhatItWouldHaveToCast) {
    for (const char* text : {"2147483648", "-2147483649", "1.0", "1e3", "7.4e19", "true", "\"3\"", "null", "[]"})
        EXPECT_THROW(json_whole<int>(Json::parse(text)), Json::type_error) << text;
    EXPECT_THROW(json_whole<std::uint64_t>(Json::parse("-1")), Json::type_error);
    for (const char* text : {"[1, 1.5]", "null", "{}", "3"})
        EXPECT_THROW(json_wholes<int>(Json::parse(text)), Json::type_error) << text;
}

}  // namespace
}  // namespace nepenthe
