#include "store/blocks.h"

#include "base/error.h"
#include "base/random.h"
#include "mpi_world.h"
#include "shared_folder.h"
#include "store/journal.h"

#include <gtest/gtest.h>

#include <fstream>
#include <thread>

namespace nepenthe::store {
namespace {

constexpr std::uint64_t kBlocks = 37;

std::string compute(std::uint64_t block) {
    RandomStream stream(3, "blocks_test", block);
    std::string bytes(block * 11 % 97, '\0');
    for (char& byte : bytes) byte = static_cast<char>(stream.next_u32());
    return bytes;
}

BlockOptions options() {
    BlockOptions result;
    result.label = "test";
    result.key_digest = "key";
    return result;
}

void expect_all_right(const BlockResults& results) {
    ASSERT_EQ(results.size(), kBlocks);
    for (std::uint64_t block = 0; block < kBlocks; ++block) EXPECT_EQ(results.read(block), compute(block)) << block;
}

TEST(ForEachBlock, ComputesEachOnceAndGivesAllToAll) {
    const testing::SharedFolder folder(*testing::world);
    std::vector<std::int64_t> computed(kBlocks);
    expect_all_right(for_each_block(*testing::world, folder.path(), kBlocks, options(), [&](std::uint64_t block) {
        ++computed[block];
        return compute(block);
    }));
    testing::world->all_reduce_sum(computed);
    EXPECT_EQ(computed, std::vector<std::int64_t>(kBlocks, 1));
}

TEST(ForEachBlock, KeepsResultsInMemoryWithoutAFolder) {
    expect_all_right(for_each_block(*testing::world, {}, kBlocks, options(), compute));
    EXPECT_EQ(for_each_block(*testing::world, {}, 0, options(), compute).size(), 0u);
}

TEST(ForEachBlock, KnowsNothingToDoAndFewerBlocksThanRanks) {
    const testing::SharedFolder folder(*testing::world);
    EXPECT_EQ(for_each_block(*testing::world, folder.path() / "none", 0, options(), compute).size(), 0u);
    const auto one = for_each_block(*testing::world, folder.path() / "one", 1, options(),
                                    [](std::uint64_t) { return std::string("only"); });
    EXPECT_EQ(one.read(0), "only");
}

TEST(ForEachBlock, ComputesNothingAgain) {
    const testing::SharedFolder folder(*testing::world);
    for_each_block(*testing::world, folder.path(), kBlocks, options(), compute);
    expect_all_right(
        for_each_block(*testing::world, folder.path(), kBlocks, options(), [](std::uint64_t block) -> std::string {
            ADD_FAILURE() << "block " << block << " was done";
            return "";
        }));
}

TEST(ForEachBlock, ComputesDamagedBlocksAgain) {
    const testing::SharedFolder folder(*testing::world);
    for_each_block(*testing::world, folder.path(), kBlocks, options(), compute);
    if (testing::world->is_root()) {
        std::fstream part(part_path(folder.path(), {1, 0}), std::ios::in | std::ios::out | std::ios::binary);
        part.seekp(5);
        part.put('\x55');
        part.put('\x55');
    }
    testing::world->barrier();
    std::int64_t again = 0;
    expect_all_right(for_each_block(*testing::world, folder.path(), kBlocks, options(), [&](std::uint64_t block) {
        ++again;
        return compute(block);
    }));
    testing::world->all_reduce_sum(std::span(&again, 1));
    EXPECT_EQ(again, 1);
}

TEST(ForEachBlock, RefusesAnotherKey) {
    const testing::SharedFolder folder(*testing::world);
    for_each_block(*testing::world, folder.path(), kBlocks, options(), compute);
    BlockOptions other = options();
    other.key_digest = "other";
    try {
        for_each_block(*testing::world, folder.path(), kBlocks, other, compute);
        ADD_FAILURE();
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    }
}

TEST(ForEachBlock, EndsAlikeOnAllRanksWhenOneThrowsAndKeepsWhatIsDone) {
    const testing::SharedFolder folder(*testing::world);
    constexpr std::uint64_t kBad = 20;
    try {
        for_each_block(*testing::world, folder.path(), kBlocks, options(), [](std::uint64_t block) {
            if (block == kBad) fail(ErrorKind::kData, "cannot be read");
            return compute(block);
        });
        ADD_FAILURE();
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::kData);
        const std::string where = testing::world->size() == 1
                                      ? ""
                                      : fmt::format("rank {}, ", static_cast<int>(kBad) % testing::world->size());
        EXPECT_EQ(error.what(), where + "test: block 20: cannot be read");
    }
    std::int64_t again = 0;
    expect_all_right(for_each_block(*testing::world, folder.path(), kBlocks, options(), [&](std::uint64_t block) {
        ++again;
        return compute(block);
    }));
    testing::world->all_reduce_sum(std::span(&again, 1));
    EXPECT_LT(again, static_cast<std::int64_t>(kBlocks));
    EXPECT_GE(again, static_cast<std::int64_t>(kBlocks - kBad) / testing::world->size());
}

TEST(ForEachBlock, NobodyWaitsForAnybodyBetweenBlocks) {
    // The last rank sleeps in its first block; the others must be through with theirs long before.
    const testing::SharedFolder folder(*testing::world);
    const auto start = std::chrono::steady_clock::now();
    bool slept = false;
    double last_own = 0;
    for_each_block(*testing::world, folder.path(), kBlocks, options(), [&](std::uint64_t block) {
        const bool slow = testing::world->size() > 1 && testing::world->rank() == testing::world->size() - 1;
        if (slow && !slept) std::this_thread::sleep_for(std::chrono::milliseconds(500));
        slept = true;
        last_own = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        return compute(block);
    });
    if (testing::world->rank() < testing::world->size() - 1) {
        EXPECT_LT(last_own, 0.4);
    }
}

TEST(BlockResults, RefusesAFlippedBit) {
    const testing::SharedFolder folder(*testing::world);
    const auto results = for_each_block(*testing::world, folder.path(), kBlocks, options(), compute);
    testing::world->barrier();
    if (testing::world->is_root()) {
        std::fstream part(part_path(folder.path(), {1, 0}), std::ios::in | std::ios::out | std::ios::binary);
        const char before = static_cast<char>(part.get());
        part.seekp(0);
        part.put(static_cast<char>(before ^ 1));
    }
    testing::world->barrier();
    int refused = 0;
    for (std::uint64_t block = 0; block < kBlocks; ++block) {
        try {
            static_cast<void>(results.read(block));
        } catch (const Error& error) {
            EXPECT_EQ(error.kind(), ErrorKind::kData);
            ++refused;
        }
    }
    EXPECT_EQ(refused, 1);
}

}  // namespace
}  // namespace nepenthe::store
