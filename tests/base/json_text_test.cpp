// Numbers that JSON has no form for are null where it is written, and named.

#include "base/json_text.h"

#include "expected_errors.h"

#include <gtest/gtest.h>

#include <cmath>

namespace nepenthe {
namespace {

TEST(JsonText, WhatIsFiniteIsWrittenAsItIs) {
    const Json value = {{"a", {1, 2.5, "x", nullptr}}, {"b", {{"c", true}}}};
    EXPECT_EQ(json_text(value), value.dump());
    EXPECT_EQ(json_text(value, 2), value.dump(2));
    EXPECT_EQ(finite_or_null(2.5), Json(2.5));
    EXPECT_TRUE(finite_or_null(NAN).is_null());
    EXPECT_TRUE(finite_or_null(-INFINITY).is_null());
}

TEST(JsonText, BytesThatAreNotUtf8AreShownAndNeverPartOfAKey) {
    const Json value = {{"file", "caf\xE9.txt"}};
    EXPECT_EQ(json_text(value), "{\"file\":\"caf\xEF\xBF\xBD.txt\"}");
    testing::expect_contains(testing::message_of(ErrorKind::kData, [&] { canonical_json(value); }), "caf");
}

TEST(JsonText, WhatIsNotFiniteIsNullAndNamed) {
    const Json value = {{"loss", NAN}, {"steps", {{{"norm", 1.0}}, {{"norm", INFINITY}}}}, {"a/b", -INFINITY}};
    const Json written = Json::parse(json_text(value));
    EXPECT_TRUE(written["loss"].is_null());
    EXPECT_EQ(written["steps"][0]["norm"], 1.0);
    EXPECT_TRUE(written["steps"][1]["norm"].is_null());
    EXPECT_EQ(written["not_finite"], (Json{{"/loss", "nan"}, {"/steps/1/norm", "inf"}, {"/a~1b", "-inf"}}));
    EXPECT_EQ(json_text(Json{1.0, NAN}), "[1.0,null]");
}

}  // namespace
}  // namespace nepenthe
