#include "store/journal.h"

#include "base/error.h"
#include "base/random.h"
#include "store/blocks.h"
#include "temporary_folder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>

namespace nepenthe::store {
namespace {

constexpr std::uint64_t kBlocks = 9;
constexpr PartId kPart{1, 0};

std::string payload(std::uint64_t block) { return "block " + std::to_string(block) + std::string(block * 5, '.'); }

std::string slurp(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

void spill(const std::filesystem::path& path, std::string_view text) {
    std::ofstream(path, std::ios::binary | std::ios::trunc)
        .write(text.data(), static_cast<std::streamsize>(text.size()));
}

class Journal : public ::testing::Test {
  protected:
    void SetUp() override {
        JournalWriter writer(folder_.path(), kPart, kBlocks, "key");
        for (std::uint64_t block = 0; block < kBlocks; ++block) writer.append(block, payload(block));
        writer.sync();
    }
    JournalScan scan() const { return scan_journals(folder_.path(), kBlocks, "key"); }

    testing::TemporaryFolder folder_;
};

TEST_F(Journal, FindsEveryBlock) {
    const JournalScan found = scan();
    EXPECT_EQ(found.last_generation, 1u);
    ASSERT_EQ(found.entries.size(), kBlocks);
    for (std::uint64_t block = 0; block < kBlocks; ++block) {
        EXPECT_EQ(found.entries[block].block, block);
        EXPECT_EQ(found.entries[block].bytes, payload(block).size());
        EXPECT_TRUE(PartFiles(folder_.path()).is_intact(found.entries[block]));
    }
}

TEST_F(Journal, CutAtAnyByteIsItsLongestWholePrefix) {
    const auto path = journal_path(folder_.path(), kPart);
    const std::string whole = slurp(path);
    std::size_t seen = kBlocks;
    for (std::size_t bytes = whole.size(); bytes-- > 0;) {
        spill(path, std::string_view(whole).substr(0, bytes));
        const JournalScan found = scan();
        ASSERT_LE(found.entries.size(), seen);
        ASSERT_GE(found.entries.size() + 1, seen) << "a cut within one record loses one block";
        seen = found.entries.size();
        for (std::size_t i = 0; i < seen; ++i) ASSERT_EQ(found.entries[i].block, i);
    }
    EXPECT_EQ(seen, 0u);
}

TEST_F(Journal, AFlippedBitNeverGivesAWrongBlock) {
    const auto path = journal_path(folder_.path(), kPart);
    const std::string whole = slurp(path);
    const auto honest = scan().entries;
    for (std::size_t byte = 0; byte < whole.size(); ++byte) {
        std::string flipped = whole;
        flipped[byte] = static_cast<char>(flipped[byte] ^ (1 << (byte % 8)));
        spill(path, flipped);
        for (const BlockEntry& entry : scan().entries) {
            const BlockEntry& expected = honest[entry.block];
            ASSERT_EQ(entry.offset, expected.offset);
            ASSERT_EQ(entry.checksum, expected.checksum);
        }
    }
}

TEST_F(Journal, SeesAnyFlippedBitInAPart) {
    const auto path = part_path(folder_.path(), kPart);
    const std::string whole = slurp(path);
    const auto entries = scan().entries;
    for (std::size_t byte = 0; byte < whole.size(); ++byte) {
        std::string flipped = whole;
        flipped[byte] = static_cast<char>(flipped[byte] ^ 4);
        spill(path, flipped);
        std::size_t damaged = 0;
        for (const BlockEntry& entry : entries) damaged += PartFiles(folder_.path()).is_intact(entry) ? 0 : 1;
        ASSERT_EQ(damaged, 1u) << "byte " << byte;
    }
    std::filesystem::remove(path);
    for (const BlockEntry& entry : entries) EXPECT_FALSE(PartFiles(folder_.path()).is_intact(entry));
}

TEST_F(Journal, RefusesAnotherKeyOrNumberOfBlocks) {
    for (const auto& [blocks, key] : {std::pair{kBlocks, "other"}, std::pair{kBlocks + 1, "key"}}) {
        try {
            scan_journals(folder_.path(), blocks, key);
            ADD_FAILURE();
        } catch (const Error& error) {
            EXPECT_EQ(error.kind(), ErrorKind::kUsage);
        }
    }
}

TEST_F(Journal, LaterGenerationsAddWhatIsMissing) {
    spill(journal_path(folder_.path(), kPart), slurp(journal_path(folder_.path(), kPart)).substr(0, 96 + 40 * 4 + 7));
    ASSERT_EQ(scan().entries.size(), 4u);
    JournalWriter second(folder_.path(), {2, 3}, kBlocks, "key");
    for (std::uint64_t block = 4; block < kBlocks; ++block) second.append(block, payload(block));
    EXPECT_EQ(scan().entries.size(), kBlocks);
    EXPECT_EQ(scan().last_generation, 2u);
}

TEST_F(Journal, APartWithoutItsJournalTakesUpItsGeneration) {
    // As a kill between making the two leaves it.
    spill(part_path(folder_.path(), {7, 2}), "");
    const JournalScan found = scan();
    EXPECT_EQ(found.last_generation, 7u);
    EXPECT_EQ(found.entries.size(), kBlocks);
    JournalWriter next(folder_.path(), {found.last_generation + 1, 2}, kBlocks, "key");
    next.append(0, payload(0));
    EXPECT_EQ(scan().last_generation, 8u);
}

TEST(DealBlocks, GivesEveryBlockToOneRankAndBalances) {
    RandomStream random(1, "deal", 0);
    std::vector<double> costs(500);
    double total = 0, dearest = 0;
    for (double& cost : costs) {
        cost = 1 + 50 * random.uniform();
        total += cost;
        dearest = std::max(dearest, cost);
    }
    for (int ranks = 1; ranks <= 9; ++ranks) {
        const auto owners = deal_blocks(costs, ranks);
        std::vector<double> load(static_cast<std::size_t>(ranks));
        for (std::size_t i = 0; i < owners.size(); ++i) load.at(static_cast<std::size_t>(owners[i])) += costs[i];
        const auto [least, most] = std::minmax_element(load.begin(), load.end());
        EXPECT_LE(*most - *least, dearest);
        EXPECT_LE(*most, total / ranks + dearest);
    }
    EXPECT_EQ(deal_blocks(std::vector<double>{1, 1, 5, 1}, 2), (std::vector<int>{1, 1, 0, 1}));
    EXPECT_TRUE(deal_blocks({}, 3).empty());
}

}  // namespace
}  // namespace nepenthe::store
