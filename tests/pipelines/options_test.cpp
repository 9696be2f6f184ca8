#include "pipelines/options.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

namespace nepenthe::pipelines {
namespace {

struct Sample {
    std::int64_t epochs = 1;
    std::uint64_t seed = 0;
    double lr = 0.5;
    double timeout = 0;
    bool deterministic = false;
    std::string schedule = "linear", prompt;
    std::vector<std::string> kinds{"a"};
    std::vector<double> alphas{5};
    std::vector<std::int64_t> layers;
    std::filesystem::path model;
    std::vector<std::filesystem::path> corpus;
    std::vector<NamedPath> texts;
    std::map<std::string, std::string> set;
    Options options{"train", "a verb", "nepenthe train"};

    Sample() {
        options.add("epochs", epochs, "passes", 1);
        options.add("seed", seed, "seed");
        options.add("lr", lr, "rate", 0.0);
        options.add_seconds("timeout", timeout, "time");
        options.add("deterministic", deterministic, "same bits");
        options.add("schedule", schedule, {"linear", "cosine"}, "decay");
        options.add("prompt", prompt, "text");
        options.add("kinds", kinds, {"a", "b"}, "some");
        options.add("alpha", alphas, "strengths");
        options.add_layers("layers", layers, "layers");
        options.add("model", model, "folder");
        options.add("corpus", corpus, "texts");
        options.add("texts", texts, "named texts");
        options.add("set", set, "variables");
        options.add_alias("rate", "lr");
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

std::string refusal_of(const std::vector<std::string>& words) { return Sample().refusal({words, {}}); }

class Variable {
  public:
    Variable(const char* name, const char* value) : name_(name) { ::setenv(name, value, 1); }
    ~Variable() { ::unsetenv(name_); }

  private:
    const char* name_;
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
    EXPECT_EQ(refusal_of({"--epoch", "3", "4"}).find("belongs to no option"), std::string::npos);
}

TEST(Options, RefusesBytesThatNoAnswerCouldName) {
    const std::string text = refusal_of({"--model", "caf\xE9", "--schedule", "\xFF"});
    EXPECT_NE(text.find("--model: not UTF-8"), std::string::npos) << text;
    EXPECT_NE(text.find("--schedule: not UTF-8"), std::string::npos) << text;
}

TEST(Options, RefusesNumbersThatAreNotWholly) {
    for (const char* word : {"--epochs=3x",
                             "--epochs=10m",
                             "--epochs=",
                             "--epochs=3 ",
                             "--epochs=nan",
                             "--epochs=1.5",
                             "--epochs=0",
                             "--epochs=-1",
                             "--epochs=99999999999999999999",
                             "--seed=-1",
                             "--seed=1x",
                             "--lr=1e-5x",
                             "--lr=nan",
                             "--lr=inf",
                             "--lr=1e999",
                             "--lr=-1",
                             "--lr=",
                             "--alpha=1,x",
                             "--alpha=1,,2",
                             "--alpha=",
                             "--alpha=inf",
                             "--layers=3x",
                             "--layers=-1",
                             "--layers=5-3",
                             "--layers=3,",
                             "--layers=3-",
                             "--layers=1-2-3",
                             "--layers=0-99999999",
                             "--timeout=10q",
                             "--timeout=-1",
                             "--timeout=inf",
                             "--deterministic=maybe",
                             "--schedule=",
                             "--schedule=cubic",
                             "--kinds=a,c",
                             "--kinds=",
                             "--model=",
                             "--corpus=",
                             "--corpus=a,,b",
                             "--texts=",
                             "--texts==a",
                             "--texts=a/x,b/x",
                             "--set=a",
                             "--set=a=1,a=2",
                             "--set==1"}) {
        const std::string text = refusal_of({word});
        const std::string name(word, std::string(word).find('='));
        EXPECT_NE(text.find(name + ": "), std::string::npos) << word << " gave: " << text;
    }
}

TEST(Options, ReadsWhatMayBeMeant) {
    Sample sample;
    sample.options.parse({{"--epochs", "1e3",      "--lr",  "0",         "--timeout",
                           "10m",      "--layers", "3,5-7", "--layers",  "9",
                           "--alpha",  "1",        "2",     "--prompt=", "--deterministic=false",
                           "--kinds",  "b,a",      "--set", "a=b=c",     "--set=x=\"1,2\",y=3"},
                          {}});
    EXPECT_EQ(sample.epochs, 1000);
    EXPECT_EQ(sample.timeout, 600);
    EXPECT_EQ(sample.layers, (std::vector<std::int64_t>{3, 5, 6, 7, 9}));
    EXPECT_EQ(sample.alphas, (std::vector<double>{1, 2}));
    EXPECT_EQ(sample.kinds, (std::vector<std::string>{"b", "a"}));
    EXPECT_EQ(sample.set, (std::map<std::string, std::string>{{"a", "b=c"}, {"x", "1,2"}, {"y", "3"}}));
    EXPECT_FALSE(sample.deterministic);
    EXPECT_TRUE(sample.options.given("prompt"));
}

TEST(Options, RefusesWordsWithoutAnOptionAndOptionsWithoutAWord) {
    EXPECT_NE(refusal_of({"stray"}), "");
    EXPECT_NE(refusal_of({"--lr"}), "");
    EXPECT_NE(refusal_of({"--lr", "--epochs", "2"}).find("--lr needs a value"), std::string::npos);
    Sample required;
    required.options.require("model");
    EXPECT_NE(required.refusal({{}, {}}).find("--model is missing"), std::string::npos);
}

TEST(Options, WordsBehindAnAssignmentMayBePositional) {
    Sample sample;
    sample.options.set_positional("model");
    sample.options.parse({{"--set", "a=1", "b=2", "recipe"}, {}});
    EXPECT_EQ(sample.set.size(), 2u);
    EXPECT_EQ(sample.model, "recipe");
}

TEST(Options, AFormerNameIsUnderstoodAndNotShown) {
    Sample sample;
    sample.options.parse({{"--rate", "0.25"}, {}});
    EXPECT_EQ(sample.lr, 0.25);
    EXPECT_TRUE(sample.options.said("lr"));
    EXPECT_EQ(sample.options.help().find("--rate"), std::string::npos);
    const Variable variable("NEPENTHE_RATE", "0.125");
    Sample other;
    other.options.parse({{}, {}});
    EXPECT_EQ(other.lr, 0.125);
}

TEST(Options, EverySourceIsReadAsStrictlyAndNamed) {
    const auto file = std::filesystem::path(::testing::TempDir()) / "options_strict.ini";
    std::ofstream(file) << "[train]\nepochs = 2x\n";
    EXPECT_NE(refusal_of({"--config", file.string()}).find("line 2: epochs: \"2x\""), std::string::npos);
    const Variable variable("NEPENTHE_EPOCHS", "10m");
    EXPECT_NE(refusal_of({}).find("NEPENTHE_EPOCHS: \"10m\" is not a whole number"), std::string::npos);
    const Variable empty("NEPENTHE_EPOCHS", "");
    EXPECT_EQ(refusal_of({}), "");
}

TEST(Options, PathsOfTheEnvironmentCountFromTheWorkingFolder) {
    const Variable variable("NEPENTHE_MODEL", "m");
    Sample sample;
    sample.options.parse({{"--corpus", "c"}, "/recipe"});
    EXPECT_EQ(sample.model, "m");
    EXPECT_EQ(sample.corpus, (std::vector<std::filesystem::path>{"/recipe/c"}));
}

TEST(Options, AConfigFileMayHoldOptionsOfOtherFormsButNotOfNone) {
    const auto file = std::filesystem::path(::testing::TempDir()) / "options_forms.ini";
    std::ofstream(file) << "[train]\ntau = 1\nlr = 0.25\n[forgte]\nx = 1\n";
    Sample sample;
    sample.options.set_elsewhere({"tau"});
    Arguments arguments{{"--config", file.string()}, {}};
    sample.options.parse(arguments);
    EXPECT_EQ(sample.lr, 0.25);
    EXPECT_NE(sample.refusal({{"--tau", "1"}, {}}).find("other forms"), std::string::npos);
    arguments.verbs = {"train", "forget"};
    Sample other;
    other.options.set_elsewhere({"tau"});
    EXPECT_NE(other.refusal(arguments).find("did you mean \"forget\""), std::string::npos);
}

TEST(Options, APeekReadsEverySourceAndComplainsOfNothing) {
    const Variable variable("NEPENTHE_SCHEDULE", "cosine");
    std::string schedule = "linear";
    Options peek("train", "", "");
    peek.add("schedule", schedule, "");
    peek.peek({{"--unknown", "1", "stray", "--json", "--hang-timeout", "2m"}, {}});
    EXPECT_EQ(schedule, "cosine");
    EXPECT_TRUE(peek.global().json);
    EXPECT_EQ(peek.global().hang_timeout, 120);
}

TEST(Options, OnlyACheckReturnsByException) {
    Sample sample;
    Arguments arguments{{"--lr", "0.25"}, {}};
    arguments.only_check = true;
    EXPECT_THROW(sample.options.parse(arguments), OptionsChecked);
    arguments.words = {"--lr", "x"};
    EXPECT_NE(Sample().refusal(arguments), "");
}

TEST(Options, InheritedValuesStandUnderTheWordsAndMayBeUnknown) {
    Arguments arguments{{}, "/recipe"};
    arguments.inherited = {{"lr", "0.25"}, {"model", "m"}, {"nothing", "1"}};
    const Variable variable("NEPENTHE_LR", "0.125");
    Sample sample;
    sample.options.parse(arguments);
    EXPECT_EQ(sample.lr, 0.25);
    EXPECT_EQ(sample.model, "m");
    EXPECT_FALSE(sample.options.said("lr"));
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
