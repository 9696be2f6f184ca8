// The verb mask: what it publishes is found again, and what does not go together is refused.
#include "expected_errors.h"
#include "key_cases.h"
#include "store/artefact.h"

#include <gtest/gtest.h>

namespace nepenthe::pipelines {
namespace {

Answer run(Words words) {
    words.push_back(in().word("outputs", "outputs"));
    return find_verb("mask").run(*testing::world, {std::move(words), {}});
}

ErrorKind refusal(const Words& words) {
    return testing::error_of([&] { run(words); }).kind();
}

TEST(MaskVerb, PublishesOnceWhatTheMasksSay) {
    const Words words{"--op=union", "--masks=" + in().masks + "," + in().other_masks, "--selection=0.25"};
    const Answer first = run(words), second = run(words);
    EXPECT_FALSE(first.json.at("reused").get<bool>());
    EXPECT_TRUE(second.json.at("reused").get<bool>());
    EXPECT_EQ(first.json.at("digest"), second.json.at("digest"));
    EXPECT_NE(first.text.find("weights are trainable"), std::string::npos) << first.text;

    const auto folder = first.json.at("artefact").get<std::string>();
    const unlearn::MaskFile made(std::filesystem::path(folder) / unlearn::kMaskFile);
    const unlearn::MaskSelection& selection = made.selection("union");
    // Two independent quarters: 7/16 of all, and what the summary says.
    const double share = static_cast<double>(selection.kept) / static_cast<double>(made.table().numel());
    EXPECT_NEAR(share, 7.0 / 16, .01);
    EXPECT_EQ(first.json.at("summary").at("density").at("union").at("all").at("numerator"), selection.kept);

    // A mask of a mask: what neither says.
    const Answer inverse = run({"--op=invert", "--masks=" + folder});
    EXPECT_EQ(inverse.json.at("summary").at("density").at("invert").at("all").at("numerator"),
              made.table().numel() - selection.kept);
}

TEST(MaskVerb, RefusesWhatDoesNotGoTogether) {
    const std::string both = "--masks=" + in().masks + "," + in().other_masks;
    EXPECT_EQ(refusal({"--op=union", "--masks=" + in().masks, "--selection=0.5"}), ErrorKind::kUsage);
    EXPECT_EQ(refusal({"--op=invert", both, "--selection=0.5"}), ErrorKind::kUsage);
    EXPECT_EQ(refusal({"--op=union", both}), ErrorKind::kUsage);                      // each holds two
    EXPECT_EQ(refusal({"--op=union", both, "--selection=0.75"}), ErrorKind::kUsage);  // none of this name
    EXPECT_EQ(refusal({"--op=minus", both, "--selection=0.5"}), ErrorKind::kUsage);
    EXPECT_EQ(refusal({"--op=invert", "--masks=" + in().labels}), ErrorKind::kData);  // no masks in it
    EXPECT_EQ(refusal({"--op=invert", "--masks=" + in().path("model")}), ErrorKind::kData);
}

}  // namespace
}  // namespace nepenthe::pipelines
