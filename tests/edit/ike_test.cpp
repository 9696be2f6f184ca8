// Prompt bundles: which demonstrations stand where, that nothing leaks, that the context limit holds.

#include "edit/memories/ike.h"
#include "base/error.h"
#include "base/hash.h"
#include "edit/edit_cases.h"
#include "mpi_world.h"
#include "shared_folder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>
#include <map>

namespace nepenthe::edit {
namespace {

const char* const kEncoder = NEPENTHE_SOURCE_DIR "/tests/golden/tiny_bert";

std::vector<Fact> made_facts(const std::string& prefix, int count) {
    const char* const words[] = {"tower", "mother", "word", "paris", "french", "prompt", "river", "stone"};
    std::vector<Fact> facts;
    for (int i = 0; i < count; ++i) {
        Fact fact;
        fact.id = fmt::format("{}{}", prefix, i);
        fact.subject = fmt::format("{} {} {}", prefix, words[i % 8], i);
        fact.prompt = fmt::format("the {} of {{}} is", words[(i / 8) % 8]);
        fact.target_new = words[(i * 3 + 1) % 8];
        fact.target_true = words[(i * 5 + 2) % 8];
        fact.paraphrases = {fmt::format("It rained. Yes. {} has the {}", fact.subject, words[(i / 8) % 8])};
        fact.neighbourhood = {{fmt::format("the {} of {} {} is", words[(i / 8) % 8], prefix, i * 7), fact.target_true}};
        facts.push_back(fact);
    }
    return facts;
}

struct Bench {
    text::Tokenizer tokenizer = text::Tokenizer::load(testing::kStories);
    model::SentenceEncoder encoder = model::SentenceEncoder::load(kEncoder);
    IkeInputs inputs;

