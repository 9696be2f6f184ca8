// Terms found in texts: what is proposed and what is not, what a review decided, and the same on every number of ranks.

#include "unlearn/finding/find_terms.h"

#include "base/hash.h"
#include "expected_errors.h"
#include "io/text.h"
#include "material.h"
#include "mpi_world.h"
#include "unlearn/anchors/dictionary.h"
#include "unlearn/finding/term_contexts.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

namespace nepenthe::unlearn {
namespace {

using testing::expect_contains;
using testing::message_of;
using testing::world;

ReviewedTerms found(const std::vector<std::string>& documents, const FindRequest& request = {},
                    const ReviewedTerms& earlier = {}) {
    return find_terms(*world, documents, request, earlier);
}

std::set<std::string> names(const ReviewedTerms& terms) {
    std::set<std::string> out;
    for (const ReviewedTerm& term : terms.terms) out.insert(term.term);
    return out;
}

// A page of plain English around `sentence`, so that there is something to compare with.
std::string page(const std::string& sentence, int times = 6) {
    std::string out;
    for (int i = 0; i < times; ++i) {
        out +=
            "It was late in the day and they had walked a long way over the hills. The old man sat down by the road "
            "and "
            "ate his bread. " +
            sentence +
            " After that nothing more was said, for the rain had come and the house was "
            "far away.\n\n";
    }
    return out;
}

TEST(FindTerms, KnowsNamesFromWordsThatBeginSentences) {
    const auto terms =
        names(found({page("Then Zorbo came, and Mrs. Quillham gave Zorbo a lamp. Perhaps it was hers.")}));
    EXPECT_TRUE(terms.contains("Zorbo"));
    EXPECT_TRUE(terms.contains("Mrs. Quillham"));
    EXPECT_FALSE(terms.contains("Quillham"));  // never alone
    for (const char* word : {"Then", "Perhaps", "After", "The", "It", "It was"})
        EXPECT_FALSE(terms.contains(word)) << word;
}

TEST(FindTerms, ANameThatOnlyBeginsSentencesIsNone) {
    EXPECT_FALSE(names(found({page("Zorbo! That was all.")})).contains("Zorbo"));
}

TEST(FindTerms, SeveralWordsAreOneTerm) {
    const auto terms =
        names(found({page("They saw the Witch of the Grey Gates near Emerald City, and the Emerald City was "
                          "shut; but the Tin Farrier knew O'Dell-Smith and the Great Obo.")}));
    for (const char* term : {"Witch of the Grey Gates", "Emerald City", "Tin Farrier", "O'Dell-Smith", "Great Obo"})
        EXPECT_TRUE(terms.contains(term)) << term;
    for (const char* part : {"Emerald", "Tin", "Gates", "Grey"}) EXPECT_FALSE(terms.contains(part)) << part;
}

TEST(FindTerms, PluralsPossessivesAndCasesAreOneTerm) {
    const ReviewedTerms terms =
        found({page("He met a Zorbling and the Zorblings, the Zorbling's hat and ZORBLING himself.")});
    const ReviewedTerm* term = terms.find("Zorbling");
    ASSERT_NE(term, nullptr);
    EXPECT_EQ(terms.find("Zorblings"), nullptr);
    EXPECT_EQ(term->count, 24);
    EXPECT_EQ(term->forms.front().text, "Zorbling");
    EXPECT_EQ(term->forms.front().count, 12);
    EXPECT_EQ(term->examples.size(), 3u);
    expect_contains(term->examples.front(), "met a Zorbling and");
}

TEST(FindTerms, OrdinaryCapitalsAreNoTerms) {
    const auto terms =
        names(found({page("", 40) + page("On Monday the English came from London, said Mr. Brown, and I told "
                                         "God so in French. But Zorbo wept.",
                                         3)}));
    for (const char* word : {"I", "Monday", "English", "God", "French", "Mr"})
        EXPECT_FALSE(terms.contains(word)) << word;
}

TEST(FindTerms, AWordThatIsANameHereIsOne) {
    const ReviewedTerms terms = found({page("Behind them the Lion wept, and the Lion had a lion for a friend.")});
    const ReviewedTerm* term = terms.find("Lion");
    ASSERT_NE(term, nullptr);
    EXPECT_EQ(term->lower_case, 6);
}

TEST(FindTerms, CoinedWordsAndPairsHaveNoCapitals) {
    const std::string text = page("They ate a snarkle on the yellow brick and drank flooble.");
    const auto terms = names(found({text}));
    for (const char* term : {"snarkle", "flooble", "yellow brick"}) EXPECT_TRUE(terms.contains(term)) << term;
    EXPECT_EQ(found({text}).find("snarkle")->kind, "coined word");
    FindRequest request;
    request.rules.words = false;
    EXPECT_FALSE(names(found({text + page("And Zorbo came.")}, request)).contains("snarkle"));
}

TEST(FindTerms, KindsComeFromTitlesHeadsAndContexts) {
    const ReviewedTerms terms =
        found({page("\"Go,\" said Zorbo, and Zorbo cried. They lived in Velmora, and went from Velmora "
                    "to the Gimble Castle with Aunt Pell and the Gimble Spoon. Then the Queen came.")});
    const auto kind = [&](const char* term) {
        const ReviewedTerm* found_term = terms.find(term);
        return found_term ? found_term->kind : "not found";
    };
    EXPECT_EQ(kind("Zorbo"), "person");
    EXPECT_EQ(kind("Velmora"), "place");
    EXPECT_EQ(kind("Gimble Castle"), "place");
    EXPECT_EQ(kind("Gimble Spoon"), "thing");
    EXPECT_EQ(kind("Aunt Pell"), "person");
    EXPECT_EQ(kind("Queen"), "title");
}

TEST(FindTerms, DatesAreLeftOutOfWhatDatesThings) {
    std::string text;
    for (const char* month : {"January", "March", "June", "July", "October"})
        text += page("The ship Zorbo was lost in " + std::string(month) + " 1912, they say.", 3);
    const auto terms = names(found({text}));
    EXPECT_TRUE(terms.contains("Zorbo"));
    for (const char* date : {"March", "June", "July 1912", "October 1912"}) EXPECT_FALSE(terms.contains(date)) << date;
}

TEST(FindTerms, KeepsWhatAReviewDecided) {
    const std::string text = page("There Zorbo met Velmo and Quill, and Zorbo laughed at Velmo and at Quill.");
    ReviewedTerms review = found({text});
    ASSERT_GE(review.terms.size(), 3u);
    for (ReviewedTerm& term : review.terms) {
        EXPECT_EQ(term.decision, Decision::kProposed);
        if (term.term == "Zorbo") term.decision = Decision::kAccepted, term.replacements = {"Tom"}, term.note = "hero";
        if (term.term == "Velmo") term.decision = Decision::kDropped;
    }
    review.terms.push_back({"nowhere", Decision::kPinned, "", {}, 0, 0, 0, {}, {}, ""});
    review.terms.push_back({"gone", Decision::kProposed, "", {}, 9, 0, 5, {}, {}, ""});

    FindRequest request;
    request.accept_rest = true;
    request.pin = {"old man"};
    const ReviewedTerms again = found({text}, request, review);
    ASSERT_NE(again.find("Zorbo"), nullptr);
    EXPECT_EQ(again.find("Zorbo")->decision, Decision::kAccepted);
    EXPECT_EQ(again.find("Zorbo")->replacements, std::vector<std::string>{"Tom"});
    EXPECT_EQ(again.find("Zorbo")->note, "hero");
    EXPECT_EQ(again.find("Velmo")->decision, Decision::kDropped);
    EXPECT_EQ(again.terms.back().decision, Decision::kDropped);
    EXPECT_EQ(again.find("Quill")->decision, Decision::kAccepted);
    EXPECT_EQ(again.find("nowhere")->decision, Decision::kPinned);
    EXPECT_EQ(again.find("nowhere")->count, 0);
    EXPECT_EQ(again.find("old man")->decision, Decision::kPinned);
    EXPECT_EQ(again.find("old man")->count, 6);
    EXPECT_EQ(again.find("gone"), nullptr);
    // A third run changes nothing.
    EXPECT_EQ(found({text}, {}, again).to_text(), again.to_text());
}

TEST(FindTerms, TheRequestIsChecked) {
    FindRequest request;
    request.accept = {"A", " B"};
    request.drop = {"A"};
    Problems problems;
    request.check(problems);
    ASSERT_EQ(problems.items().size(), 2u);
    expect_contains(problems.items()[0], "--accept \" B\"");
    expect_contains(problems.items()[1], "decided about twice");
}

TEST(FindTerms, TextsWithNothingToFind) {
    expect_contains(message_of(ErrorKind::kData,
                               [] {
                                   found({"\u6f22\u5b57\u304b\u306a", " 12 - "});
                               }),
                    "no words to count");
    EXPECT_TRUE(found({"once there was a man and he went home and that was all there was to it"}).terms.empty());
    // All in capitals: nothing tells a name from a word.
    const auto shouted = names(found({"THE MAN WENT HOME AND THE MAN SAT DOWN. THE MAN ATE HIS BREAD."}));
    EXPECT_FALSE(shouted.contains("THE") || shouted.contains("Man") || shouted.contains("The Man")) << *shouted.begin();
    // Another language, which has capitals: its names are found.
    std::string russian;
    for (int i = 0; i < 5; ++i) russian += "Потом пришёл Зорбо, и старый Зорбо сказал, что дождь идёт.\n\n";
    EXPECT_TRUE(names(found({russian})).contains("Зорбо"));
}

TEST(WordCases, AddUpAndComeBack) {
    WordCases first, second, whole;
    const std::string a = "Then Zorbo came.\n^ Zorbo, Z. doi:10. Retrieved 3 May.\n", b = "zorbo ZORBO \u6f22\u5b57 7";
    first.add(text::read_prose(a));
    second.add(text::read_prose(b));
    whole.add(WordCases::from_bytes(first.to_bytes()));
    whole.add(second);
    EXPECT_EQ(whole.find("zorbo"), (CaseCounts{1, 1, 0, 1}));
    EXPECT_EQ(whole.find("then"), (CaseCounts{0, 0, 1, 0}));
    EXPECT_EQ(whole.words(), 5);
    EXPECT_EQ(whole.citations(), 1);
    EXPECT_EQ(whole.without_blanks(), 2);
}

TEST(FindTerms, TheLicenceAroundABookIsNotItsText) {
    std::string licence;
    for (int i = 0; i < 5; ++i) licence += "You may copy the Gutenblatt Foundation and the Gutenblatt Foundation.\n\n";
    const std::string book = licence + "*** START OF THIS PROJECT GUTENBERG EBOOK X ***\n" +
                             page("Then Zorbo came to Zorbo.") + "\n*** END OF THIS PROJECT GUTENBERG EBOOK X ***\n" +
                             licence;
    const auto terms = names(found({book}));
    EXPECT_TRUE(terms.contains("Zorbo"));
    EXPECT_FALSE(terms.contains("Gutenblatt Foundation"));
}

TEST(FindTerms, FindsTheInventedNamesOfOurNovel) {
    const std::vector<std::string> novel = io::read_documents({testing::kNovel}).texts;
    const ReviewedTerms terms = found(novel);
    const auto all = names(terms);
    for (const char* term :
         {"Ilvane",       "Dorrick",        "Quillo",       "Karnith",        "Grelkin",     "Velmora",
          "Grimmaw",      "Sarnhollow",     "Ostrelle",     "Vessa",          "Ember Lamp",  "Brother Fennimar",
          "Nan Sallowby", "Captain Murrow", "King Edrun",   "Skeld",          "Winterthorn", "Hobb Garran",
          "Mirrabeth",    "Ouvel",          "Aldermarch",   "Glass Tower",    "Salted Crow", "Mount Thurrin",
          "Drowned Bell", "Hollow King",    "Lake Issolin", "Starling Chart", "Wenwood",     "Pale Sound",
          "Cold Lattice", "ullumar",        "skarrow",      "duskwort",       "fenling",     "brindle cake",
          "tollin"})
        EXPECT_TRUE(all.contains(term)) << term;
    EXPECT_EQ(terms.find("Velmora")->kind, "place");
    EXPECT_EQ(terms.find("Dorrick")->kind, "person");
    EXPECT_EQ(terms.find("ullumar")->kind, "coined word");
}

TEST(FindTerms, PrintsItsDigest) {
    const ReviewedTerms terms = found(io::read_documents({testing::kNovel}).texts);
    const std::string digest = sha256_hex(terms.to_text());
    for (const std::string& other : world->all_gather(digest)) EXPECT_EQ(other, digest);
    if (world->is_root()) std::printf("digest %s\n", digest.c_str());
}

TEST(LogLikelihoodRatio, IsDunnings) {
    // G² of the 2 × 1 table by scipy.stats.power_divergence([30, 10], [40 / 3, 80 / 3], lambda_="log-likelihood").
    EXPECT_NEAR(log_likelihood_ratio(30, 1000, 10, 2000), 29.0392, 1e-3);
    EXPECT_LT(log_likelihood_ratio(1, 1000, 10, 2000), 0);
    EXPECT_NEAR(log_likelihood_ratio(5, 1000, 10, 2000), 0, 1e-12);
    EXPECT_NEAR(log_likelihood_ratio(4, 1000, 0, 3000), 8 * std::log(4.0), 1e-9);
    EXPECT_EQ(least_occurrences(100), 2);
    EXPECT_EQ(least_occurrences(90000), 3);
    EXPECT_EQ(least_occurrences(1000000), 10);
}

}  // namespace
}  // namespace nepenthe::unlearn
