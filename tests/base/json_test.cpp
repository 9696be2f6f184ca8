#include "base/json.h"

#include "base/error.h"

#include <gtest/gtest.h>

namespace nepenthe {
namespace {

std::string refusal(std::string_view text) {
    try {
        parse_json(text, "x");
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::kData);
        return error.what();
    }
    return "";
}

TEST(Json, ReadsWhatIsJson) {
    EXPECT_EQ(parse_json(R"({"b": [1, 2.5, null], "a": "ü"})", "x")["b"][1], 2.5);
    EXPECT_EQ(canonical_json(parse_json(R"({"b": 1, "a": 2})", "x")), R"({"a":2,"b":1})");
}

TEST(Json, RefusesWhatADomBuilderAcceptsSilently) {
    EXPECT_NE(refusal(R"({"a": 1, "a": 2})").find("duplicate key \"a\""), std::string::npos);
    EXPECT_NE(refusal("[1e999]"), "");
    EXPECT_NE(refusal("[1] x").find("byte"), std::string::npos);
    EXPECT_NE(refusal("[NaN]"), "");
    EXPECT_NE(refusal(std::string_view("{}\0 x", 5)).find("NUL byte (byte 2)"), std::string::npos);
    EXPECT_NE(refusal("\"\xff\""), "");
    EXPECT_NE(refusal(std::string(100000, '[')).find("deeper"), std::string::npos);
    EXPECT_NE(refusal(""), "");
}

TEST(Json, DuplicateKeysInSiblingsAreFine) { EXPECT_EQ(refusal(R"([{"a": 1}, {"a": {"a": 2}}])"), ""); }

TEST(NearestName, FindsATypoAndNothingElse) {
    const std::vector<std::string> names{"learning-rate", "epochs", "seed"};
    EXPECT_EQ(nearest_name("epoch", names), "epochs");
    EXPECT_EQ(nearest_name("lerning-rate", names), "learning-rate");
    EXPECT_EQ(nearest_name("banana", names), "");
}

}  // namespace
}  // namespace nepenthe
