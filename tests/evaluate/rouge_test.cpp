// Stems and ROUGE-L against NLTK and rouge-score (tests/golden/make_rouge.py).

#include "evaluate/rouge.h"

#include "base/json.h"
#include "evaluate/porter_stemmer.h"
#include "io/file.h"

#include <gtest/gtest.h>

namespace nepenthe::evaluate {
namespace {

const Json& rouge_golden() {
    static const Json value = parse_json(io::read_file(NEPENTHE_SOURCE_DIR "/tests/golden/rouge.json"), "rouge.json");
    return value;
}

TEST(PorterStemmer, AgreesWithNltk) {
    for (const auto& [word, stem] : rouge_golden()["stems"].items()) {
        EXPECT_EQ(porter_stem(word), stem.get<std::string>()) << word;
    }
}

TEST(Rouge, RecallAgreesWithRougeScore) {
    for (const Json& pair : rouge_golden()["recalls"]) {
        EXPECT_NEAR(rouge_l_recall(pair[0].get<std::string>(), pair[1].get<std::string>()), pair[2].get<double>(), 1e-9)
            << pair.dump();
    }
}

TEST(Rouge, SurvivesLongRuns) {
    const std::string run(20000, 'y');
    EXPECT_FALSE(porter_stem(run + "ing").empty());
}

}  // namespace
}  // namespace nepenthe::evaluate
