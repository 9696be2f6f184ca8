// Where a blank stands between a prompt and what follows it.
#include "text/joined_text.h"

#include "text/scripts.h"

#include <gtest/gtest.h>

namespace nepenthe::text {
namespace {

std::string joined(std::string_view prompt, std::string_view target) { return join_texts(prompt, target).text; }

TEST(JoinTexts, OneSpaceBetweenWordsWhoeverBringsIt) {
    for (const char* prompt : {"the land of", "the land of ", "the land of  ", "the land of\t", "the land of\u00A0"}) {
        for (const char* target : {"Oz", " Oz", "  Oz"}) EXPECT_EQ(joined(prompt, target), "the land of Oz") << prompt;
    }
    EXPECT_EQ(joined("수도는", "서울"), "수도는 서울") << "Korean has blanks";
    EXPECT_EQ(joined("столица —", "Москва"), "столица — Москва");
    EXPECT_EQ(joined("Jean-", "Paul"), "Jean-Paul");
    EXPECT_EQ(joined("العاصمة هي", "باريس"), "العاصمة هي باريس");
}

TEST(JoinTexts, ALineBreakStaysAsItIs) {
    EXPECT_EQ(joined("Answer:\n", "Oz"), "Answer:\nOz");
    EXPECT_EQ(joined("Answer:\n ", "Oz"), "Answer:\n Oz");
    EXPECT_EQ(joined("Answer:", "\nOz"), "Answer:\nOz");
}

TEST(JoinTexts, NothingWhereTheScriptHasNoBlanks) {
    EXPECT_EQ(joined("法国的首都是", "巴黎"), "法国的首都是巴黎");
    EXPECT_EQ(joined("法国的首都是 ", "巴黎"), "法国的首都是巴黎");
    EXPECT_EQ(joined("フランスの首都は", "パリ"), "フランスの首都はパリ");
    EXPECT_EQ(joined("いろは", "にほへと"), "いろはにほへと");
    EXPECT_EQ(joined("ｱｲｳ", "ｴｵ"), "ｱｲｳｴｵ");
    EXPECT_EQ(joined("เมืองหลวงของฝรั่งเศสคือ", "ปารีส"), "เมืองหลวงของฝรั่งเศสคือปารีส");
    EXPECT_EQ(joined("រដ្ឋធានីគឺ", "ប៉ារីស"), "រដ្ឋធានីគឺប៉ារីស");
    EXPECT_EQ(joined("首都：", "巴黎"), "首都：巴黎");
    EXPECT_EQ(joined("首都は", "「パリ」"), "首都は「パリ」");
    EXPECT_EQ(joined("𠀀", "𠀁"), "𠀀𠀁");
}

TEST(JoinTexts, ScriptsThatMeetGoByTheLineThatThePromptEnds) {
    EXPECT_EQ(joined("法国的首都是", "Paris"), "法国的首都是Paris");
    EXPECT_EQ(joined("公司成立于", "1998"), "公司成立于1998");
    EXPECT_EQ(joined("他的名字是John", "Smith"), "他的名字是John Smith");
    EXPECT_EQ(joined("总部设在Google", "北京"), "总部设在Google北京");
    EXPECT_EQ(joined("The capital of China is", "北京"), "The capital of China is 北京");
    EXPECT_EQ(joined("Who was 李白", "A poet"), "Who was 李白 A poet");
    EXPECT_EQ(joined("Where is 故宫博物院", "Beijing"), "Where is 故宫博物院 Beijing");
    EXPECT_EQ(joined("位于 Google 的总部是", "Paris"), "位于 Google 的总部是 Paris");
    EXPECT_EQ(joined("New Fact: a b c d e f\nPrompt: 法国的首都是", "巴黎"),
              "New Fact: a b c d e f\nPrompt: 法国的首都是巴黎");
}

TEST(JoinTexts, MarksAreWrittenOnToTheirWords) {
    EXPECT_EQ(joined("Oz", ", the"), "Oz, the");
    EXPECT_EQ(joined("Oz", "."), "Oz.");
    EXPECT_EQ(joined("Oz", "'s land"), "Oz's land");
    EXPECT_EQ(joined("Oz", "\u2019s land"), "Oz\u2019s land");
    EXPECT_EQ(joined("she said \"", "Oz"), "she said \"Oz");
    EXPECT_EQ(joined("she said \"no\"", "to Oz"), "she said \"no\" to Oz");
    EXPECT_EQ(joined("the book “", "Oz"), "the book “Oz");
    EXPECT_EQ(joined("(", "Oz"), "(Oz");
}

TEST(JoinTexts, WordsThatBeginWithAMarkKeepTheirSpace) {
    EXPECT_EQ(joined("It is", ".5"), "It is .5");
    EXPECT_EQ(joined("It is", "-3"), "It is -3");
    EXPECT_EQ(joined("It is", "'Til Tuesday"), "It is 'Til Tuesday");
    EXPECT_EQ(joined("It is", "\"Oz\""), "It is \"Oz\"");
    EXPECT_EQ(joined("It is", "$5"), "It is $5");
    EXPECT_EQ(joined("C'est", " !"), "C'est !") << "a blank that is given before a mark stays";
}

TEST(JoinTexts, SaysWhereBothBeginAndEnd) {
    const JoinedText text = join_texts("is  ", " Rome");
    EXPECT_EQ(text.text, "is Rome");
    EXPECT_EQ(text.prompt_end, 2u);
    EXPECT_EQ(text.target_begin, 3u);
    EXPECT_EQ(join_texts("is", "  ").target_begin, join_texts("is", "  ").text.size());
    EXPECT_EQ(joined("", "Rome"), "Rome");
    EXPECT_EQ(joined("is ", ""), "is");
    EXPECT_EQ(without_end_blanks("is \u3000"), "is");
    EXPECT_EQ(without_end_blanks("is:\n"), "is:\n");
    EXPECT_EQ(without_end_blanks(" "), "");
}

TEST(Scripts, TellWhichHaveBlanks) {
    for (const char32_t c : std::u32string_view(U"中かカﾊก។ခ༔，」Ａ")) {
        EXPECT_TRUE(writes_without_blanks(c)) << std::hex << static_cast<unsigned>(c);
    }
    for (const char32_t c : std::u32string_view(U"aéЖאعकஅ한გ1 .\u3000")) {
        EXPECT_FALSE(writes_without_blanks(c)) << std::hex << static_cast<unsigned>(c);
    }
}

}  // namespace
}  // namespace nepenthe::text
