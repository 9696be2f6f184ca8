#include "dist/collectives.h"

#include "base/error.h"
#include "dist/bfloat16.h"
#include "mpi_world.h"

#include <gtest/gtest.h>

#include <cstring>

namespace nepenthe::dist {
namespace {

// Small limits cut buffers into pieces as INT_MAX does with large ones.
class MpiCollectivesTest : public ::testing::TestWithParam<std::int64_t> {
  protected:
    std::unique_ptr<Collectives> collectives_ = make_mpi_collectives(*testing::world, GetParam());
    int ranks_ = testing::world->size();
};

Buffer buffer(std::vector<float>& values) {
    return {values.data(), {static_cast<std::int64_t>(values.size())}, ElementType::kFloat32};
}
Buffer buffer(std::vector<std::int64_t>& values) {
    return {values.data(), {static_cast<std::int64_t>(values.size())}, ElementType::kInt64};
}
Buffer buffer(std::vector<std::uint16_t>& values) {
    return {values.data(), {static_cast<std::int64_t>(values.size())}, ElementType::kBFloat16};
}

// A value that depends on rank and place; sums of a few are exact in every type.
int value(int rank, std::size_t i) { return static_cast<int>(i % 7) + 2 * rank; }
int sum_of_all(int ranks, std::size_t i) { return ranks * static_cast<int>(i % 7) + ranks * (ranks - 1); }

template <typename T>
T element(int number) {
    if constexpr (std::is_same_v<T, std::uint16_t>) return bfloat16_from_float(static_cast<float>(number));
    return static_cast<T>(number);
}

template <typename T>
std::vector<T> my_values(std::size_t count) {
    std::vector<T> values(count);
    for (std::size_t i = 0; i < count; ++i) values[i] = element<T>(value(testing::world->rank(), i));
    return values;
}

template <typename T>
void check_all(Collectives& collectives, std::size_t n) {
    const auto ranks = static_cast<std::size_t>(collectives.size());
    const auto rank = static_cast<std::size_t>(collectives.rank());
    auto whole = my_values<T>(n * ranks);
    std::vector<T> slice(n);
    auto gathered = std::vector<T>(n * ranks);
    auto summed = my_values<T>(n);
    auto spread = my_values<T>(n);
    auto scatter = collectives.reduce_scatter_sum(buffer(whole), buffer(slice));
    auto reduce = collectives.all_reduce_sum(buffer(summed));
    const int root = collectives.size() - 1;
    auto broadcast = collectives.broadcast(buffer(spread), root);
    scatter->wait();
    auto gather = collectives.all_gather(buffer(slice), buffer(gathered));
    broadcast->wait();
    reduce->wait();
    gather->wait();
    gather->wait();  // a second wait is harmless
    for (std::size_t i = 0; i < n; ++i) {
        ASSERT_EQ(slice[i], element<T>(sum_of_all(collectives.size(), rank * n + i)));
        ASSERT_EQ(summed[i], element<T>(sum_of_all(collectives.size(), i)));
        ASSERT_EQ(spread[i], element<T>(value(root, i)));
    }
    for (std::size_t i = 0; i < n * ranks; ++i) ASSERT_EQ(gathered[i], element<T>(sum_of_all(collectives.size(), i)));
}

TEST_P(MpiCollectivesTest, EveryOperationOnEveryType) {
    for (const std::size_t n : {std::size_t{0}, std::size_t{1}, std::size_t{5}, std::size_t{1009}}) {
        check_all<float>(*collectives_, n);
        check_all<std::int64_t>(*collectives_, n);
        check_all<std::uint16_t>(*collectives_, n);
    }
}

TEST_P(MpiCollectivesTest, GathersInPlace) {
    const std::size_t n = 13;
    std::vector<float> all(n * static_cast<std::size_t>(ranks_), -1.0f);
    float* mine = all.data() + n * static_cast<std::size_t>(testing::world->rank());
    for (std::size_t i = 0; i < n; ++i) mine[i] = static_cast<float>(value(testing::world->rank(), i));
    collectives_->all_gather({mine, {static_cast<std::int64_t>(n)}, ElementType::kFloat32}, buffer(all))->wait();
    for (int r = 0; r < ranks_; ++r) {
        for (std::size_t i = 0; i < n; ++i)
            EXPECT_EQ(all[static_cast<std::size_t>(r) * n + i], static_cast<float>(value(r, i)));
    }
}

TEST_P(MpiCollectivesTest, SumsBFloat16InSinglePrecision) {
    // 256 + 1 is lost in bfloat16 (8 bits of mantissa) when each step is rounded; summed in fp32 it is rounded once.
    std::vector<std::uint16_t> values{bfloat16_from_float(testing::world->rank() == 0 ? 256.0f : 1.0f)};
    collectives_->all_reduce_sum(buffer(values))->wait();
    EXPECT_EQ(values[0], bfloat16_from_float(256.0f + static_cast<float>(ranks_ - 1)));
}

INSTANTIATE_TEST_SUITE_P(Pieces, MpiCollectivesTest, ::testing::Values(4, 100, (std::int64_t{1} << 31) - 1));

TEST(Collectives, RefuseLengthsThatDoNotFit) {
    auto collectives = make_mpi_collectives(*testing::world);
    std::vector<float> in(static_cast<std::size_t>(testing::world->size()) * 4 + 1), out(4);
    EXPECT_THROW(collectives->reduce_scatter_sum(buffer(in), buffer(out)), Error);
    EXPECT_THROW(collectives->all_gather(buffer(out), buffer(in)), Error);
}

TEST(Collectives, RecordsWhatPassed) {
    RecordingCollectives recording(make_mpi_collectives(*testing::world));
    std::vector<float> whole(static_cast<std::size_t>(4 * testing::world->size())), slice(4);
    recording.reduce_scatter_sum(buffer(whole), buffer(slice))->wait();
    recording.all_gather(buffer(slice), buffer(whole))->wait();
    const auto n = whole.size();
    EXPECT_EQ(recording.calls(), (std::vector<std::string>{fmt::format("reduce_scatter float32 {}", n),
                                                           fmt::format("all_gather float32 {}", n)}));
}

TEST(Collectives, NcclSaysWhenThereIsNoDevice) {
    // A device number that no machine has: an Error on all ranks, whatever this build and machine offer.
    EXPECT_THROW(make_nccl_collectives(*testing::world, 4096), Error);
}

}  // namespace
}  // namespace nepenthe::dist
