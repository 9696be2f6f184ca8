// One comparison form for all typography, and the way back to the original's bytes.
#include "text/folded_text.h"

#include <gtest/gtest.h>

#include <string>

namespace nepenthe::text {
namespace {

std::string folded(std::string_view original, Markup markup = Markup::kDropped) {
    return std::string(fold(original, markup).text());
}

// What the original holds where `part` first stands in the folded text; "" where one of its ends has no place there.
std::string original_of(std::string_view original, std::string_view part) {
    const AlignedText text = fold(original, Markup::kDropped);
    const std::size_t at = text.text().find(part);
    if (at == std::string_view::npos) return "not found";
    const auto range =
        original_range(text, {static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(at + part.size())});
    return range ? std::string(original.substr(range->begin, range->end - range->begin)) : "";
}

TEST(Fold, PlainTextStaysAsItIs) {
    for (const char* text : {"", "Mr. Vane nodded; \"yes,\" he said - 3*4=12.", "Ünïcödé", "中文、日本語。", "ก้",
                             "한국어", "x²", "½ ①", "😀"}) {
        EXPECT_EQ(folded(text, Markup::kKept), text);
    }
}

TEST(Fold, QuotesAndApostrophes) {
    for (const char* mark : {"'", "`", "´", "\u2018", "\u2019", "\u201A", "\u201B", "\u02BC", "\u02BB", "\u2032",
                             "\uFF07", "\u05F3", "\u055A", "\uA78C", "\u2039"}) {
        EXPECT_EQ(folded(std::string("Vane") + mark + "s"), "Vane's") << mark;
    }
    for (const char* mark : {"\"", "\u201C", "\u201D", "\u201E", "\u201F", "\u2033", "\uFF02", "\u00AB"}) {
        EXPECT_EQ(folded(std::string("a") + mark + "b"), "a\"b") << mark;
    }
}

TEST(Fold, DashesAndMiddleDots) {
    for (const char* mark : {"-", "\u2010", "\u2011", "\u2012", "\u2013", "\u2014", "\u2015", "\u2212", "\uFE63",
                             "\uFF0D", "--", "---", "\u2014\u2014"}) {
        EXPECT_EQ(folded(std::string("a") + mark + "b"), "a-b") << mark;
    }
    for (const char* mark : {"·", "•", "‧", "∙", "・", "･"}) {
        EXPECT_EQ(folded(std::string("哈利") + mark + "波特"), "哈利·波特") << mark;
    }
}

TEST(Fold, WhiteSpace) {
    for (const char* blank : {" ", "  ", "\t", "\n", " \n  ", "\r\n", "\r", "\u00A0", "\u202F", "\u2009", "\u2003",
                              "\u3000", "\u2028", "\u200B \u200B "}) {
        EXPECT_EQ(folded(std::string("Mr.") + blank + "Vane"), "Mr. Vane") << blank;
    }
    for (const char* gap : {"\n\n", "\n \n", "\r\n\r\n", "\u2029", "\r\r"}) {
        EXPECT_EQ(folded(std::string("Mr.") + gap + "Vane"), "Mr.\nVane") << gap;
    }
    EXPECT_EQ(folded("哈\n利"), "哈利");
    EXPECT_EQ(folded("哈 利"), "哈 利");
    EXPECT_EQ(folded("哈\n\n利"), "哈\n利");
}

TEST(Fold, InvisibleCharactersAndHyphensAtLineEnds) {
    for (const char* hidden : {"\u00AD", "\u200B", "\u200C", "\u200D", "\u2060", "\uFEFF", "\u200E", "\u202B", "\uFE0F",
                               "\u034F", "\u00AD\n", "\u00AD \r\n "}) {
        EXPECT_EQ(folded(std::string("Hal") + hidden + "cyon"), "Halcyon") << hidden;
    }
    EXPECT_EQ(folded("Hal-\ncyon"),
              "Hal\x01"
              "cyon");
    EXPECT_EQ(folded("Hal\u2010\r\n  cyon"),
              "Hal\x01"
              "cyon");
    EXPECT_EQ(folded("he said -\nyes"), "he said - yes");
    EXPECT_EQ(folded("Hal-\n\ncyon"), "Hal-\ncyon");
}

TEST(Fold, NormalFormsLigaturesAndWidths) {
    EXPECT_EQ(folded("Zoe\u0308"), "Zoë");
    EXPECT_EQ(folded("o\u0323\u0302"), folded("ộ"));
    EXPECT_EQ(folded("o\u0302\u0323"), folded("ộ")) << "marks in another order";
    EXPECT_EQ(folded("\u212Bngstr\u00F6m"), "Ångström");
    EXPECT_EQ(folded("\u1112\u1162\u1105\u1175"), "해리");
    EXPECT_EQ(folded("\uFB01n \uFB02y o\uFB03ce"), "fin fly office");
    EXPECT_EQ(folded("\u017Fhip"), "ship");
    EXPECT_EQ(folded("\uFF28\uFF41\uFF4C\uFF43\uFF59\uFF4F\uFF4E"), "Halcyon");
    EXPECT_EQ(folded("\uFF8A\uFF98\uFF70\uFF76\uFF9E"), "ハリーガ");
    EXPECT_EQ(folded("カ\u3099"), "ガ");
    EXPECT_EQ(folded("\U0001D407al"), "Hal");
    EXPECT_EQ(folded("\uFEF3\uFE8E"), folded("\u064A\u0627"));
    EXPECT_EQ(folded("مـحمد"), "محمد");
    EXPECT_EQ(folded("10\u00B2 \u00BC \u2460"), "10\u00B2 \u00BC \u2460");
}

TEST(Fold, MarkupAroundWords) {
    for (const char* marked : {"_Halcyon_", "*Halcyon*", "**Halcyon**", "__Halcyon__", "***Halcyon***", "_*Halcyon*_",
                               "**H**alcyon", "_Halcy_on"}) {
        EXPECT_EQ(folded(std::string("the ") + marked + "."), "the Halcyon.") << marked;
        EXPECT_EQ(folded(marked), "Halcyon") << marked;
    }
    EXPECT_EQ(folded("_The Halcyon_ and _Port_ _Ellery_"), "The Halcyon and Port Ellery");
    EXPECT_EQ(folded("the _Halcyon_'s and _Halcyon_s"), "the Halcyon's and Halcyons");
    EXPECT_EQ(folded("snake_case M*A*S*H 2 * 3 * * *\n* item"), "snake_case M*A*S*H 2 * 3 * * * * item");
    EXPECT_EQ(folded("_Halcyon_", Markup::kKept), "_Halcyon_");
}

TEST(Fold, EveryByteKnowsItsOriginal) {
    EXPECT_EQ(original_of("in the _Halcyon_ for", "Halcyon"), "Halcyon");
    EXPECT_EQ(original_of("_Port_\u00A0_Ellery_!", "Port Ellery"), "Port_\u00A0_Ellery");
    EXPECT_EQ(original_of("a\u00ADb Hal\u00ADcyon\u00AD x", "Halcyon"), "Hal\u00ADcyon");
    EXPECT_EQ(original_of("é Zoe\u0308 x", "Zoë"), "Zoe\u0308");
    EXPECT_EQ(original_of("at Corrigan\u2019s \n Gate.", "Corrigan's Gate"), "Corrigan\u2019s \n Gate");
    EXPECT_EQ(original_of("\uFB01n", "fin"), "\uFB01n");
    EXPECT_EQ(original_of("\uFB01n", "in"), "") << "begins inside a ligature";
    EXPECT_EQ(original_of("ha\uFB01n", "haf"), "") << "ends inside a ligature";
    EXPECT_EQ(original_of("x -- y", "-"), "--");
}

TEST(Fold, OffsetsGrowAndCoverTheOriginal) {
    std::string text;
    for (const char* piece : {"_A_ b\u00ADc ", "\uFB03", "e\u0301\u0323 ", "中\n文 ", "x--y\u2019s\n\n",
                              "\U0001D407* *", "**q**r", "\u1112\u1162", "-\nz"}) {
        text += piece;
    }
    const AlignedText result = fold(text, Markup::kDropped);
    std::uint32_t last = 0;
    for (std::size_t i = 0; i < result.text().size(); ++i) {
        const Offset span = result.span(i);
        EXPECT_LE(last, span.begin);
        EXPECT_LT(span.begin, span.end);
        EXPECT_LE(span.end, text.size());
        EXPECT_FALSE(is_continuation_byte(text[span.begin]));
        last = span.begin;
    }
}

}  // namespace
}  // namespace nepenthe::text
