// Subjects and targets as token ids, with tokenizers that add a BOS, merge pieces or fall back to bytes.
#include "edit/facts/edit_prompt.h"

#include "base/error.h"
#include "material.h"
#include "model/golden_case.h"
#include "published_data.h"
#include "text/joined_text.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <numeric>
#include <set>

namespace nepenthe::edit {
namespace {

constexpr std::int64_t kWindow = 1024;

struct Case {
    const char *prefix, *prompt, *subject, *target;
};

constexpr Case kCases[] = {
    {"", "The mother tongue of {} is", "Danielle Darrieux", "English"},
    {"The first thing", "The mother tongue of {} is", "Danielle Darrieux", "English"},
    {"", "{} was born in", "Zoë Kravitz", "São Tomé"},
    {"", "The capital of {}'s neighbour is", "Côte d’Ivoire", "Reykjavík"},
    {"", "Who wrote {}?", "Jeopardy!", "J. R. R. Tolkien"},
    {"I think", "The brand of the car is {}", "Citroën", "Toyota"},  // the subject at the very end
    {"", "City: {}", "北京", "the capital of 中国"},
    {"", "Where is {}, by the way? It is in", "the 🗼", "Berlin"},
};

class TokenizerCase : public ::testing::TestWithParam<std::string> {
  protected:
    text::Tokenizer tokenizer = text::Tokenizer::load(path());
    static std::filesystem::path path() {
        const std::filesystem::path name = GetParam();
        if (name.has_parent_path()) return nepenthe::testing::published_data() / name;
        if (name == "gemma3") return std::filesystem::path(NEPENTHE_DEPS) / "models/gemma-3-270m";
        return nepenthe::testing::kMaterial / "tokenizers" / name;
    }
    // What ids say, without what special tokens and leading-space conventions add.
    std::string decoded(std::vector<text::TokenId> ids) const {
        std::string text = tokenizer.decode(ids, true);
        return text.substr(std::min(text.find_first_not_of(' '), text.size()));
    }
};

std::string sentence_of(const Case& c) {
    return (*c.prefix ? std::string(c.prefix) + ". " : "") + fill_subject(c.prompt, c.subject);
}

TEST_P(TokenizerCase, RowsReadAsTheirTextWithTheTargetAtTheEnd) {
    for (const Case& c : kCases) {
        const EditRow row = make_row(tokenizer, c.prefix, c.prompt, c.subject, c.target, kWindow);
        std::vector<text::TokenId> all = row.ids;
        all.push_back(row.targets.back());
        EXPECT_EQ(decoded(all), sentence_of(c) + " " + c.target);
        EXPECT_EQ(decoded(row.targets), c.target);
        EXPECT_EQ(all, tokenizer.encode_ids(sentence_of(c) + " " + c.target, true)) << "one joint tokenisation";
        EXPECT_EQ(row.targets, target_ids(tokenizer, sentence_of(c), c.target)) << "training and scoring agree";
    }
}

TEST_P(TokenizerCase, TheEditStandsAtTheTokenThatEndsTheSubject) {
    for (const Case& c : kCases) {
        const EditRow row = make_row(tokenizer, c.prefix, c.prompt, c.subject, c.target, kWindow);
        const auto begin = row.ids.begin();
        const auto place = static_cast<std::ptrdiff_t>(row.subject_last);
        const std::string up_to = decoded({begin, begin + place + 1}), before = decoded({begin, begin + place});
        const std::string head = std::string(c.prompt).substr(0, std::string(c.prompt).find("{}"));
        const std::string wanted = (*c.prefix ? std::string(c.prefix) + ". " : "") + head + c.subject;
        EXPECT_TRUE(up_to.starts_with(wanted)) << up_to << " | " << wanted;
        EXPECT_FALSE(before.starts_with(wanted)) << "the token before does not end it";
        EXPECT_EQ(row.subject_merged, up_to != wanted) << up_to;
    }
}

TEST_P(TokenizerCase, SupervisedPositionsStandBehindTheSubject) {
    for (const Case& c : kCases) {
        const EditRow row = make_row(tokenizer, c.prefix, c.prompt, c.subject, c.target, kWindow);
        EXPECT_LE(row.subject_last + row.targets.size(), row.ids.size());
    }
}

TEST_P(TokenizerCase, ARowWithoutTargetEndsWithItsPrompt) {
    const EditRow row = make_row(tokenizer, "", "{} is a", "Danielle Darrieux", "", kWindow);
    EXPECT_TRUE(row.targets.empty());
    EXPECT_EQ(row.ids, tokenizer.encode_ids("Danielle Darrieux is a", true));
}

TEST_P(TokenizerCase, TheSpaceBeforeTheTargetIsNotDoubled) {
    for (const char* target : {"Paris", " Paris"}) {
        EXPECT_EQ(decoded(target_ids(tokenizer, "It lies in", target)), "Paris");
    }
    const auto after_break = target_ids(tokenizer, "Question: where?\nAnswer:\n", "Paris");
    EXPECT_EQ(decoded(after_break), "Paris");
    EXPECT_FALSE(tokenizer.decode(after_break, true).starts_with(" "));
}

std::string case_name(const ::testing::TestParamInfo<std::string>& name) {
    std::string word = name.param;
    std::erase_if(word, [](unsigned char c) { return std::isalnum(c) == 0; });
    return word;
}

INSTANTIATE_TEST_SUITE_P(Tokenizers, TokenizerCase,
                         ::testing::Values("gpt2", "llama2", "gpt-neox", "gemma", "llama3", "qwen2", "gemma3"),
                         case_name);
INSTANTIATE_TEST_SUITE_P(Published, TokenizerCase,
                         ::testing::Values("tokenizers/gpt2", "tokenizers/llama2",
                                           "tokenizers/gpt-neox/20B_tokenizer.json"),
                         case_name);

TEST_P(TokenizerCase, ScriptsWithoutBlanksGetNone) {
    const EditRow row = make_row(tokenizer, "", "{}的首都是", "法国", "北京", kWindow);
    std::vector<text::TokenId> all = row.ids;
    all.push_back(row.targets.back());
    EXPECT_EQ(decoded(all), "法国的首都是北京");
    EXPECT_EQ(row.targets, target_ids(tokenizer, "法国的首都是", "北京"));
}

TEST_P(TokenizerCase, ABlankAtThePromptsEndSaysNothing) {
    for (const char* prompt : {"The capital of {} is ", "The capital of {} is \t", "{}  "}) {
        const std::string bare(text::without_end_blanks(prompt));
        for (const char* target : {"Rome", ""}) {
            const EditRow with = make_row(tokenizer, "", prompt, "France", target, kWindow);
            const EditRow without = make_row(tokenizer, "", bare, "France", target, kWindow);
            EXPECT_EQ(with.ids, without.ids) << prompt;
            EXPECT_EQ(with.targets, without.targets) << prompt;
            EXPECT_EQ(with.subject_last, without.subject_last) << prompt;
        }
    }
    // The whole prompt in the subject's place, as evaluation reads it.
    const EditRow with = make_row(tokenizer, "", "{}", "It lies in ", "Rome", kWindow);
    EXPECT_EQ(with.ids, make_row(tokenizer, "", "{}", "It lies in", "Rome", kWindow).ids);
}

TEST(EditPrompt, BytesOfOneCharacterEndAtItsLastByte) {
    // A vocabulary in Llama 2's form spells the emoji with byte tokens: all of them are the subject's.
    const auto tokenizer = text::Tokenizer::load(nepenthe::testing::kMaterial / "tokenizers/llama2");
    const EditRow row = make_row(tokenizer, "", "{} means", "🗼", "tower", kWindow);
    EXPECT_EQ(tokenizer.token(row.ids[row.subject_last]), "<0xBC>");
    EXPECT_FALSE(row.subject_merged);
}

void expect_data_error(const char* prompt, const char* subject, const char* target, std::int64_t window,
                       const std::string& word) {
    const auto tokenizer = text::Tokenizer::load(nepenthe::testing::kMaterial / "tokenizers/gpt2");
    try {
        make_row(tokenizer, "", prompt, subject, target, window);
        FAIL() << prompt << " must be refused";
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::kData);
        EXPECT_NE(std::string(error.what()).find(word), std::string::npos) << error.what();
    }
}

TEST(EditPrompt, WhatCannotBeEditedIsRefused) {
    expect_data_error("No place for it", "Paris", "x", kWindow, "exactly once");
    expect_data_error("{} and {}", "Paris", "x", kWindow, "exactly once");
    expect_data_error("{} is", "", "x", kWindow, "empty subject");
    expect_data_error("{} is", "Paris", "  ", kWindow, "no tokens");
    expect_data_error("{} is in the middle of", "Paris", "France", 5, "window holds 5");
}

TEST(Prefixes, WeightsAddUpToOne) {
    for (const PrefixMean mean : {PrefixMean::kFlat, PrefixMean::kHalfBare}) {
        for (const std::size_t count : {1U, 6U, 21U}) {
            const auto weights = prefix_weights(count, mean);
            EXPECT_EQ(weights.size(), count);
            EXPECT_NEAR(std::accumulate(weights.begin(), weights.end(), 0.0), 1.0, 1e-12);
        }
    }
    EXPECT_DOUBLE_EQ(prefix_weights(6, PrefixMean::kHalfBare).front(), 0.5);
    EXPECT_DOUBLE_EQ(prefix_weights(6, PrefixMean::kHalfBare).back(), 0.1);
}

TEST(Prefixes, AreTheSameTextsForASeed) {
    const auto& folder = nepenthe::testing::kStories;
    const auto tokenizer = text::Tokenizer::load(folder);
    const auto decoder = model::Decoder::load(folder, model::Compute::kFloat32);
    const auto texts = make_prefixes(decoder, tokenizer, rome_prefixes());
    ASSERT_EQ(texts.size(), 21u);
    EXPECT_EQ(texts.front(), "");
    EXPECT_EQ(texts, make_prefixes(decoder, tokenizer, rome_prefixes()));
    EXPECT_GT(std::set<std::string>(texts.begin(), texts.end()).size(), 15u) << "texts of one seed word differ";
    PrefixOptions other = rome_prefixes();
    other.seed = 1;
    EXPECT_NE(texts, make_prefixes(decoder, tokenizer, other));
    for (std::size_t i = 1; i < texts.size(); ++i) {
        constexpr const char* kSeeds[] = {"The", "Therefore", "Because", "I", "You"};
        EXPECT_TRUE(texts[i].starts_with(kSeeds[(i - 1) % 5])) << texts[i];
        EXPECT_EQ(texts[i].find_first_of("{}\n\r"), std::string::npos) << texts[i];
        // A text that ends within a word may be cut into some more tokens than it was generated from.
        EXPECT_LE(tokenizer.encode_ids(texts[i], false).size(), (i <= 10 ? 6u : 11u) + 3u) << texts[i];
    }
    EXPECT_EQ(make_prefixes(decoder, tokenizer, memit_prefixes()).size(), 6u);
}

}  // namespace
}  // namespace nepenthe::edit
