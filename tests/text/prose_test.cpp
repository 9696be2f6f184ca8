// Running text as words: where a capital says something, and what is no word.

#include "text/prose.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace nepenthe::text {
namespace {

// The words of a passage, those that open marked with "^", the joint to the one before in front.
std::string shown(const Prose& prose) {
    std::string out;
    for (const ProseWord& word : prose.words) {
        const char joint = std::string_view("|_.'")[static_cast<std::size_t>(word.joint)];
        out += joint + std::string(word.opens ? "^" : "") + word.text + (word.clitic ? "+" : "");
    }
    return out;
}
std::string shown(std::string_view passage) { return shown(read_prose(passage)); }

TEST(Prose, KnowsWhereSentencesAndQuotationsBegin) {
    EXPECT_EQ(shown("The cat sat. Then Alice, who ran, said: \"Come here!\" Bill came."),
              "|^The_cat_sat|^Then_Alice|who_ran|said|^Come_here|^Bill_came");
    EXPECT_EQ(shown("\u201cWell,\u201d Peter said, \u2018no way\u2019."), "|^Well|Peter_said|^no_way");
    EXPECT_EQ(shown("It was (Wendy thought) late"), "|^It_was|^Wendy_thought|late");
}

TEST(Prose, TitlesAndInitialsEndNoSentence) {
    EXPECT_EQ(shown("Here Mrs. Darling met L. Frank Baum."), "|^Here_Mrs.Darling_met_L.Frank_Baum");
    EXPECT_EQ(shown("It was I. Then he left."), "|^It_was_I|^Then_he_left");
}

TEST(Prose, EndingsComeOffWords) {
    EXPECT_EQ(shown("a girl's hat, Dinah\u2019ll don't Marooners' Rock"), "|^a_girl+_hat|Dinah+_don't_Marooners'Rock");
    const Prose prose = read_prose("Hal\u2019s");
    ASSERT_EQ(prose.words.size(), 1u);
    EXPECT_EQ(prose.words[0].end - prose.words[0].begin, 3u);
}

TEST(Prose, HyphensJoinAndDashesPart) {
    EXPECT_EQ(shown("a rabbit-hole\u2014Alice--and Oz"), "|^a_rabbit-hole|Alice|and_Oz");
}

TEST(Prose, WrappedLinesGoOnAndShortOnesEnd) {
    const std::string line = "Now the old man of the long sea road went on and on to the far Emerald";
    EXPECT_EQ(read_prose(line + "\nCity and never\n" + line).words[15].opens, false);
    // Verse: every line opens.
    const Prose verse = read_prose(line + "\n\nHow doth the little\nCrocodile improve\nHis shining tail\n\n" + line);
    for (const ProseWord& word : verse.words) {
        if (word.text == "Crocodile" || word.text == "His") {
            EXPECT_TRUE(word.opens) << word.text;
        }
    }
    // A text with a line a paragraph: every line break ends one.
    const std::string paragraph = line + " " + line;
    EXPECT_TRUE(read_prose(paragraph + "\nMars").words.back().opens);
}

TEST(Prose, HeadingsSayNothingOfCapitals) {
    for (const ProseWord& word : read_prose("The Rescue of the Tin Woodman\n\nHe saw the Tin Woodman.").words) {
        if (word.begin < 29) {
            EXPECT_TRUE(word.opens) << word.text;
        }
        if (word.begin > 45) {
            EXPECT_FALSE(word.opens) << word.text;
        }
    }
}

TEST(Prose, LeavesOutCitationsNotesAndAddresses) {
    const std::string body =
        "Mars has two small moons that were seen in the summer by an astronomer.[12] Earth has one.";
    const Prose prose =
        read_prose(body + "\n^ Hall, A. (1878). \"Observations\". Bibcode:1877AN. Retrieved 3 May 2001.\n" + body);
    EXPECT_EQ(prose.citations, 1);
    for (const ProseWord& word : prose.words) {
        EXPECT_NE(word.text, "Hall");
        EXPECT_NE(word.text, "12");
        if (word.text == "Earth") {
            EXPECT_TRUE(word.opens);
        }
    }
    EXPECT_EQ(shown("see example.org/Wendy now"), "|^see_example_now");
}

TEST(Prose, CountsWhatItCannotPart) {
    const Prose prose = read_prose("アリスは Alice と");
    ASSERT_EQ(prose.words.size(), 1u);
    EXPECT_EQ(prose.words[0].text, "Alice");
    EXPECT_GT(prose.without_blanks, 0);
    EXPECT_TRUE(read_prose("").words.empty());
    EXPECT_TRUE(read_prose(" \n\n- \u2014 ...").words.empty());
}

TEST(Prose, TellsCases) {
    const Prose prose = read_prose("x NASA McFly 42nd \u00c9lan o'Hara J2000");
    const std::vector<WordCase> cases{WordCase::kLower,   WordCase::kUpper, WordCase::kCapital, WordCase::kNumber,
                                      WordCase::kCapital, WordCase::kLower, WordCase::kCapital};
    ASSERT_EQ(prose.words.size(), cases.size());
    for (std::size_t i = 0; i < cases.size(); ++i) EXPECT_EQ(prose.words[i].written, cases[i]) << prose.words[i].text;
}

TEST(OwnWords, AreWithoutTheLicenceAroundABook) {
    const std::string book =
        "Title\n\n*** START OF THIS PROJECT GUTENBERG EBOOK X ***\nOnce.\n*** END OF THIS PROJECT "
        "GUTENBERG EBOOK X ***\nLicence";
    EXPECT_EQ(own_words(book), "\nOnce.\n");
    EXPECT_EQ(own_words("*** START OF THE PROJECT GUTENBERG EBOOK X ***\nOnce."), "\nOnce.");
    EXPECT_EQ(own_words("Once."), "Once.");
}

TEST(Passages, CutAtBlankLinesAndLoseNothing) {
    std::string document;
    for (int i = 0; i < 50; ++i) document += "A line of some words.\n" + std::string(i % 3 == 0 ? "\n" : "");
    std::string together;
    const auto cut = passages(document, 100);
    EXPECT_GT(cut.size(), 5u);
    for (const std::string_view passage : cut) {
        EXPECT_LE(passage.size(), 220u);
        together += passage;
    }
    EXPECT_EQ(together, document);
    EXPECT_EQ(passages(std::string(1000, 'x'), 100).size(), 1u);
}

}  // namespace
}  // namespace nepenthe::text