    Bench() {
        inputs.tokenizer = &tokenizer;
        inputs.max_positions = 4096;
        inputs.encoder = &encoder;
        inputs.facts = made_facts("a", 5);
        inputs.pool = made_facts("p", 150);
    }
    IkeBundle run(const IkeOptions& options = {}, std::vector<std::string>* warnings = nullptr) const {
        return ike(*nepenthe::testing::world, inputs, options, {}, warnings);
    }
};

TEST(Ike, DemonstratesInTheWantedKindsTheMostSimilarLast) {
    const Bench bench;
    const IkeBundle bundle = bench.run();
    ASSERT_EQ(bundle.facts().size(), 5U);
    for (std::size_t i = 0; i < 5; ++i) {
        const Fact& fact = bench.inputs.facts[i];
        const ToldFact& told = bundle.facts()[i];
        ASSERT_EQ(told.demonstrations.size(), 32U);
        std::map<DemonstrationKind, int> kinds;
        float similarity = -1;
        for (const Demonstration& one : told.demonstrations) {
            ++kinds[one.kind];
            EXPECT_GE(one.similarity, similarity);
            similarity = one.similarity;
            EXPECT_TRUE(one.text.starts_with("New Fact: the ") && one.text.ends_with("\n\n")) << one.text;
            EXPECT_NE(told.context.find(one.text), std::string::npos);
        }
        EXPECT_EQ(kinds[DemonstrationKind::kCopy], 4);
        EXPECT_EQ(kinds[DemonstrationKind::kUpdate], 12);
        EXPECT_EQ(kinds[DemonstrationKind::kRetain], 16);
        const std::string sentence = fact.sentence(), stated = sentence + " " + fact.target_new;
        const std::string end =
            fmt::format("New Fact: {}\nPrompt: {}\n\nNew Fact: {}\nPrompt: ", stated, stated, stated);
        EXPECT_TRUE(told.context.ends_with(end)) << told.context;
        EXPECT_EQ(bundle.prompt(fact.id, "some prompt"), told.context + "some prompt");
        const Fact asked = bundle.told(fact);
        EXPECT_EQ(asked.sentence(), told.context + sentence);
        EXPECT_EQ(asked.paraphrases[0], told.context + fact.paraphrases[0]);
        EXPECT_EQ(asked.neighbourhood[0].prompt, told.context + fact.neighbourhood[0].prompt);
        EXPECT_EQ(std::cmp_equal(told.tokens, bench.tokenizer.encode_ids(told.context, true).size()), true);
    }
    EXPECT_THROW(bundle.prompt("unknown", "x"), Error);
}

TEST(Ike, TellsTheKindsApart) {
    Bench bench;
    bench.inputs.facts.resize(1);
    const IkeBundle bundle = bench.run();
    for (const Demonstration& one : bundle.facts()[0].demonstrations) {
        const auto found = std::ranges::find(bench.inputs.pool, one.pool_id, &Fact::id);
        ASSERT_NE(found, bench.inputs.pool.end());
        const std::string told = fmt::format("New Fact: {} {}\nPrompt: ", found->sentence(), found->target_new);
        const std::string asked =
            one.kind == DemonstrationKind::kCopy ? found->sentence() + " " + found->target_new
            : one.kind == DemonstrationKind::kUpdate
                ? found->paraphrases[0].substr(std::string("It rained. Yes. ").size()) + " " + found->target_new
                : found->neighbourhood[0].prompt + " " + found->neighbourhood[0].answer;
        EXPECT_EQ(one.text, told + asked + "\n\n");
    }
}

TEST(Ike, LeaksNothing) {
    Bench bench;
    std::vector<Fact>& pool = bench.inputs.pool;
    const Fact& fact = bench.inputs.facts[2];
    pool[0].id = fact.id;
    pool[1].subject = fact.subject;
    pool[2].prompt = "{}";
    pool[2].subject = fact.sentence();
    pool[3].paraphrases.push_back(fact.paraphrases[0]);
    pool[4].neighbourhood.push_back({fact.neighbourhood[0].prompt, "x"});
    pool[5].target_new.clear();
    const std::vector<Fact> kept = leak_free(pool, bench.inputs.facts);
    EXPECT_EQ(kept.size(), pool.size() - 6);
    EXPECT_EQ(kept.front().id, pool[6].id);
    const IkeBundle bundle = bench.run();
    for (const ToldFact& told : bundle.facts()) {
        for (const Demonstration& one : told.demonstrations) {
            EXPECT_NE(std::ranges::find(kept, one.pool_id, &Fact::id), kept.end()) << one.pool_id;
        }
    }
    bench.inputs.pool = bench.inputs.facts;
    EXPECT_THROW(bench.run(), Error);
}

TEST(Ike, TakesFewerWhereTheContextIsShortAndSaysSo) {
    Bench bench;
    std::vector<std::string> warnings;
    const IkeBundle whole = bench.run({}, &warnings);
    EXPECT_TRUE(warnings.empty());
    bench.inputs.max_positions = whole.facts()[0].tokens / 2;
    const IkeBundle shortened = bench.run({}, &warnings);
    ASSERT_EQ(warnings.size(), 1U);
    EXPECT_NE(warnings[0].find("5 of 5 facts get fewer"), std::string::npos) << warnings[0];
    for (std::size_t i = 0; i < 5; ++i) {
        const ToldFact& told = shortened.facts()[i];
        EXPECT_LE(told.tokens, bench.inputs.max_positions - shortened.options().reserve);
        EXPECT_EQ(told.demonstrations.size() + static_cast<std::size_t>(told.left_out), 32U);
        EXPECT_GT(told.demonstrations.size(), 5U);
        // The nearest stay.
        EXPECT_EQ(told.demonstrations.back().text, whole.facts()[i].demonstrations.back().text);
    }
    bench.inputs.max_positions = 70;
    EXPECT_THROW(bench.run(), Error);
    bench.inputs.max_positions = 4096;
    bench.inputs.pool.resize(10);
    EXPECT_EQ(bench.run({}, &warnings).facts()[0].demonstrations.size(), 10U);
    EXPECT_NE(warnings.back().find("fewer than the 32"), std::string::npos);
}

TEST(Ike, LeadingSentencesFallAway) {
    EXPECT_EQ(without_leading_sentence("He left. It was late! Paris is in", "Paris"), "Paris is in");
    EXPECT_EQ(without_leading_sentence("Where Paris is, people speak", "Paris"), "Where Paris is, people speak");
    EXPECT_EQ(without_leading_sentence("Some words. The city", "Paris"), "Some words. The city");
    EXPECT_EQ(without_leading_sentence("Born in 1990.\nThe mayor of St. Paul is", "St. Paul"),
              "The mayor of St. Paul is");
}

TEST(Ike, ABundleComesBackAsItWas) {
    const Bench bench;
    const IkeBundle bundle = bench.run();
    const dist::Comm& comm = *nepenthe::testing::world;
    const nepenthe::testing::SharedFolder folder(comm);
    store::ArtefactWriter writer(comm, folder.path(), {kIkeStage, bundle.options().to_json(), {{"facts", "x"}}});
    if (comm.is_root()) write_bundle(bundle, writer.data_folder());
    const store::Artefact artefact = writer.publish(Json::object());
    const IkeBundle opened = IkeBundle::open(artefact.folder);
    EXPECT_EQ(opened.options().to_json(), bundle.options().to_json());
    ASSERT_EQ(opened.facts().size(), bundle.facts().size());
    for (std::size_t i = 0; i < opened.facts().size(); ++i) {
        EXPECT_EQ(opened.facts()[i].context, bundle.facts()[i].context);
        EXPECT_EQ(opened.facts()[i].sentence, bundle.facts()[i].sentence);
        EXPECT_EQ(opened.facts()[i].demonstrations.size(), bundle.facts()[i].demonstrations.size());
        EXPECT_EQ(opened.facts()[i].demonstrations[3].similarity, bundle.facts()[i].demonstrations[3].similarity);
    }
}

TEST(Ike, FindsTheToldFactThatAPromptIsAbout) {
    const Bench bench;
    const IkeBundle bundle = bench.run();
    std::vector<std::string> prompts;
    for (const Fact& fact : bench.inputs.facts) prompts.push_back(fact.sentence());
    prompts.push_back("A prompt about nothing of that kind");
    const auto found = bundle.nearest(bench.encoder, prompts);
    ASSERT_EQ(found.size(), 6U);
    for (std::size_t i = 0; i < 5; ++i) {
        EXPECT_EQ(bundle.facts()[found[i].first].sentence, prompts[i]);
        EXPECT_NEAR(found[i].second, 1, 1e-5);
    }
    EXPECT_LT(found[5].second, 0.999);
    EXPECT_TRUE(bundle.nearest(bench.encoder, {}).empty());
}

// The digest that tests/mpi/one_digest_test.py compares over rank counts and after kills.
TEST(Ike, PrintsItsDigest) {
    const Bench bench;
    Sha256 hash;
    const IkeBundle bundle = bench.run();
    for (const ToldFact& fact : bundle.facts()) {
        hash.update(fact.context);
        for (const Demonstration& one : fact.demonstrations) hash.update(fmt::format("{:a}", one.similarity));
    }
    const std::string digest = hash.hex();
    for (const std::string& other : nepenthe::testing::world->all_gather(digest)) EXPECT_EQ(other, digest);
    if (nepenthe::testing::world->is_root()) std::cout << "digest " << digest << "\n";
}

TEST(Ike, RefusesBadOptions) {
    const Bench bench;
    IkeOptions options;
    options.demonstrations = -1;
    options.copy = options.update = options.retain = 0;
    options.reserve = 0;
    EXPECT_EQ(options.validate().size(), 3U);
    EXPECT_THROW(bench.run(options), Error);
}

}  // namespace
}  // namespace nepenthe::edit
