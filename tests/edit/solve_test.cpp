// The identities that the closed forms must satisfy (editing.md §16, T1 to T6), and what they must refuse.

#include "edit/solve/solve.h"

#include "base/error.h"
#include "expected_errors.h"
#include "mpi_world.h"

#include <ATen/CPUGeneratorImpl.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <cmath>
#include <cstring>
#include <limits>

namespace nepenthe::edit {
namespace {

using nepenthe::testing::message_of;

constexpr std::int64_t kHidden = 70, kIntermediate = 150;

at::Tensor normal(at::IntArrayRef shape, std::uint64_t seed) {
    return at::randn(shape, at::make_generator<at::CPUGeneratorImpl>(seed), at::kDouble);
}

// A moment with eigenvalues over four decades, like a real one.
at::Tensor moment_matrix(std::int64_t width = kIntermediate) {
    const at::Tensor scales = at::logspace(-2, 0, width, 10.0, at::kDouble);
    const at::Tensor rotation = std::get<0>(at::linalg_qr(normal({width, width}, 3)));
    return at::matmul(rotation * scales.square(), rotation.t());
}

Moment real_moment() { return make_moment(moment_matrix(), "test"); }

double relative(const at::Tensor& actual, const at::Tensor& expected) {
    return ((actual - expected).norm() / expected.norm()).item<double>();
}

bool same_bytes(const at::Tensor& a, const at::Tensor& b) {
    return a.sizes() == b.sizes() &&
           std::memcmp(a.contiguous().const_data_ptr(), b.contiguous().const_data_ptr(), a.nbytes()) == 0;
}

TEST(Solve, EmmetIsMemitWithLambdaWeightTimesMu) {
    const at::Tensor keys = normal({kIntermediate, 9}, 1), residuals = normal({kHidden, 9}, 2);
    const double weight = 1000, mu = 0.1;
    // EMMET as its authors write it: C scaled by the weight, mu on the diagonal of Kᵀ C⁻¹ K.
    const at::Tensor inverse = at::linalg_inv(weight * moment_matrix());
    const at::Tensor gram = at::matmul(keys.t(), at::matmul(inverse, keys)) + mu * at::eye(9, at::kDouble);
    const at::Tensor emmet = at::matmul(residuals, at::matmul(at::linalg_inv(gram), at::matmul(keys.t(), inverse)));
    const Solution memit = least_squares(residuals, keys, real_moment(), weight * mu);
    EXPECT_LT(relative(memit.update.dense(), emmet), 1e-10);
}

TEST(Solve, MemitSolvesItsNormalEquations) {
    const at::Tensor keys = normal({kIntermediate, 9}, 1), residuals = normal({kHidden, 9}, 2);
    const at::Tensor change = least_squares(residuals, keys, real_moment(), 50).update.dense();
    const at::Tensor system = 50 * moment_matrix() + at::matmul(keys, keys.t());
    EXPECT_LT(relative(at::matmul(change, system), at::matmul(residuals, keys.t())), 1e-10);
}

TEST(Solve, RankOneWritesTheResidualAtItsConstraintKey) {
    const at::Tensor mean = normal({kIntermediate}, 4), bare = mean + 0.2 * normal({kIntermediate}, 5);
    const at::Tensor residual = normal({kHidden}, 6);
    const Moment moment = real_moment();
    EXPECT_LT(relative(at::matmul(rank_one(residual, mean, mean, moment).update.dense(), mean), residual), 1e-12);
    // ROME as published: the direction of the mean key, equality at the bare one.
    const at::Tensor published = rank_one(residual, mean, bare, moment).update.dense();
    EXPECT_LT(relative(at::matmul(published, bare), residual), 1e-12);
    EXPECT_GT(relative(at::matmul(published, mean), residual), 1e-3);
}

TEST(Solve, EqualityForOneFactIsRome) {
    const at::Tensor key = normal({kIntermediate}, 4), residual = normal({kHidden}, 6);
    const Moment moment = real_moment();
    const at::Tensor emmet = least_squares(residual.unsqueeze(1), key.unsqueeze(1), moment, 0).update.dense();
    EXPECT_LT(relative(emmet, rank_one(residual, key, key, moment).update.dense()), 1e-12);
}

TEST(Solve, EqualityHoldsForEveryFact) {
    const at::Tensor keys = normal({kIntermediate, 100}, 1), residuals = normal({kHidden, 100}, 2);
    const Solution solution = least_squares(residuals, keys, real_moment(), 0);
    EXPECT_LT(relative(at::matmul(solution.update.dense(), keys), residuals), 1e-8);
    EXPECT_GT(solution.condition, 1);
}

TEST(Solve, ADuplicatedKeyAveragesInMemitAndIsRefusedByEquality) {
    const at::Tensor key = normal({kIntermediate, 1}, 1), other = normal({kIntermediate, 1}, 7);
    const at::Tensor keys = at::cat({key, other, key}, 1), residuals = normal({kHidden, 3}, 2);
    const Moment moment = real_moment();
    const at::Tensor memit = least_squares(residuals, keys, moment, 1e-3).update.dense();
    const at::Tensor mean = 0.5 * (residuals.select(1, 0) + residuals.select(1, 2));
    EXPECT_LT(relative(at::matmul(memit, key.squeeze(1)), mean), 1e-6);

    const std::string message = message_of(ErrorKind::kGate, [&] { least_squares(residuals, keys, moment, 0); });
    EXPECT_NE(message.find("fact 3 of the batch"), std::string::npos) << message;
    EXPECT_NE(message.find("fact 1"), std::string::npos) << message;
    // Nearly the same key is no better.
    const at::Tensor nearly = at::cat({key, other, key + 1e-7 * other}, 1);
    message_of(ErrorKind::kGate, [&] { least_squares(residuals, nearly, moment, 0); });
}

TEST(Solve, EqualityForMoreFactsThanDimensionsIsRefused) {
    const std::string message = message_of(ErrorKind::kGate, [] {
        least_squares(normal({kHidden, 151}, 2), normal({kIntermediate, 151}, 1), Moment{}, 0);
    });
    EXPECT_NE(message.find("151 facts"), std::string::npos) << message;
}

TEST(Solve, AlphaEditLeavesTheKeptDirectionsAlone) {
    const at::Tensor matrix = moment_matrix(), keys = normal({kIntermediate, 9}, 1),
                     residuals = normal({kHidden, 9}, 2);
    const NullSpace space = null_space(matrix, 2e-2);
    const std::int64_t free = space.basis.size(1);
    ASSERT_GT(free, 10);
    ASSERT_LT(free, kIntermediate - 10);
    const at::Tensor projector = at::matmul(space.basis, space.basis.t());
    const at::Tensor earlier = normal({kIntermediate, 5}, 8), previous = at::matmul(earlier, earlier.t());
    const at::Tensor change = null_space_update(residuals, keys, space, previous, 10).update.dense();
    EXPECT_LT(relative(at::matmul(change, projector), change), 1e-10);
    const at::Tensor kept = std::get<1>(at::linalg_eigh(matrix)).narrow(1, free, kIntermediate - free);
    EXPECT_LT((at::matmul(change, kept).norm() / change.norm()).item<double>(), 1e-10);

    // The full form of the paper: (P (K Kᵀ + previous) + l2 I) X = P K Rᵀ.
    const at::Tensor system =
        at::matmul(projector, at::matmul(keys, keys.t()) + previous) + 10 * at::eye(kIntermediate, at::kDouble);
    const at::Tensor full = at::linalg_solve(system, at::matmul(projector, at::matmul(keys, residuals.t()))).t();
    EXPECT_LT(relative(change, full), 1e-9);
}

TEST(Solve, AlphaEditWithManyFactsIsTheSameFormula) {
    const at::Tensor keys = normal({kIntermediate, 90}, 1), residuals = normal({kHidden, 90}, 2);
    const NullSpace space = null_space(moment_matrix(), 2e-2);
    const Solution many = null_space_update(residuals, keys, space, {}, 10);
    EXPECT_FALSE(many.update.left.defined());
    at::Tensor sum = at::zeros({kHidden, kIntermediate}, at::kDouble);
    const at::Tensor reduced = at::matmul(space.basis.t(), keys);
    const at::Tensor system = at::matmul(reduced, reduced.t()) + 10 * at::eye(space.basis.size(1), at::kDouble);
    const at::Tensor expected =
        at::matmul(residuals, at::matmul(reduced.t(), at::matmul(at::linalg_inv(system), space.basis.t())));
    EXPECT_LT(relative(many.update.dense(), expected), 1e-9);
}

TEST(Solve, GramAndNormalEquationsAgree) {
    const Moment moment = real_moment();
    for (const std::int64_t facts : {1, 64, 149, 150, 200}) {
        const at::Tensor keys = normal({kIntermediate, facts}, 1), residuals = normal({kHidden, facts}, 2);
        const at::Tensor gram = least_squares(residuals, keys, moment, 5, SolveForm::kGram).update.dense();
        const at::Tensor other = least_squares(residuals, keys, moment, 5, SolveForm::kNormal).update.dense();
        EXPECT_LT(relative(gram, other), 1e-10) << facts;
    }
}

TEST(Solve, DealingRowsToRanksDoesNotChangeABit) {
    const Moment moment = real_moment();
    const Dealing dealing = Dealing::over(*testing::world);
    for (const std::int64_t facts : {3, 130, 200}) {
        const at::Tensor keys = normal({kIntermediate, facts}, 1), residuals = normal({kHidden, facts}, 2);
        for (const double lambda : {0.0, 5.0}) {
            if (lambda == 0 && facts > kIntermediate) continue;
            const at::Tensor alone = least_squares(residuals, keys, moment, lambda).update.dense();
            const at::Tensor dealt =
                least_squares(residuals, keys, moment, lambda, SolveForm::kAuto, dealing).update.dense();
            EXPECT_TRUE(same_bytes(alone, dealt)) << facts << " facts, lambda " << lambda;
        }
        const NullSpace space = null_space(moment.matrix, 2e-2);
        EXPECT_TRUE(same_bytes(null_space_update(residuals, keys, space, {}, 10).update.dense(),
                               null_space_update(residuals, keys, space, {}, 10, dealing).update.dense()));
    }
}

TEST(Solve, JitterIsAddedWhereTheMomentLacksDirectionsAndOnlyThere) {
    EXPECT_EQ(real_moment().factor.jitter, 0);
    // 40 samples of 150 dimensions: singular.
    const at::Tensor samples = normal({kIntermediate, 40}, 9);
    const kernels::Factor factor = kernels::factorise(at::matmul(samples, samples.t()) / 40, "few samples");
    EXPECT_GT(factor.jitter, 0);
    EXPECT_LE(factor.jitter, 1e-10);
    message_of(ErrorKind::kGate, [] { kernels::factorise(-at::eye(4, at::kDouble), "negative"); });
}

TEST(Solve, ValuesThatAreNotFiniteAreRefused) {
    at::Tensor keys = normal({kIntermediate, 3}, 1), residuals = normal({kHidden, 3}, 2);
    residuals[4][1] = std::numeric_limits<double>::quiet_NaN();
    message_of(ErrorKind::kGate, [&] { least_squares(residuals, keys, Moment{}, 1); });
    keys[4][1] = std::numeric_limits<double>::infinity();
    message_of(ErrorKind::kGate, [&] { least_squares(normal({kHidden, 3}, 2), keys, Moment{}, 1); });
    at::Tensor matrix = moment_matrix();
    matrix[3][3] = std::numeric_limits<double>::quiet_NaN();
    message_of(ErrorKind::kGate, [&] { kernels::factorise(matrix, "moment"); });
}

TEST(Solve, WithoutAMomentTheDirectionIsTheKey) {
    const at::Tensor key = normal({kIntermediate}, 4), residual = normal({kHidden}, 6);
    const at::Tensor change = rank_one(residual, key, key, Moment{}).update.dense();
    EXPECT_LT(relative(change, at::outer(residual, key) / at::dot(key, key)), 1e-12);
}

TEST(Solve, TheNormOfFactorsIsTheNormOfTheirProduct) {
    for (const std::int64_t facts : {1, 9, 100}) {
        const LowRank update{normal({kHidden, facts}, 1), normal({facts, kIntermediate}, 2)};
        EXPECT_NEAR(update.norm() / update.dense().norm().item<double>(), 1, 1e-12);
        EXPECT_EQ(update.compact().left.defined(), facts < 60);
        EXPECT_LT(relative(update.compact().dense(), update.dense()), 1e-14);
    }
}

}  // namespace
}  // namespace nepenthe::edit
