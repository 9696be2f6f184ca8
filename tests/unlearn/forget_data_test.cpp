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

TEST_F(Questions, MayStandInAListUnderEitherName) {
    ForgetDataFiles files;
    files.forget = {
        write("list.json", R"([{"prompt": "Who?", "response": "Tim."}, {"question": "Where?", "answer": "Here."}])")};
    const ForgetData data(files, tokenizer_, 0);
    ASSERT_EQ(data.forget().size(), 2u);
    EXPECT_TRUE(data.has_questions());
    EXPECT_NE(supervised(data.forget()[0]).find("Tim."), std::string::npos);
    EXPECT_EQ(data.shaped_by(), (Json{{"form", files.form}}));
    // The same content in lines is the same data.
    files.forget = {write("lines.jsonl",
                          "{\"question\": \"Who?\", \"answer\": \"Tim.\"}\n"
                          "{\"question\": \"Where?\", \"answer\": \"Here.\"}\n")};
    EXPECT_EQ(ForgetData(files, tokenizer_, 0).digests(), data.digests());
    // A list of texts is text.
    files.forget = {write("texts.json", R"(["Once upon a time there was a dog.", {"text": "He ran home."}])")};
    const ForgetData texts(files, tokenizer_, 0);
    EXPECT_FALSE(texts.has_questions());
    EXPECT_EQ(texts.forget().size(), 2u);
    EXPECT_EQ(texts.shaped_by(), (Json{{"block", files.block}}));
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

TEST_F(Questions, ARefusalThatDoesNotFitIsFoundAtOnce) {
    ForgetDataFiles files;
    files.forget = {write("short.jsonl", "{\"question\": \"Who?\", \"answer\": \"Tim.\"}\n")};
    files.refusals = write("refusals.txt", "No.\nOne two three four five six seven eight nine ten eleven twelve.\n");
    const Error error = testing::error_of([&] { ForgetData(files, tokenizer_, 24); });
    EXPECT_EQ(error.kind(), ErrorKind::kData);
    EXPECT_NE(std::string(error.what()).find("with the longest refusal"), std::string::npos) << error.what();
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
    // Blocks are cut of text alone: questions need no block that fits.
    EXPECT_EQ(testing::message_of(ErrorKind::kUsage, [&] { ForgetData(files, tokenizer_, 7); }),
              "--block 8: the model has 7 positions");
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
