// The closed form of a repair: against NumPy's least squares, as a minimum, at its limits.
#include "unlearn/repair/solve_repair.h"
#include "base/error.h"
#include "base/json.h"
#include "io/file.h"

#include <ATen/CPUGeneratorImpl.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <cstring>
#include <limits>

namespace nepenthe::unlearn {
namespace {

at::Tensor normal(std::int64_t rows, std::int64_t columns, std::uint64_t seed) {
    return at::randn({rows, columns}, at::make_generator<at::CPUGeneratorImpl>(seed),
                     at::TensorOptions().dtype(at::kDouble));
}

// Of `tokens` inputs: singular where they are fewer than entries.
at::Tensor moment(std::int64_t tokens, std::int64_t n, std::uint64_t seed) {
    const at::Tensor inputs = normal(tokens, n, seed) * at::linspace(0.1, 3, n, at::kDouble);
    return at::matmul(inputs.t(), inputs) / static_cast<double>(tokens);
}

at::Tensor matrix_of(const Json& rows) {
    std::vector<double> values;
    for (const Json& row : rows) {
        for (const Json& value : row) values.push_back(value.get<double>());
    }
    return at::tensor(values, at::kDouble).view({static_cast<std::int64_t>(rows.size()), -1});
}

double relative(const at::Tensor& actual, const at::Tensor& expected) {
    return ((actual - expected).norm() / expected.norm()).item<double>();
}

bool same_bytes(const at::Tensor& a, const at::Tensor& b) {
    return a.sizes() == b.sizes() &&
           std::memcmp(a.contiguous().const_data_ptr(), b.contiguous().const_data_ptr(), a.nbytes()) == 0;
}

TEST(SolveRepair, IsNumpysLeastSquares) {
    const std::string path = NEPENTHE_SOURCE_DIR "/tests/golden/repair.json";
    const Json golden = parse_json(io::read_file(path), path);
    const at::Tensor update = matrix_of(golden.at("update"));
    for (const Json& one : golden.at("cases")) {
        const bool both = one.at("both").get<bool>();
        const RepairMoments moments{matrix_of(golden.at("retained")),
                                    both ? matrix_of(golden.at("forgotten")) : at::Tensor()};
        const at::Tensor found =
            repaired_update(update, moments, one.at("lambda").get<double>(), one.at("ridge").get<double>(), "golden");
        EXPECT_LT(relative(found, matrix_of(one.at("repaired"))), 1e-10) << one.at("lambda") << " " << both;
    }
    EXPECT_EQ(golden.at("cases").size(), 6u);
}

TEST(SolveRepair, IsAMinimum) {
    constexpr std::int64_t kWidth = 40;
    constexpr double kLambda = 0.7, kRidge = 0.05;
    const at::Tensor update = normal(7, kWidth, 1);
    for (const at::Tensor& forgotten : {at::Tensor(), moment(9, kWidth, 3)}) {
        const RepairMoments moments{moment(200, kWidth, 2), forgotten};
        const at::Tensor found = repaired_update(update, moments, kLambda, kRidge, "test");
        const at::Tensor penalty = moments.retained / moments.retained.diagonal().mean();
        at::Tensor keep = at::eye(kWidth, at::kDouble);
        if (forgotten.defined()) keep = forgotten / forgotten.diagonal().mean() + kRidge * keep;
        const auto objective = [&](const at::Tensor& x) {
            return ((at::matmul(x - update, keep) * (x - update)).sum() + kLambda * (at::matmul(x, penalty) * x).sum())
                .item<double>();
        };
        // Stationary: the gradient vanishes.
        const at::Tensor gradient = at::matmul(found - update, keep) + kLambda * at::matmul(found, penalty);
        EXPECT_LT(gradient.norm().item<double>(), 1e-10 * update.norm().item<double>());
        for (const std::uint64_t seed : {11U, 12U, 13U})
            EXPECT_GT(objective(found + 1e-3 * normal(7, kWidth, seed)), objective(found));
        EXPECT_LT(objective(found), objective(update));
    }
}

TEST(SolveRepair, LeavesTheUpdateWhereNothingIsAsked) {
    const at::Tensor update = normal(4, 12, 1);
    const at::Tensor retained = moment(100, 12, 2), forgotten = moment(100, 12, 3), none = at::zeros_like(retained);
    for (const at::Tensor& kept : {at::Tensor(), forgotten}) {
        EXPECT_TRUE(same_bytes(repaired_update(update, {retained, kept}, 0, 0.01, "test"), update));
        EXPECT_TRUE(same_bytes(repaired_update(update, {none, kept}, 5, 0.01, "test"), update));
    }
}

TEST(SolveRepair, DependsOnDirectionsNotOnTheScaleOfMoments) {
    const at::Tensor update = normal(4, 12, 1);
    const RepairMoments small{moment(100, 12, 2), moment(100, 12, 3)};
    const RepairMoments large{small.retained * 1e6, small.forgotten * 1e-3};
    EXPECT_LT(
        relative(repaired_update(update, large, 0.3, 0.01, "test"), repaired_update(update, small, 0.3, 0.01, "test")),
        1e-12);
}

TEST(SolveRepair, AStrongRepairLeavesWhatRetainedTextDoesNotRead) {
    const at::Tensor update = normal(4, 12, 1);
    EXPECT_LT(relative(repaired_update(update, {moment(100, 12, 2), {}}, 1e9, 0.01, "test") + update, update), 1e-5);
    // Five tokens read five directions; what is orthogonal to them stays.
    const at::Tensor retained = moment(5, 12, 2);
    const at::Tensor basis = std::get<1>(at::linalg_eigh(retained)).narrow(1, 0, 7);
    const at::Tensor found = repaired_update(update, {retained, {}}, 1e9, 0.01, "test");
    EXPECT_LT(relative(found, at::matmul(at::matmul(update, basis), basis.t())), 1e-5);
}

TEST(SolveRepair, KeepsMoreOfWhatTheForgottenTextReads) {
    const at::Tensor update = normal(4, 30, 1);
    const RepairMoments plain{moment(300, 30, 2), {}}, both{plain.retained, moment(6, 30, 3)};
    const auto share = [&](const RepairMoments& moments, double lambda) {
        const at::Tensor found = repaired_update(update, moments, lambda, 0.01, "test");
        const auto cost = [&](const at::Tensor& x, const at::Tensor& of) {
            return (at::matmul(x, of) * x).sum().item<double>();
        };
        return std::pair(cost(found, both.forgotten), cost(found, both.retained));
    };
    const auto with = share(both, 0.05);
    // Without, at the same cost on retained text.
    double low = 0, high = 1e6;
    for (int i = 0; i < 60; ++i) {
        const double middle = 0.5 * (low + high);
        (share(plain, middle).second > with.second ? low : high) = middle;
    }
    EXPECT_GT(with.first, 1.2 * share(plain, high).first);
}

TEST(SolveRepair, MomentsThatCannotBeAreRefusedByName) {
    const at::Tensor update = normal(2, 4, 1), good = moment(20, 4, 2);
    const auto message = [&](const RepairMoments& moments) {
        try {
            repaired_update(update, moments, 1, 0.01, "layer 3, input of qkv");
        } catch (const Error& error) {
            return std::string(error.what());
        }
        return std::string();
    };
    const at::Tensor wrong = at::full_like(good, std::numeric_limits<double>::quiet_NaN());
    for (const RepairMoments& moments : {RepairMoments{wrong, {}}, RepairMoments{good, wrong}}) {
        EXPECT_NE(message(moments).find("layer 3, input of qkv"), std::string::npos);
        EXPECT_NE(message(moments).find("not finite"), std::string::npos) << message(moments);
    }
    EXPECT_NE(message({good, at::zeros_like(good)}).find("zero"), std::string::npos);
}

}  // namespace
}  // namespace nepenthe::unlearn
