// Terms in whatever form they are written: other typography, marked up, scripts without blanks, inflected.

#include "unlearn/anchors/dictionary_check.h"
#include "unlearn/anchors/term_matcher.h"
#include "unlearn/anchors/translation.h"

#include <gtest/gtest.h>

namespace nepenthe::unlearn {
namespace {

Dictionary dictionary_of(const std::vector<std::string>& terms) {
    Dictionary dictionary;
    for (const std::string& term : terms) dictionary.entries.push_back({term, {"Miller"}});
    return dictionary;
}

using Found = std::vector<std::string>;

Found found_in(const std::vector<std::string>& terms, const std::string& text, MatchRules rules = {}) {
    const Dictionary dictionary = dictionary_of(terms);
    Found out;
    for (const TermMatch& match : TermMatcher(dictionary, rules).find_all(text)) {
        out.push_back(text.substr(match.begin, match.end - match.begin));
    }
    return out;
}

// The text with every occurrence replaced.
std::string translated(const std::string& term, const std::string& replacement, const std::string& text) {
    const Dictionary dictionary = dictionary_of({term});
    std::string out;
    std::size_t copied = 0;
    for (const TermMatch& match : TermMatcher(dictionary, {}).find_all(text)) {
        out += text.substr(copied, match.begin - copied);
        out += replacement_like(replacement, match.inflection, match.casing,
                                text.substr(match.begin, match.end - match.begin));
        copied = match.end;
    }
    return out + text.substr(copied);
}

TEST(Typography, TextAndDictionaryMeetInEitherForm) {
    const std::pair<const char*, const char*> pairs[] = {
        {"Corrigan's Gate", "Corrigan\u2019s Gate"},
        {"Corrigan's Gate", "Corrigan\u02BCs Gate"},
        {"Corrigan's Gate", "Corrigan\u2032s\nGate"},
        {"O'Brien", "O\u2018Brien"},
        {"Mr. Vane", "Mr.\u00A0Vane"},
        {"Mr. Vane", "Mr.\u202FVane"},
        {"Mr. Vane", "Mr.\u2009Vane"},
        {"Mr. Vane", "Mr.  \n  Vane"},
        {"Mr. Vane", "Mr.\u3000Vane"},
        {"Mr. Vane", "\uFF2D\uFF52\uFF0E \uFF36\uFF41\uFF4E\uFF45"},
        {"Port-Ellery", "Port\u2010Ellery"},
        {"Port-Ellery", "Port\u2011Ellery"},
        {"Port-Ellery", "Port\u2013Ellery"},
        {"Port-Ellery", "Port\u2212Ellery"},
        {"Port-Ellery", "Port-\nEllery"},
        {"Halcyon", "Hal\u00ADcyon"},
        {"Halcyon", "Hal\u200Bcyon"},
        {"Halcyon", "Hal-\ncyon"},
        {"Zoë Carême", "Zoe\u0308 Care\u0302me"},
        {"The \"Fox\"", "The \u201CFox\u201D"},
        {"The \"Fox\"", "The \u00ABFox\u00BB"},
        {"Griffin", "Gri\uFB03n"},
        {"Flint", "\uFB02int"},
        {"Halcyon", "\U0001D407\U0001D41A\U0001D425\U0001D41C\U0001D432\U0001D428\U0001D427"},
    };
    for (const auto& [term, written] : pairs) {
        const std::string text = std::string("I saw ") + written + ", twice";
        EXPECT_EQ(found_in({term}, text), (Found{written})) << term << " in " << text;
        if (std::string(written) == "Hal-\ncyon") continue;  // a term that is broken so says nothing of its hyphen
        EXPECT_EQ(found_in({written}, std::string("I saw ") + term + ", twice"), (Found{term})) << written;
    }
    EXPECT_EQ(found_in({"Mr. Vane"}, "Mr.\n\nVane"), Found{}) << "two paragraphs";
    EXPECT_EQ(found_in({"Halcyon"}, "\uFEFFHalcyon"), (Found{"Halcyon"}));
    EXPECT_EQ(found_in({"ine"}, "\uFB01ne"), Found{}) << "inside a ligature";
    EXPECT_EQ(found_in({"Zoe"}, "Zoë Zoe\u0308"), Found{}) << "an accent is another letter";
}

TEST(Typography, MarkedUpTerms) {
    const std::vector<std::string> terms{"Halcyon", "Tarrant", "Port Ellery"};
    EXPECT_EQ(found_in(terms, "the _Halcyon_ and *Tarrant* of **Port Ellery**, __Halcyon__, ***Tarrant***"),
              (Found{"Halcyon", "Tarrant", "Port Ellery", "Halcyon", "Tarrant"}));
    EXPECT_EQ(found_in(terms, "_The Halcyon_ _of Port\nEllery_, Mr. _Tarrant_'s"),
              (Found{"Halcyon", "Port\nEllery", "Tarrant"}));
    EXPECT_EQ(found_in(terms, "**H**alcyon _Port_ _Ellery_ _Port_ Ellery Port **Ellery**"),
              (Found{"**H**alcyon", "Port_ _Ellery", "_Port_ Ellery", "Port **Ellery**"}));
    EXPECT_EQ(
        found_in(terms, "<i>Halcyon</i> [Tarrant](x) ~~Halcyon~~ `Tarrant` #Halcyon \u201CTarrant\u201D Halcyon\u00B2"),
        (Found{"Halcyon", "Tarrant", "Halcyon", "Tarrant", "Halcyon", "Tarrant", "Halcyon"}));
    EXPECT_EQ(found_in(terms, "my_Halcyon_x Halcyon9"), Found{});
    EXPECT_EQ(found_in({"_Halcyon_"}, "the Halcyon"), (Found{"Halcyon"})) << "a dictionary may bring marks too";
    EXPECT_EQ(translated("Halcyon", "Swallow", "in the _Halcyon_."), "in the _Swallow_.");
    EXPECT_EQ(translated("Port Ellery", "the harbour", "_Port_ _Ellery_, _Port_ Ellery"), "_the harbour_, the harbour");
}

TEST(Typography, ScriptsWithoutBlanks) {
    EXPECT_EQ(found_in({"哈利"}, "我是哈利波特，哈利！"), (Found{"哈利", "哈利"}));
    EXPECT_EQ(found_in({"哈利·波特"}, "他叫哈利•波特。哈利・波特来了"), (Found{"哈利•波特", "哈利・波特"}));
    EXPECT_EQ(found_in({"哈利"}, "这是哈\n利的书"), (Found{"哈\n利"})) << "a line is broken anywhere";
    EXPECT_EQ(found_in({"ハリー"}, "それはハリーの本、ﾊﾘｰだ"), (Found{"ハリー", "ﾊﾘｰ"}));
    EXPECT_EQ(found_in({"はるか"}, "そこにはるかがいた"), (Found{"はるか"}));
    EXPECT_EQ(found_in({"แฮร์รี่"}, "ผมชื่อแฮร์รี่พอตเตอร์"), (Found{"แฮร์รี่"}));
    EXPECT_EQ(found_in({"กาน"}, "กานต์ กาน้ำ"), Found{"กาน"}) << "not where a mark goes on with its last letter";
    EXPECT_EQ(found_in({"Paris"}, "我住在Paris市"), (Found{"Paris"}));
    EXPECT_EQ(found_in({"张"}, "张三"), Found{}) << "a single syllable is too short";
    EXPECT_EQ(translated("哈利", "小明", "我是哈利波特"), "我是小明波特");
}

TEST(Typography, KoreanParticles) {
    EXPECT_EQ(found_in({"해리"}, "해리는 해리가 해리에게도 해리, 해리포터 대해리"),
              (Found{"해리는", "해리가", "해리", "해리"}));
    EXPECT_EQ(found_in({"해리"}, "\u1112\u1162\u1105\u1175 왔다"), (Found{"\u1112\u1162\u1105\u1175"}));
    EXPECT_EQ(translated("해리", "민준", "해리는 해리와 해리를 해리로 해리의"), "민준은 민준과 민준을 민준으로 민준의");
    EXPECT_EQ(translated("민준", "철", "민준으로 민준이"), "철로 철이");
    EXPECT_EQ(translated("Ron", "Tom", "Ron은 Ron에게"), "Tom은 Tom에게");
}

TEST(Inflections, AreReplacedWhereThereIsARule) {
    EXPECT_EQ(translated("Dursley", "Miller", "the Dursleys, the Dursleys' car, Dursley's, DURSLEYS"),
              "the Millers, the Millers' car, Miller's, MILLERS");
    EXPECT_EQ(translated("Dursley", "Jones", "two Dursleys\u2019 cars"), "two Joneses\u2019 cars");
    EXPECT_EQ(translated("Halcyon", "ship of fools", "Halcyons, HALCYON'S, Halcyon\u2019s"),
              "ships of fools, SHIP OF FOOLS'S, ship of fools\u2019s");
    EXPECT_EQ(translated("elf", "dwarf", "elves, Elves and one elf"), "dwarves, Dwarves and one dwarf");
    EXPECT_EQ(translated("fairy", "dragonfly", "fairies Fairy"), "dragonflies Dragonfly");
    EXPECT_EQ(translated("Kennedy", "Murphy", "the Kennedys"), "the Murphys");
    EXPECT_EQ(translated("Tin Woodman", "Iron Smith", "two Tin Woodmen"), "two Iron Smiths");
    EXPECT_EQ(translated("Witch of the West", "Queen", "Witches of the West"), "Queens");
    EXPECT_EQ(translated("Fox", "Wolf", "Foxes"), "Wolves");
    EXPECT_EQ(translated("Fox", "Herman", "Foxes"), "Hermans");
    EXPECT_EQ(translated("Zoë", "Anna", "two Zoës"), "two Annas");
    EXPECT_EQ(found_in({"Wood"}, "the woods, the Woods"), (Found{"Woods"})) << "a name in lower case is another word";
    EXPECT_EQ(found_in({"Dursley"}, "Dursleys", {.inflections = false}), Found{});
}

TEST(Inflections, ABareApostropheIsAPossessiveBeforeAWord) {
    EXPECT_EQ(translated("Dobbs", "Miller", "in Dobbs' house"), "in Miller's house");
    EXPECT_EQ(translated("Dobbs", "Miller", "in Dobbs\u2019 house"), "in Miller\u2019s house");
    EXPECT_EQ(translated("Dobbs", "Jones", "in Dobbs' house"), "in Jones' house");
    EXPECT_EQ(translated("Dobbs", "Miller", "'I saw Dobbs' he said"), "'I saw Miller' he said");
    EXPECT_EQ(translated("Dobbs", "Miller", "it is Dobbs'."), "it is Miller'.");
    EXPECT_EQ(translated("Dobbs", "Miller", "_Dobbs_' house"), "_Miller_' house");
}

TEST(Inflections, ApostrophesFollowTheText) {
    EXPECT_EQ(translated("Corrigan's Gate", "Miller's Row", "at Corrigan\u2019s Gate"), "at Miller\u2019s Row");
    EXPECT_EQ(translated("Corrigan\u2019s Gate", "Miller's Row", "at Corrigan's Gate"), "at Miller's Row");
}

// Whole blocks: what is no term stays as it is, byte for byte, and every label keeps its place.
TEST(Typography, TranslationKeepsTheTextAround) {
    const auto tokenizer = text::Tokenizer::load(NEPENTHE_SOURCE_DIR "/tests/golden/toy_tokenizer");
    const Dictionary dictionary = parse_dictionary(R"({"Harry": ["Jon"], "Harry Potter": ["Tom Mystic"]})", "test");
    const std::string document =
        "Harry saw _Harry_\u2019s Har\u00ADry \u2014 the Harry\u00A0Potter, two Harrys and **Harry\n  Potter**\u2026 "
        "HARRY";
    for (const std::int64_t length : {256, 24, 9}) {
        const text::Corpus corpus = cut_corpus({document}, tokenizer, length, Rules::kImproved);
        const auto translator = make_translator(Rules::kImproved, dictionary, tokenizer, corpus, 1);
        std::size_t hits = 0;
        for (std::size_t block = 0; block < corpus.blocks.size(); ++block) {
            const text::TokenBlock& source = corpus.blocks[block];
            const TranslatedBlock out = translator->translate(block);
            hits += out.hits.size();
            std::vector<bool> in_term(source.ids.size(), false);
            for (const AnchorHit& hit : out.hits) {
                for (std::uint32_t i = 0; i < hit.source_length; ++i) in_term[hit.source + i] = true;
                const text::Offset first = source.offsets[hit.source];
                EXPECT_NE(document.substr(first.begin, first.end - first.begin).find_first_of("Hh"), std::string::npos);
            }
            std::int32_t before = -1;
            for (std::size_t i = 0; i < out.map.size(); ++i) {
                if (out.map[i] == kNoPosition) continue;
                EXPECT_GT(out.map[i], before);
                before = out.map[i];
                if (in_term[i]) continue;
                EXPECT_EQ(out.tokens.at(static_cast<std::size_t>(before)), source.ids[i]);
            }
            if (length == 256) {
                EXPECT_EQ(tokenizer.decode(out.tokens, true),
                          "Jon saw _Jon_\u2019s Jon \u2014 the Tom Mystic, two Jons and **Tom Mystic**\u2026 JON");
            }
        }
        EXPECT_GT(hits, 3u);
        if (length == 256) {
            EXPECT_EQ(hits, 7u);
        }
    }
}

TEST(TermMatcher, CapitalsOfSharpS) {
    EXPECT_EQ(found_in({"Große Straße"}, "GROSSE STRASSE, GROẞE STRAẞE"), (Found{"GROSSE STRASSE", "GROẞE STRAẞE"}));
}

TEST(DictionaryCheck, SaysWhatWasFoundInWhichForm) {
    const Dictionary dictionary = dictionary_of(
        {"Halcyon", "Port Ellery", "Corrigan's Gate", "Corrigan\u2019s Gate", "Hermiona", "Munchkins", "Nowhere"});
    const std::vector<std::string> documents{
        "The _Halcyon_, two Halcyons, a HALCYON, Halcyonic Halcyonic, Halcyonically. Port\u00A0Ellery, Port\nEllery.\n",
        "Corrigan\u2019s Gate. Hermiony Munchkin Munchkins\n"};
    const DictionaryReport report = check_dictionary(dictionary, nullptr, &documents);
    const TermReport& ship = report.terms[0];
    EXPECT_EQ(ship.hits, 3);
    EXPECT_EQ(ship.marked_up, 1);
    EXPECT_EQ(ship.inflected, 1);
    EXPECT_EQ(ship.other_casing, 1);
    EXPECT_EQ(ship.other_typography, 0);
    ASSERT_EQ(ship.forms.size(), 3u);
    ASSERT_EQ(ship.uncovered.size(), 1u);
    EXPECT_EQ(ship.uncovered[0].text, "Halcyonic");
    EXPECT_EQ(ship.uncovered[0].count, 2);
    EXPECT_EQ(report.terms[1].hits, 2);
    EXPECT_EQ(report.terms[1].other_typography, 1) << "a line break is no other typography";
    EXPECT_EQ(report.terms[2].hits, 1);
    EXPECT_EQ(report.terms[2].other_typography, 1);
    EXPECT_EQ(report.count(Finding::kTypographyTwin), 1);
    EXPECT_EQ(report.terms[4].uncovered.at(0).text, "Hermiony");
    EXPECT_EQ(report.terms[5].uncovered.at(0).text, "Munchkin");
    EXPECT_EQ(report.count(Finding::kUncovered), 3);
    EXPECT_EQ(report.count(Finding::kNoHit), 3);
    const Json json = report.to_json();
    EXPECT_EQ(json["rows"][0]["forms"].size(), 3u);
    EXPECT_EQ(json["rows"][0]["without_a_rule"][0]["text"], "Halcyonic");
    EXPECT_EQ(json["rows"][1]["hits_in_other_typography"], 1);
    EXPECT_EQ(json["words_without_a_rule"], 4);
    const std::string text = report.to_text();
    EXPECT_NE(text.find("inflections without a rule: Halcyonic (2)"), std::string::npos) << text;
    EXPECT_NE(text.find("Port Ellery                     Port Ellery (1), Port\u00A0Ellery (1)"), std::string::npos)
        << text;
}

}  // namespace
}  // namespace nepenthe::unlearn
