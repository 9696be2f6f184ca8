// Facts measured by blocks: what an earlier run measured is taken, and only where the whole block is the same.
#include "pipelines/edit_measure.h"

#include "edit/edit_cases.h"
#include "expected_errors.h"
#include "mpi_world.h"
#include "shared_folder.h"

#include <gtest/gtest.h>

namespace nepenthe::pipelines {
namespace {

constexpr std::int64_t kPositions = 128;

std::vector<edit::Fact> many_facts() {
    std::vector<edit::Fact> facts;
    for (int i = 0; i < 60; ++i) {
        facts.push_back(edit::testing::fact(std::to_string(i), "Lily", "One day, {} went to the", "moon"));
        facts.back().target_true = "river";
        facts.back().paraphrases = {"Then Lily ran to the"};
    }
    return facts;
}

// A ledger as a run on these facts leaves it, with one number in every row that no model would give.
edit::Ledger marked_ledger(const std::vector<edit::Fact>& facts, const EditMeasurement& measurement,
                           std::vector<Json> rows) {
    edit::Ledger ledger;
    ledger.facts = facts;
    for (Json& row : rows) row["efficacy_magnitude"] = 7.0;
    ledger.metrics = measurement.metrics(rows, rows);
    return ledger;
}

TEST(EditMeasurement, TakesWhatIsKnownBlockByBlock) {
    const edit::testing::Case tiny = edit::testing::stories();
    const std::vector<edit::Fact> facts = many_facts();
    const EditMeasurement all(facts, tiny.tokenizer, kPositions);
    const dist::Comm& comm = *testing::world;
    const std::vector<Json> rows = all.all(comm, tiny.decoder, {});
    const KnownRows known = known_rows(marked_ledger(facts, all, rows));
    EXPECT_GT(known.size(), 1u);
    for (const Json& row : all.all(comm, tiny.decoder, {}, known)) EXPECT_EQ(row["efficacy_magnitude"], 7.0);

    // Without the last fact every block but its own is still known, and rows count on from the facts that there are.
    std::vector<edit::Fact> fewer(facts.begin(), facts.end() - 1);
    const auto some = EditMeasurement(fewer, tiny.tokenizer, kPositions).all(comm, tiny.decoder, {}, known);
    std::size_t taken = 0;
    for (std::size_t i = 0; i < some.size(); ++i) {
        EXPECT_EQ(some[i]["id"], i);
        if (some[i]["efficacy_magnitude"] == 7.0) {
            ++taken;
        } else {
            EXPECT_NEAR(some[i]["efficacy_magnitude"].get<double>(), rows[i]["efficacy_magnitude"].get<double>(), 1e-6);
        }
    }
    EXPECT_GT(taken, 0u);
    EXPECT_LT(taken, some.size());

    // Another prompt of a fact, another row.
    for (edit::Fact& fact : fewer) fact.paraphrases = {"In the end, Lily found the"};
    for (const Json& row : EditMeasurement(fewer, tiny.tokenizer, kPositions).all(comm, tiny.decoder, {}, known)) {
        EXPECT_NE(row["efficacy_magnitude"], 7.0);
    }
}

TEST(EditMeasurement, BarePromptsGiveTheSameEfficacy) {
    const edit::testing::Case tiny = edit::testing::stories();
    const EditMeasurement measurement(many_facts(), tiny.tokenizer, kPositions);
    const dist::Comm& comm = *testing::world;
    const double whole = measurement.efficacy(measurement.all(comm, tiny.decoder, {}));
    EXPECT_EQ(measurement.efficacy(measurement.bare(comm, tiny.decoder, {})), whole);
}

// A run that is cut off while it measures may be told of an earlier run when it is started again, or no longer.
TEST(EditMeasurement, AJournalDoesNotDependOnWhatIsKnown) {
    const edit::testing::Case tiny = edit::testing::stories();
    const std::vector<edit::Fact> facts = many_facts();
    const EditMeasurement measurement(facts, tiny.tokenizer, kPositions);
    const dist::Comm& comm = *testing::world;
    const std::vector<Json> rows = measurement.all(comm, tiny.decoder, {});
    const KnownRows known = known_rows(marked_ledger(facts, measurement, rows));
    const testing::SharedFolder folder(comm);
    EXPECT_EQ(measurement.all(comm, tiny.decoder, folder.path() / "first"), rows);
    EXPECT_EQ(measurement.all(comm, tiny.decoder, folder.path() / "first", known), rows);
    measurement.all(comm, tiny.decoder, folder.path() / "second", known);
    for (const Json& row : measurement.all(comm, tiny.decoder, folder.path() / "second")) {
        EXPECT_EQ(row["efficacy_magnitude"], 7.0);
    }
}

TEST(EditMeasurement, LedgersWithoutMeasurementsLendNothingAndBrokenOnesAreNamed) {
    edit::Ledger ledger;
    EXPECT_TRUE(known_rows(ledger).empty());
    ledger.facts = many_facts();
    ledger.metrics = {{"before", {{"rows", Json::array()}}}};  // as an earlier version wrote them: without the task
    EXPECT_TRUE(known_rows(ledger).empty());
    ledger.metrics["task"] = "counterfact";
    testing::expect_contains(testing::message_of(ErrorKind::kData, [&] { known_rows(ledger); }), "rows of its facts");
}

}  // namespace
}  // namespace nepenthe::pipelines
