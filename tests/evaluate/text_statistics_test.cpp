// Entropies against NLTK and cosines against scikit-learn (tests/golden/make_text_statistics.py).

#include "evaluate/text_statistics.h"

#include "base/json.h"
#include "io/file.h"

#include <gtest/gtest.h>

namespace nepenthe::evaluate {
namespace {

const Json& golden() {
    static const Json value =
        parse_json(io::read_file(NEPENTHE_SOURCE_DIR "/tests/golden/text_statistics.json"), "text_statistics.json");
    return value;
}

TEST(TextStatistics, EntropiesAgreeWithNltk) {
    for (const Json& pair : golden()["entropies"]) {
        EXPECT_NEAR(ngram_entropy(pair[0].get<std::string>()), pair[1].get<double>(), 1e-12) << pair[0];
    }
    EXPECT_EQ(ngram_entropy(""), 0);
}

TEST(TextStatistics, CosinesAgreeWithScikitLearn) {
    const TfIdf tf_idf(golden()["documents"].get<std::vector<std::string>>());
    for (const Json& triple : golden()["cosines"]) {
        EXPECT_NEAR(tf_idf.cosine(triple[0].get<std::string>(), triple[1].get<std::string>()), triple[2].get<double>(),
                    1e-12)
            << triple;
    }
    EXPECT_EQ(tf_idf.cosine("unseen wording", "The tower"), 0);
}

TEST(TextStatistics, MarksStandAlone) {
    EXPECT_EQ(words_and_marks("It's a well-known (old) house."),
              (std::vector<std::string>{"It's", "a", "well-known", "(", "old", ")", "house", "."}));
}

}  // namespace
}  // namespace nepenthe::evaluate
