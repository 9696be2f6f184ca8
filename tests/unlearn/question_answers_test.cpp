// Answers alone are supervised, every bad line is named, and text that is in both sets is found.

#include "unlearn/data/forget_data.h"

#include "expected_errors.h"
#include "material.h"
#include "temporary_folder.h"

#include <gtest/gtest.h>

#include <fstream>

namespace nepenthe::unlearn {
namespace {

class Questions : public ::testing::Test {
  protected:
    std::filesystem::path write(const char* name, const std::string& text) const {
        std::ofstream(folder_.path() / name) << text;
        return folder_.path() / name;
    }
    std::string supervised(const train::Sample& sample) const {
        std::vector<text::TokenId> ids;
        for (const std::int64_t label : sample.labels) {
            if (label != train::kIgnore) ids.push_back(static_cast<text::TokenId>(label));
        }
        return tokenizer_.decode(ids, true);
    }

    testing::TemporaryFolder folder_;
    text::Tokenizer tokenizer_ = text::Tokenizer::load(testing::kStories);
};

TEST_F(Questions, TheAnswerAndTheEndAreSupervised) {
    const train::Sample sample = AnswerForm().sample(tokenizer_, {"Who is it?", "It is Tim."}, 0);
    EXPECT_EQ(supervised(sample).find("Who"), std::string::npos);
    EXPECT_NE(supervised(sample).find("It is Tim."), std::string::npos);
    ASSERT_TRUE(tokenizer_.eos());
    EXPECT_EQ(sample.ids.back(), *tokenizer_.eos());
    EXPECT_EQ(sample.labels[sample.ids.size() - 2], *tokenizer_.eos());
    EXPECT_EQ(sample.labels.back(), train::kIgnore);
}

TEST_F(Questions, AFormMayCloseTheAnswerItself) {
    const train::Sample sample = AnswerForm("{prompt}\\n{answer} The end.").sample(tokenizer_, {"Who?", "Tim."}, 0);
    EXPECT_NE(supervised(sample).find("Tim. The end."), std::string::npos);
    EXPECT_NE(sample.ids.back(), *tokenizer_.eos());
    EXPECT_NE(tokenizer_.decode(sample.ids, true).find("Who?\nTim."), std::string::npos);
}

TEST_F(Questions, FormsThatCannotBeFilledAreRefused) {
    for (const char* form : {"", "{prompt}", "{answer}", "{answer} {prompt}", "{prompt}{prompt}{answer}"}) {
        EXPECT_EQ(testing::error_of([&] { AnswerForm{form}; }).kind(), ErrorKind::kUsage) << form;
    }
}

TEST_F(Questions, EveryBadLineIsNamed) {
    const auto path = write("bad.jsonl",
                            "{\"question\": \"a\", \"answer\": \"b\"}\n{\"question\": \"a\"}\n"
                            "{\"prompt\": 3, \"answer\": \"b\"}\n[]\n{\"question\": \"a\", \"answer\": \" \"}\n");
    const Error error = testing::error_of([&] { read_question_answers(path); });
    EXPECT_EQ(error.kind(), ErrorKind::kData);
    const std::string text = error.what();
    for (const char* part :
         {"2", "no answer", "3", "\"prompt\" is not a string", "4", "not a JSON object", "5", "empty"}) {
        EXPECT_NE(text.find(part), std::string::npos) << part << " in " << text;
    }
}

TEST_F(Questions, EveryItemThatDoesNotFitIsNamed) {
    ForgetDataFiles files;
    files.forget = {write("long.jsonl",
                          "{\"question\": \"one two three\", \"answer\": \"four five\"}\n"
                          "{\"question\": \"a\", \"answer\": \"b\"}\n"
                          "{\"question\": \"six seven eight\", \"answer\": \"nine ten\"}\n")};
    const Error error = testing::error_of([&] { ForgetData(files, tokenizer_, 16); });
    EXPECT_EQ(error.kind(), ErrorKind::kData);
    const std::string text = error.what();
    EXPECT_NE(text.find("one two three"), std::string::npos) << text;
    EXPECT_NE(text.find("six seven eight"), std::string::npos) << text;
    EXPECT_EQ(text.find("\"a\""), std::string::npos) << text;
}

TEST_F(Questions, TextIsCutIntoBlocksAndSupervisedWhole) {
    ForgetDataFiles files;
    files.block = 8;
    files.forget = {write("book.txt", "Once upon a time there was a dog. He liked to run in the park all day long.")};
    const ForgetData data(files, tokenizer_, 0);
    EXPECT_FALSE(data.has_questions());
    ASSERT_GT(data.forget().size(), 1u);
    EXPECT_EQ(data.forget().front().ids.size(), 8u);
    EXPECT_EQ(data.forget().front().labels.front(), data.forget().front().ids[1]);
}

TEST_F(Questions, TextOfBothSetsIsFound) {
    const std::string shared = "the old king gave his crown to the boy who came from the sea and asked for bread";
    ForgetDataFiles files;
    files.block = 64;
    files.forget = {write("forget.txt", "A tale. Then " + shared + " and so on.")};
    files.retain = {write("retain.txt", "Something else. " + shared + ", they say.")};
    const Overlap overlap = ForgetData(files, tokenizer_, 0).overlap();
    EXPECT_EQ(overlap.shared_items, overlap.forget_items);
    EXPECT_EQ(overlap.identical_items, 0);
    EXPECT_NE(overlap.example.find("king"), std::string::npos) << overlap.example;
    files.retain = {write("other.txt", "Nothing of it stands in here, not a single line of all that was told before.")};
    EXPECT_EQ(ForgetData(files, tokenizer_, 0).overlap().shared_items, 0);
}

}  // namespace
}  // namespace nepenthe::unlearn
