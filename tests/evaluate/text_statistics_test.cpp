// Entropies against NLTK and cosines against scikit-learn (tests/golden/make_text_statistics.py).

#include "evaluate/text_statistics.h"

#include "base/json.h"
#include "evaluate/python_strings.h"
#include "io/file.h"

#include <gtest/gtest.h>

namespace nepenthe::evaluate {
namespace {

const Json& text_statistics_golden() {
    static const Json value =
        parse_json(io::read_file(NEPENTHE_SOURCE_DIR "/tests/golden/text_statistics.json"), "text_statistics.json");
    return value;
}

TEST(TextStatistics, WordsAndEntropiesAgreeWithNltk) {
    for (const Json& text : text_statistics_golden()["entropies"]) {
        EXPECT_EQ(words_and_marks(text[0].get<std::string>()), text[1].get<std::vector<std::string>>());
        EXPECT_NEAR(ngram_entropy(text[0].get<std::string>()), text[2].get<double>(), 1e-12) << text[0];
    }
    EXPECT_EQ(ngram_entropy(""), 0);
}

TEST(TextStatistics, LowerCaseIsPythons) {
    for (const Json& pair : text_statistics_golden()["lower"])
        EXPECT_EQ(lower(pair[0].get<std::string>()), pair[1].get<std::string>()) << pair[0];
}

TEST(TextStatistics, CosinesAgreeWithScikitLearn) {
    const TfIdf tf_idf(text_statistics_golden()["documents"].get<std::vector<std::string>>());
    for (const Json& triple : text_statistics_golden()["cosines"]) {
        EXPECT_NEAR(tf_idf.cosine(triple[0].get<std::string>(), triple[1].get<std::string>()), triple[2].get<double>(),
                    1e-12)
            << triple;
    }
    EXPECT_EQ(tf_idf.cosine("unseen wording", "The tower"), 0);
}

TEST(TextStatistics, TypographyMakesNoDifference) {
    const char* typographic = "“It’s a well‑known house,” she said—“isn’t it…”";
    const char* ascii = "\"It's a well-known house,\" she said--\"isn't it...\"";
    // Behind a dash a straight mark says not whether it opens: that one place differs.
    auto curly = words_and_marks(typographic), straight = words_and_marks(ascii);
    ASSERT_EQ(curly.size(), straight.size());
    EXPECT_EQ(curly[11], "``");
    straight[11] = curly[11];
    EXPECT_EQ(curly, straight);
    EXPECT_EQ(words_and_marks("“Rome”"), (std::vector<std::string>{"``", "Rome", "''"})) << "marks are no letters";
    EXPECT_NE(ngram_entropy("“Rome” and Rome and “Rome” and Rome"), ngram_entropy("one two three four five six seven"));
}

// A letter beyond ASCII is one character of its bytes: too short for a term of its own.
TEST(TextStatistics, ATermHasTwoCharactersNotTwoBytes) {
    const std::vector<std::string> documents{"é è é", "éà où", "ab cd"};
    const TfIdf tf_idf(documents);
    EXPECT_EQ(tf_idf.cosine("é", "é"), 0);
    EXPECT_NEAR(tf_idf.cosine("ÉÀ", "éà é"), 1, 1e-12);
    EXPECT_EQ(tf_idf.cosine("“ab”", "ab"), tf_idf.cosine("ab", "ab"));
}

}  // namespace
}  // namespace nepenthe::evaluate
