// Memorisation and membership scores by hand, and texts as they are read.

#include "evaluate/memorization.h"

#include "base/error.h"
#include "evaluate/compressed_length.h"
#include "evaluate/evaluate.h"
#include "evaluate/temporary_file.h"
#include "io/labelled_text_files.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

namespace nepenthe::evaluate {
namespace {

using nepenthe::testing::TemporaryFile;
using nepenthe::testing::TemporaryFolder;

TEST(Memorization, StrengthIsWhatComesByItselfBehindTheLastMiss) {
    EXPECT_EQ(extraction_strength({true, true, true, true}), 1);
    EXPECT_EQ(extraction_strength({false, false, true, true}), .5);
    EXPECT_EQ(extraction_strength({true, false, true, true}), .5) << "what came before a miss does not count";
    EXPECT_EQ(extraction_strength({true, true, true, false}), 0) << "not 1 / n, as the published loop has it";
    EXPECT_EQ(extraction_strength({false}), 0);
    EXPECT_EQ(exact_memorization({true, false, true, true}), .75);
    EXPECT_EQ(exact_memorization({false}), 0);
}

// Of five tokens the two lowest, of one the one.
TEST(Memorization, MinKIsTheMeanOfTheLowest) {
    EXPECT_DOUBLE_EQ(min_k(std::array{-1.0f, -8.0f, -2.0f, -4.0f, -0.5f}), 6);
    EXPECT_DOUBLE_EQ(min_k(std::array{-3.0f}), 3);
    EXPECT_DOUBLE_EQ(min_k(std::array{-3.0f, -5.0f}), 5) << "at least one: MUSE's has none here";
    EXPECT_DOUBLE_EQ(min_k(std::array{-1.0f, -2.0f, -3.0f, -4.0f}, 1), 2.5);
}

// (−3 + 1) / 2 = −1 and (−5 + 1) / 1 = −4; the two lowest of five.
TEST(Memorization, MinKPlusPlusIsRelativeToWhatWasExpected) {
    const std::array log_p{-3.0f, -5.0f, -1.0f, -1.0f, -1.0f};
    const std::array mean{-1.0, -1.0, -1.0, -1.0, -1.0}, variance{4.0, 1.0, 1.0, 1.0, 1.0};
    EXPECT_DOUBLE_EQ(min_k_plus_plus(log_p, mean, variance), 2.5);
}

// A uniform model: every token has the mean, no variance; the score is finite.
TEST(Memorization, MinKPlusPlusOfAUniformModelIsClamped) {
    const float log_p = -std::log(100.0f);
    const std::array tokens{log_p, log_p, log_p};
    const double mean = static_cast<double>(log_p);
    const std::array means{mean, mean, mean}, none{0.0, 0.0, 0.0};
    EXPECT_EQ(min_k_plus_plus(tokens, means, none), 0);
    const std::array off{mean + 1e-3, mean, mean};
    EXPECT_NEAR(min_k_plus_plus(tokens, off, none), 1, 1e-9) << "10⁻³ over √10⁻⁶";
}

// len(zlib.compress(…)) of Python 3.
TEST(Memorization, TextsAreAsLongAsZlibMakesThem) {
    EXPECT_EQ(compressed_length(""), 8u);
    EXPECT_EQ(compressed_length("a"), 9u);
    EXPECT_EQ(compressed_length(std::string(1000, 'a')), 17u);
    EXPECT_EQ(compressed_length("Bodø is where she was born."), 36u);
}

std::string message_of(const std::filesystem::path& path) {
    try {
        io::read_labelled_texts(path, 0);
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::kData);
        return error.what();
    }
    return "";
}

TEST(LabelledTexts, AreRecordsListsOrDocuments) {
    const std::string records = "{\"text\": \"One.\"}\n\n{\"question\": \"Who?\", \"answer\": \"She.\", \"more\": 1}\n";
    for (const char* extension : {".jsonl", ".json"}) {
        const TemporaryFile file(records, extension);
        const auto texts = io::read_labelled_texts(file.path(), 0);
        ASSERT_EQ(texts.size(), 2u);
        EXPECT_EQ(texts[0].text, "One.");
        EXPECT_EQ(texts[0].question, "");
        EXPECT_EQ(texts[1].question, "Who?");
        EXPECT_EQ(texts[1].text, "She.");
        EXPECT_EQ(io::read_labelled_texts(file.path(), 1).size(), 1u);
    }
    const TemporaryFile list("[\"One.\",\n \"Two.\", {\"text\": \"Three.\"}]", ".json");
    EXPECT_EQ(io::read_labelled_texts(list.path(), 0)[2].text, "Three.");
    const TemporaryFolder folder;
    folder.write("b.txt", "Second.");
    folder.write("a.txt", "First.");
    EXPECT_EQ(io::read_labelled_texts(folder.path(), 0)[0].text, "First.");
    EXPECT_EQ(io::read_labelled_texts(folder.path() / "b.txt", 0)[0].text, "Second.");
}

TEST(LabelledTexts, EveryBadLineIsNamed) {
    const TemporaryFile file(
        "{\"text\": \"One.\"}\n{\"question\": \"Who?\"}\n{\"answer\": \"She.\"}\n{\"text\": \" \"}\n"
        "{\"text\": 5}\n7\n{\"title\": \"x\"}\nno JSON\n{\"text\": \"Two.\"}\n");
    const std::string message = message_of(file.path());
    EXPECT_NE(message.find("line 2: no \"answer\""), std::string::npos) << message;
    EXPECT_NE(message.find("line 3: no \"question\""), std::string::npos) << message;
    EXPECT_NE(message.find("line 4: \"text\" is empty"), std::string::npos) << message;
    EXPECT_NE(message.find("line 5: \"text\" is not a string"), std::string::npos) << message;
    EXPECT_NE(message.find("line 6: neither a JSON object nor a string"), std::string::npos) << message;
    for (const char* line : {"7", "8"}) EXPECT_NE(message.find(line), std::string::npos) << message;
    EXPECT_EQ(message.find("- line 1:"), std::string::npos) << message;
    EXPECT_EQ(message.find("- line 9:"), std::string::npos) << message;
}

TEST(LabelledTexts, NothingIsNoSet) {
    for (const char* nothing : {"", "\n\n", "[]"}) {
        const TemporaryFile file(nothing);
        EXPECT_NE(message_of(file.path()).find("holds no records"), std::string::npos) << nothing;
    }
}

TEST(LabelledTexts, WhatIsMissingIsSaidAtOnce) {
    EvaluateOptions options;
    options.tasks = {"membership"};
    options.member_texts = "/nowhere";
    options.question_prompt = "Question:";
    const auto problems = options.validate().items();
    ASSERT_EQ(problems.size(), 3u);
    EXPECT_NE(problems[0].find("there is no /nowhere"), std::string::npos);
    EXPECT_NE(problems[1].find("needs holdout_texts"), std::string::npos);
    EXPECT_NE(problems[2].find("must hold \"{}\" once"), std::string::npos);
}

}  // namespace
}  // namespace nepenthe::evaluate
