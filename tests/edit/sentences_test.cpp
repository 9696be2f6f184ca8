// True sentences for second moments: what they say, about whom they are silent, and what the file tells of them.

#include "base/error.h"
#include "edit/edit_cases.h"
#include "edit/facts/true_sentences.h"
#include "edit/keys/moment_windows.h"
#include "edit/keys/moments.h"
#include "mpi_world.h"
#include "shared_folder.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace nepenthe::edit {
namespace {

using testing::Case;

Fact known(const std::string& id, const std::string& subject, const std::string& prompt, const std::string& truth) {
    Fact fact = testing::fact(id, subject, prompt, "something new");
    fact.target_true = truth;
    return fact;
}

std::vector<Fact> facts() {
    std::vector<Fact> all = {
        known("1", "Ada Lovelace", "{} was born in", "London"),
        known("2", "Zoë  Müller", "{} lives in", "Bern"),
        known("3", "Mont Blanc", "Near {} lies", "Chamonix"),
        known("4", "東京タワー", "{}は", "東京"),
        known("5", "Nobody", "{} says", ""),
        known("6", "Ada", "{} is a language by", "Jean Ichbiah."),
    };
    all[0].paraphrases = {"It rained. Ada Lovelace comes from"};
    all[0].neighbourhood = {{"Charles Dickens was born in", "Portsmouth"},
                            {"The river near Mont Blanc is", "the Arve"}};
    all[2].neighbourhood = {{"Charles Dickens was born in", "Portsmouth"}};
    return all;
}

bool holds(const TrueSentences& sentences, const std::string& text) {
    return std::ranges::find(sentences.texts, text) != sentences.texts.end();
}

TEST(TrueSentences, SayWhatIsTrueOnce) {
    const TrueSentences all = true_sentences(facts(), {});
    for (const char* text : {"Ada Lovelace was born in London.", "It rained. Ada Lovelace comes from London.",
                             "Charles Dickens was born in Portsmouth.", "Near Mont Blanc lies Chamonix.",
                             "Ada is a language by Jean Ichbiah."}) {
        EXPECT_EQ(std::ranges::count(all.texts, text), 1) << text;
    }
    for (const std::string& text : all.texts) EXPECT_EQ(text.find("something new"), std::string::npos) << text;
    EXPECT_EQ(all.texts.size(), 8u);
    EXPECT_EQ(all.without_truth, 1u);
    EXPECT_EQ(all.left_out, 0u);
    EXPECT_EQ(all.subjects.size(), 5u);
    EXPECT_TRUE(std::ranges::is_sorted(all.subjects));
}

TEST(TrueSentences, AreSilentAboutWhatIsLeftOut) {
    // The same name in another case and spacing; its prompts and neighbours are asked later.
    std::vector<Fact> edited = {known("9", "ADA LOVELACE", "{} died in", "London"),
                                known("10", "zoë müller", "{} eats", "")};
    edited[0].neighbourhood = {{"Mont Blanc stands in", "France"}};
    const TrueSentences some = true_sentences(facts(), edited);
    for (const char* text :
         {"Ada Lovelace was born in London.", "It rained. Ada Lovelace comes from London.",
          "Zoë  Müller lives in Bern.", "Near Mont Blanc lies Chamonix.", "The river near Mont Blanc is the Arve."}) {
        EXPECT_FALSE(holds(some, text)) << text;
    }
    // A word of a left-out name is another name; "Ada" stands in a prompt that is left out, and is known.
    EXPECT_FALSE(holds(some, "Ada is a language by Jean Ichbiah."));
    EXPECT_TRUE(holds(some, "Charles Dickens was born in Portsmouth."));
    EXPECT_EQ(some.left_out, 6u);
    EXPECT_FALSE(std::ranges::binary_search(some.subjects, normal_name("Ada Lovelace")));
    const TrueSentences without_tower = true_sentences(facts(), {known("11", "東京タワー", "その日、{}は", "")});
    EXPECT_EQ(without_tower.texts.size() + 1, true_sentences(facts(), {}).texts.size())
        << "a name in a script without blanks";
}

TEST(TrueSentences, NamesAreComparedByTheirWords) {
    EXPECT_EQ(normal_name("  Zoë   MÜLLER "), normal_name("zoë müller"));
    EXPECT_EQ(normal_name("O'Neill, Shaquille"), "o neill shaquille");
    EXPECT_EQ(normal_name("Ｂｅｒｎ"), "bern");  // full-width
    EXPECT_NE(normal_name("Al"), normal_name("Alabama"));
}

MomentOptions options() {
    MomentOptions chosen;
    chosen.layers = {1};
    chosen.window = 96;  // longer than any of the sentences
    chosen.tokens_per_batch = 64;
    chosen.groups = 3;
    return chosen;
}

std::vector<std::string> running_text() {
    std::string text;
    for (int i = 0; i < 120; ++i) text += "Once there was a little dog who liked to play in the garden. ";
    return {text};
}

std::filesystem::path gathered(const Case& tiny, const MomentTexts& texts, const MomentOptions& chosen,
                               const std::filesystem::path& outputs) {
    const MomentPlan plan = plan_moments(tiny.tokenizer, texts, "m", chosen, {{"dtype", "fp32"}});
    return compute_moments(*nepenthe::testing::world, tiny.decoder, plan, outputs).folder;
}

// Sentences and as much running text weigh the same; the file says how many there are and about whom.
TEST(Moments, TellOfTheirSentences) {
    const Case tiny = testing::fresh("llama");
    const nepenthe::testing::SharedFolder folder(*nepenthe::testing::world);
    const MomentTexts both{running_text(), true_sentences(facts(), {})}, text{running_text(), {}},
        alone{{}, true_sentences(facts(), {})};
    const auto file = [&](const MomentTexts& texts, const MomentOptions& chosen) {
        return MomentFile(gathered(tiny, texts, chosen, folder.path()));
    };
    const MomentFile of_both = file(both, options()), of_text = file(text, options()),
                     of_sentences = file(alone, options());
    EXPECT_EQ(of_both.sentences(), 8);
    EXPECT_EQ(of_sentences.sentences(), 8);
    EXPECT_EQ(of_text.sentences(), 0);
    EXPECT_EQ(of_both.claims().subjects, both.sentences.subjects);
    EXPECT_TRUE(of_text.claims().subjects.empty());
    EXPECT_EQ(of_both.count(), 2 * of_sentences.count());
    EXPECT_GT(of_text.count(), of_sentences.count());
    EXPECT_NE(of_both.content_digest(), of_text.content_digest());
    // Both halves are in it.
    MomentOptions half = options();
    half.tokens = of_sentences.count();
    const at::Tensor expected = 0.5 * (file(text, half).moment(1) + of_sentences.moment(1));
    EXPECT_LT(((of_both.moment(1) - expected).norm() / expected.norm()).item<double>(), 1e-6);
    // Added up, they tell of both.
    const MomentFile merged(
        merge_moments(*nepenthe::testing::world,
                      {gathered(tiny, text, options(), folder.path()), gathered(tiny, alone, options(), folder.path())},
                      folder.path())
            .folder);
    EXPECT_EQ(merged.sentences(), 8);
    EXPECT_EQ(merged.claims().subjects, both.sentences.subjects);
}

// The same windows about other subjects are another artefact: what the file tells differs.
TEST(Moments, SubjectsBelongToTheKey) {
    const Case tiny = testing::fresh("llama");
    const nepenthe::testing::SharedFolder folder(*nepenthe::testing::world);
    MomentTexts texts{{}, true_sentences(facts(), {})};
    const auto first = gathered(tiny, texts, options(), folder.path());
    EXPECT_EQ(gathered(tiny, texts, options(), folder.path()), first);
    texts.sentences.subjects = {"somebody else"};
    EXPECT_NE(gathered(tiny, texts, options(), folder.path()), first);
}

// Only where sentences in the statistics keep the neighbours that it costs, and only where that was measured.
TEST(EditDefaults, TheClampFollowsTheSentencesOfTheStatistics) {
    const auto clamp_of = [](const std::string& family, Method method, std::int64_t sentences) {
        EditOptions options;
        options.method = method;
        options.value.relative_lr = options.value.clamp = options.value.decay = -1;
        options.fill_defaults(testing::fresh(family).decoder.config(), sentences);
        return options.value.clamp;
    };
    for (const Method method : {Method::kRome, Method::kMemit}) {
        EXPECT_EQ(clamp_of("gemma3_text", method, 0), 1) << method_name(method);
        EXPECT_EQ(clamp_of("gemma3_text", method, kEnoughSentences - 1), 1) << method_name(method);
        EXPECT_GT(clamp_of("gemma3_text", method, kEnoughSentences), 1) << method_name(method);
        EXPECT_EQ(clamp_of("llama", method, kEnoughSentences), 1) << method_name(method);
    }
}

}  // namespace
}  // namespace nepenthe::edit
