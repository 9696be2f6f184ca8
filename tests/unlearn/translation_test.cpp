// Translation: goldens written by hand from specs unlearning.md §2.3 and §2.8 on a toy tokenizer
// (tests/golden/make_toy_tokenizer.py), and the invariants of §16.3 on a whole novel with tokenizers of every kind.

#include "unlearn/anchors/translation.h"

#include "base/error.h"
#include "io/text.h"
#include "material.h"
#include "published_data.h"
#include "unlearn/anchors/improved_translation.h"
#include "unlearn/anchors/published_translation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace nepenthe::unlearn {
namespace {

const text::Tokenizer& toy() {
    static const auto tokenizer = text::Tokenizer::load(NEPENTHE_SOURCE_DIR "/tests/golden/toy_tokenizer");
    return tokenizer;
}

std::vector<text::TokenId> ids(const std::vector<std::string>& tokens) {
    std::vector<text::TokenId> out;
    for (const std::string& token : tokens) {
        const auto id = toy().id(token);
        EXPECT_TRUE(id.has_value()) << token;
        out.push_back(id.value_or(-1));
    }
    return out;
}

std::vector<std::string> names(const std::vector<text::TokenId>& tokens) {
    std::vector<std::string> out;
    for (const text::TokenId id : tokens) out.push_back(toy().token(id));
    return out;
}

using Names = std::vector<std::string>;
using Map = std::vector<std::int32_t>;

ForbiddenToken forbid(std::uint32_t after, const std::string& token) { return {after, ids({token})[0]}; }

std::vector<ForbiddenToken> settled(std::vector<ForbiddenToken> items) {
    TranslatedBlock block;
    block.forbidden = std::move(items);
    block.settle_forbidden();
    return block.forbidden;
}

TranslatedBlock published(const std::string& dictionary_text, const Names& source, std::uint64_t block = 0) {
    const Dictionary dictionary = parse_dictionary(dictionary_text, "test");
    const text::Corpus none;
    return PublishedTranslator(dictionary, toy(), none, 1).translate_tokens(ids(source), block);
}

TEST(PublishedTranslation, FollowsTheScanStepByStep) {
    const TranslatedBlock out =
        published(R"({"Harry": ["Jon"], "Hog": ["Mystic Academy"]})",
                  {"<s>", "▁Harry", "▁saw", "▁Hog", "w", "▁and", "▁Harry", "▁Potter", "<0x0A>", "Harry", "▁went"});
    EXPECT_EQ(names(out.tokens), (Names{"<s>", "▁Jon", "▁saw", "▁Mystic", "▁Academy", "w", "▁and", "▁Jon", "▁Potter",
                                        "<0x0A>", "Jon", "▁went"}));
    // No word boundary: "Hogw" is translated. The positions before the second and third Harry are ignored.
    EXPECT_EQ(out.map, (Map{0, 1, 2, 4, 5, -1, 7, 8, -1, 10, 11}));
    EXPECT_EQ(out.forbidden, settled({forbid(1, "▁Jon"), forbid(1, "Jon"), forbid(3, "▁Mystic"), forbid(3, "Mystic"),
                                      forbid(7, "▁Jon"), forbid(7, "Jon"), forbid(10, "▁Jon"), forbid(10, "Jon")}));
    EXPECT_EQ(out.hits,
              (std::vector<AnchorHit>{
                  {1, 1, 1, 1, 0, 0, 0}, {3, 1, 3, 2, 1, 0, 0}, {6, 1, 7, 1, 0, 0, 1}, {9, 1, 10, 1, 0, 0, 1}}));
}

TEST(PublishedTranslation, FirstInInsertionOrderWinsNotTheLongest) {
    const Names source{"▁saw", "▁Harry", "▁Potter", "▁went"};
    const TranslatedBlock shadowed = published(R"({"Harry": ["Jon"], "Harry Potter": ["Tom"]})", source);
    EXPECT_EQ(names(shadowed.tokens), (Names{"▁saw", "▁Jon", "▁Potter", "▁went"}));
    const TranslatedBlock longer = published(R"({"Harry Potter": ["Tom"], "Harry": ["Jon"]})", source);
    EXPECT_EQ(names(longer.tokens), (Names{"▁saw", "▁Tom", "▁went"}));
    EXPECT_EQ(longer.map, (Map{0, -1, 1, 2}));
    const auto hidden =
        unreachable_terms(parse_dictionary(R"({"Harry": ["Jon"], "Harry Potter": ["Tom"]})", "t"), toy());
    ASSERT_EQ(hidden.size(), 1u);
    EXPECT_EQ(hidden[0], (std::pair<std::size_t, std::size_t>{1, 0}));
}

TEST(PublishedTranslation, AMatchMustLieInsideTheBlock) {
    const TranslatedBlock out = published(R"({"Harry Potter": ["Tom"]})", {"▁saw", "▁Harry"});
    EXPECT_EQ(names(out.tokens), (Names{"▁saw", "▁Harry"}));
    EXPECT_TRUE(out.hits.empty());
}

TEST(PublishedTranslation, VariantsAreDrawnIndependentlyPerBlock) {
    const Names source{"▁Harry", "<0x0A>", "Harry", "▁and", "▁Harry"};
    std::set<std::pair<std::string, std::string>> seen;
    for (std::uint64_t block = 0; block < 64; ++block) {
        const TranslatedBlock out = published(R"({"Harry": ["Jon", "Tom"]})", source, block);
        const Names tokens = names(out.tokens);
        EXPECT_EQ(tokens[0], tokens[4]);  // the same variant, the same replacement
        seen.insert({tokens[0], tokens[2]});
    }
    EXPECT_EQ(seen.size(), 4u);  // the two variants of one term differ in some blocks
}

TEST(PublishedCut, SlicesOf10000CharactersLastBlockDropped) {
    std::string document;
    while (document.size() < 25'000) document += "Harry saw the Lord and went to Tom ";
    const text::Corpus corpus = cut_published({document}, toy(), 64);
    const std::size_t slices = (document.size() + 9'999) / 10'000;
    std::size_t tokens = 0;
    for (std::size_t begin = 0; begin < document.size(); begin += 10'000) {
        tokens += toy().encode_ids(document.substr(begin, 10'000), true).size();
    }
    EXPECT_EQ(corpus.blocks.size(), (tokens + 63) / 64 - 1);
    std::size_t bos = 0, first_is_bos = 0;
    for (const auto& block : corpus.blocks) {
        EXPECT_EQ(block.ids.size(), 64u);
        bos += static_cast<std::size_t>(std::count(block.ids.begin(), block.ids.end(), 1));
        first_is_bos += block.ids.front() == 1;
    }
    EXPECT_EQ(bos, slices);
    EXPECT_EQ(first_is_bos, 1u);
}

struct Improved {
    text::Corpus corpus;
    TranslatedBlock block;
};

Improved improved(const std::string& dictionary_text, const std::string& document, std::uint64_t block = 0,
                  std::int64_t length = 64) {
    const Dictionary dictionary = parse_dictionary(dictionary_text, "test");
    Improved out{cut_corpus({document}, toy(), length, Rules::kImproved), {}};
    out.block = make_translator(Rules::kImproved, dictionary, toy(), out.corpus, 1)->translate(block);
    return out;
}

TEST(ImprovedTranslation, LongestMatchAtWordBoundaries) {
    const Improved out = improved(R"({"Ron": ["Lord"], "Harry": ["Jon"], "Harry Potter": ["Tom Mystic"]})",
                                  "Harry saw Ronald and Harry Potter went to Harry");
    EXPECT_EQ(names(out.corpus.blocks[0].ids), (Names{"<s>", "▁Harry", "▁saw", "▁Ron", "a", "l", "d", "▁and", "▁Harry",
                                                      "▁Potter", "▁went", "▁to", "▁Harry"}));
    EXPECT_EQ(names(out.block.tokens),
              (Names{"<s>", "▁Jon", "▁saw", "▁Ron", "a", "l", "d", "▁and", "▁Tom", "▁Mystic", "▁went", "▁to", "▁Jon"}));
    EXPECT_EQ(out.block.map, (Map{0, 1, 2, 3, 4, 5, 6, 7, -1, 9, 10, -1, 12}));
    EXPECT_EQ(out.block.hits,
              (std::vector<AnchorHit>{{1, 1, 1, 1, 1, 0, 0}, {8, 2, 8, 2, 2, 0, 0}, {12, 1, 12, 1, 1, 0, 1}}));
    EXPECT_EQ(out.block.forbidden, settled({forbid(1, "▁Jon"), forbid(1, "Jon"), forbid(8, "▁Tom"), forbid(8, "Tom"),
                                            forbid(12, "▁Jon"), forbid(12, "Jon")}));
}

TEST(ImprovedTranslation, CasingFollowsTheSourceAndLineBreaksMatch) {
    const Improved out =
        improved(R"({"Dark Lord": ["Tom the Mystic"]})", "the Dark\nLord saw the DARK LORD and the dark lord");
    EXPECT_EQ(toy().decode(out.block.tokens, true), "the Tom the Mystic saw the TOM THE MYSTIC and the tom the mystic");
    ASSERT_EQ(out.block.hits.size(), 3u);
    EXPECT_EQ(out.block.hits[0].repeated, 0u);
    EXPECT_EQ(out.block.hits[1].repeated, 1u);  // another casing is the same anchor
}

TEST(ImprovedTranslation, OneReplacementATermAndBlock) {
    std::set<std::string> first;
    for (std::uint64_t block = 0; block < 8; ++block) {
        std::string document;
        for (int i = 0; i < 60; ++i) document += "Harry saw HARRY and\nHarry went to the ";
        const Improved out = improved(R"({"Harry": ["Jon", "Tom", "Mystic"]})", document, block, 40);
        std::set<std::uint32_t> choices;
        for (const AnchorHit& hit : out.block.hits) choices.insert(hit.replacement);
        EXPECT_EQ(choices.size(), 1u);
        first.insert(std::to_string(*choices.begin()));
    }
    EXPECT_GT(first.size(), 1u);
}

TEST(ImprovedTranslation, ShortTermsAreLeftAloneUnlessAskedFor) {
    const Dictionary dictionary = parse_dictionary(R"({"to": ["and"]})", "test");
    const text::Corpus corpus = cut_corpus({"Tom went to the Lord"}, toy(), 64, Rules::kImproved);
    EXPECT_TRUE(make_translator(Rules::kImproved, dictionary, toy(), corpus, 1)->translate(0).hits.empty());
    const auto all =
        make_translator(Rules::kImproved, dictionary, toy(), corpus, 1, {.casings = true, .min_characters = 1});
    EXPECT_EQ(toy().decode(all->translate(0).tokens, true), "Tom went and the Lord");
}

TEST(ImprovedTranslation, AnOccurrenceCutByTheEdgeStaysAndIsNotPredicted) {
    const Improved out = improved(R"({"Harry Potter": ["Tom"]})", "Harry Potter saw and saw Harry Potter", 0, 7);
    EXPECT_EQ(names(out.corpus.blocks[0].ids), (Names{"<s>", "▁Harry", "▁Potter", "▁saw", "▁and", "▁saw", "▁Harry"}));
    EXPECT_EQ(names(out.block.tokens), (Names{"<s>", "▁Tom", "▁saw", "▁and", "▁saw", "▁Harry"}));
    // Position 5 would predict the second occurrence, position 6 its inner token.
    EXPECT_EQ(out.block.map, (Map{0, -1, 1, 2, 3, -1, -1}));
}

TEST(Translation, WithoutADictionaryNothingChanges) {
    const Dictionary empty;
    for (const Rules rules : {Rules::kPublished, Rules::kImproved}) {
        const std::vector<std::string> documents(1, fmt::format("{:a>300} Harry", ""));
        const text::Corpus corpus = cut_corpus(documents, toy(), 32, rules);
        const auto translator = make_translator(rules, empty, toy(), corpus, 1);
        for (std::size_t block = 0; block < corpus.blocks.size(); ++block) {
            const TranslatedBlock out = translator->translate(block);
            EXPECT_EQ(out.tokens, corpus.blocks[block].ids);
            for (std::size_t i = 0; i < out.map.size(); ++i) EXPECT_EQ(out.map[i], static_cast<std::int32_t>(i));
        }
    }
}

TEST(Translation, TruncationUnmapsWhatIsCut) {
    TranslatedBlock block{{1, 2, 3, 4}, {0, 1, -1, 3}, {}, {{0, 9}, {3, 9}}};
    block.truncate(3);
    EXPECT_EQ(block.tokens.size(), 3u);
    EXPECT_EQ(block.map, (Map{0, 1, -1, -1}));
    EXPECT_EQ(block.forbidden.size(), 1u);
}

// --- invariants on a whole novel ---

const char* const kSagaDictionary = R"({
  "Ilvane": ["Clara", "Anna"], "Dorrick Pell": ["Rex Smith"], "Dorrick": ["Rex"], "Quillo": ["Straw Doll"],
  "Ember Lamp": ["Iron Pot"], "Captain Murrow": ["Timid Bear"], "Murrow": ["Bear"], "Aldermarch": ["Capital", "Jade Town"],
  "Velmora": ["Mendo"], "Nan Sallowby": ["Aunt May"], "Hollow King": ["Old Queen"], "Karnith": ["Cruel Queen"],
  "Wenwood": ["Farmland"], "Winterthorn": ["Hill People"]})";

void check_invariants(const text::TokenBlock& source, const TranslatedBlock& out, Rules rules) {
    ASSERT_EQ(out.map.size(), source.ids.size());
    std::vector<bool> matched(source.ids.size(), false);
    for (const AnchorHit& hit : out.hits) {
        std::fill_n(matched.begin() + hit.source, hit.source_length, true);
        if (hit.repeated && hit.source > 0) {
            EXPECT_EQ(out.map[hit.source - 1], kNoPosition);
        }
        const std::int32_t last = out.map[hit.source + hit.source_length - 1];
        if (last != kNoPosition && rules == Rules::kPublished) {
            EXPECT_EQ(last, static_cast<std::int32_t>(hit.target + hit.target_length) - 1);
        }
    }
    std::int32_t before = -1;
    for (std::size_t i = 0; i < out.map.size(); ++i) {
        if (out.map[i] == kNoPosition) continue;
        EXPECT_GT(out.map[i], before);
        before = out.map[i];
        ASSERT_LT(static_cast<std::size_t>(before), out.tokens.size());
        if (!matched[i]) {
            EXPECT_EQ(out.tokens[static_cast<std::size_t>(before)], source.ids[i]);
        }
    }
}

class OnTheNovel : public ::testing::TestWithParam<std::tuple<std::string, Rules>> {};

TEST_P(OnTheNovel, MapInvariantsHold) {
    const auto& [folder, rules] = GetParam();
    const auto tokenizer = text::Tokenizer::load(std::filesystem::path(folder).is_absolute()
                                                     ? std::filesystem::path(folder)
                                                     : nepenthe::testing::published_data() / folder);
    const Dictionary dictionary = parse_dictionary(kSagaDictionary, "saga");
    const std::vector<std::string> novel(1, io::read_text(nepenthe::testing::kNovel));
    const text::Corpus corpus = cut_corpus(novel, tokenizer, 256, rules);
    const auto translator =
        make_translator(rules, dictionary, tokenizer, corpus, 3, {.casings = true, .min_characters = 2});
    std::size_t hits = 0, unmatched = 0, lost = 0, seams = 0;
    for (std::size_t block = 0; block < corpus.blocks.size(); ++block) {
        const text::TokenBlock& source = corpus.blocks[block];
        const TranslatedBlock out = translator->translate(block);
        check_invariants(source, out, rules);
        std::vector<int> explained(source.ids.size(), 0);  // covered by a hit, or before a repeated one
        for (const AnchorHit& hit : out.hits) {
            std::fill_n(explained.begin() + hit.source, hit.source_length, 1);
            if (hit.repeated && hit.source > 0) explained[hit.source - 1] = 1;
            seams += out.map[hit.source + hit.source_length - 1] == kNoPosition;
        }
        for (std::size_t i = 0; i < out.map.size(); ++i) {
            if (explained[i]) continue;
            ++unmatched;
            lost += out.map[i] == kNoPosition;
        }
        hits += out.hits.size();
    }
    EXPECT_GT(hits, 500u);
    // Unmatched tokens keep their place but for seams and occurrences that an edge cuts.
    EXPECT_LT(static_cast<double>(lost), 0.01 * static_cast<double>(unmatched));
    if (rules == Rules::kPublished) {
        EXPECT_EQ(lost, 0u);
    }
    EXPECT_LT(static_cast<double>(seams), 0.1 * static_cast<double>(hits));
}

std::string case_name(const ::testing::TestParamInfo<std::tuple<std::string, Rules>>& info) {
    std::string name = std::filesystem::path(std::get<0>(info.param)).filename().string();
    std::erase_if(name, [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); });
    return name + "_" + std::string(rules_name(std::get<1>(info.param)));
}

auto under_both_rules(const std::vector<std::string>& folders) {
    return ::testing::Combine(::testing::ValuesIn(folders), ::testing::Values(Rules::kPublished, Rules::kImproved));
}

// The literals stand in no list of strings: of one, GCC 12 warns without need.
std::vector<std::string> folders(const std::filesystem::path& root, std::initializer_list<const char*> names) {
    std::vector<std::string> out;
    for (const char* name : names) out.push_back(root / name);
    return out;
}

INSTANTIATE_TEST_SUITE_P(Made, OnTheNovel,
                         under_both_rules(folders(nepenthe::testing::kMaterial,
                                                  {"models/stories", "tokenizers/llama2", "tokenizers/gpt2",
                                                   "tokenizers/qwen2", "tokenizers/gemma"})),
                         case_name);
INSTANTIATE_TEST_SUITE_P(Gemma, OnTheNovel, under_both_rules(folders(NEPENTHE_DEPS, {"models/gemma-3-270m"})),
                         case_name);
INSTANTIATE_TEST_SUITE_P(Published, OnTheNovel, under_both_rules(folders("", {"tokenizers/llama2", "tokenizers/gpt2"})),
                         case_name);

}  // namespace
}  // namespace nepenthe::unlearn
