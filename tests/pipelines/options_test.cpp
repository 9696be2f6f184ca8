#include "pipelines/options.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

namespace nepenthe::pipelines {
namespace {

struct Sample {
    std::int64_t epochs = 1;
    double lr = 0.5;
    bool deterministic = false;
    std::string schedule = "linear";
    std::vector<double> alphas{5};
    std::filesystem::path model;
    Options options{"train", "a verb", "nepenthe train"};

    Sample() {
        options.add("epochs", epochs, "passes");
        options.add("lr", lr, "rate");
        options.add("deterministic", deterministic, "same bits");
        options.add("schedule", schedule, {"linear", "cosine"}, "decay");
        options.add("alpha", alphas, "strengths");
        options.add("model", model, "folder");
    }
    std::string refusal(const Arguments& arguments) {
        try {
            options.parse(arguments);
        } catch (const Error& error) {
            EXPECT_EQ(error.kind(), ErrorKind::kUsage);
            return error.what();
        }
        return "";
    }
};

TEST(Options, ReadsEveryKind) {
    Sample sample;
    sample.options.parse(
        {{"--epochs", "3", "--lr=1e-3", "--deterministic", "--alpha", "2.5,5", "--model", "m"}, "/base"});
    EXPECT_EQ(sample.epochs, 3);
    EXPECT_EQ(sample.lr, 1e-3);
    EXPECT_TRUE(sample.deterministic);
    EXPECT_EQ(sample.alphas, (std::vector<double>{2.5, 5}));
    EXPECT_EQ(sample.model, "/base/m");
    EXPECT_TRUE(sample.options.given("lr"));
    EXPECT_FALSE(sample.options.given("schedule"));
}

TEST(Options, NamesEveryProblemAtOnceWithTheNearestName) {
    Sample sample;
    const std::string text = sample.refusal({{"--epoch", "3", "--lr", "fast", "--schedule", "cubic"}, {}});
    EXPECT_NE(text.find("did you mean \"epochs\""), std::string::npos) << text;
    EXPECT_NE(text.find("\"fast\" is not a number"), std::string::npos) << text;
    EXPECT_NE(text.find("linear, cosine"), std::string::npos) << text;
}

TEST(Options, RefusesNumbersWithATailAndWordsWithoutAnOption) {
    EXPECT_NE(Sample().refusal({{"--epochs", "3x"}, {}}), "");
    EXPECT_NE(Sample().refusal({{"stray"}, {}}), "");
    Sample required;
    required.options.require("model");
    EXPECT_NE(required.refusal({{}, {}}).find("--model is missing"), std::string::npos);
}

TEST(Options, LastSourceWins) {
    const auto file = std::filesystem::path(::testing::TempDir()) / "options_test.ini";
    std::ofstream(file) << "[train]\nepochs = 2\nlr = 0.25\nschedule = cosine\n[forget]\nanything = 1\n";
    ::setenv("NEPENTHE_LR", "0.125", 1);
    Sample sample;
    sample.options.parse({{"--config", file.string(), "--schedule", "linear"}, {}});
    ::unsetenv("NEPENTHE_LR");
    EXPECT_EQ(sample.epochs, 2);           // file over default
    EXPECT_EQ(sample.lr, 0.125);           // environment over file
    EXPECT_EQ(sample.schedule, "linear");  // flag over file
}

TEST(Options, RefusesAnUnknownKeyInTheFile) {
    const auto file = std::filesystem::path(::testing::TempDir()) / "options_test_bad.ini";
    std::ofstream(file) << "[train]\nepoch = 2\n";
    EXPECT_NE(Sample().refusal({{"--config", file.string()}, {}}).find("did you mean \"epochs\""), std::string::npos);
}

TEST(Options, HelpFitsAScreen) {
    Sample sample;
    EXPECT_THROW(sample.options.parse({{"--help"}, {}}), HelpRequested);
    EXPECT_NE(sample.options.help().find("Example:"), std::string::npos);
}

}  // namespace
}  // namespace nepenthe::pipelines
