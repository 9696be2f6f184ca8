// Simulated quantisation against NumPy (tests/golden/make_quantise.py), the fast loops against the plain ones, and what
// must come out unchanged.
#include "kernels/quantise.h"

#include "base/error.h"
#include "base/json.h"
#include "io/file.h"
#include "kernels/odd_shapes.h"
#include "kernels/vector_math.h"

#include <gtest/gtest.h>

#include <cmath>

namespace nepenthe::kernels {
namespace {

using namespace testing;

template <typename Value>
std::vector<Value> quantised(std::vector<Value> weights, std::int64_t rows, WeightCode code,
                             Path path = path_in_use()) {
    quantise(weights.data(), rows, static_cast<std::int64_t>(weights.size()) / rows, code, path);
    return weights;
}

const Json& golden() {
    static const Json json =
        parse_json(io::read_file(NEPENTHE_SOURCE_DIR "/tests/golden/quantise.json"), "quantise.json");
    return json;
}

// As make_quantise.py makes them.
std::vector<float> golden_weights(std::size_t count) {
    std::uint64_t state = 1;
    std::vector<float> values;
    for (std::size_t i = 0; i < count; ++i) {
        state = 6364136223846793005ull * state + 1442695040888963407ull;
        const float value = static_cast<float>(static_cast<double>(state >> 40) / 0x1p23 - 1);
        const auto cube = static_cast<float>(std::pow(static_cast<double>(value), 3));
        values.push_back(i < 64 ? 0.0f : cube);
    }
    return values;
}

TEST(Quantise, EqualsNumPy) {
    const auto rows = golden().at("rows").get<std::int64_t>();
    const std::vector<float> single =
        golden_weights(static_cast<std::size_t>(rows * golden().at("columns").get<std::int64_t>()));
    std::vector<c10::BFloat16> half(single.size());
    for (std::size_t i = 0; i < single.size(); ++i) store(&half[i], single[i]);
    for (const WeightCode code : kWeightCodes) {
        const std::string name(weight_code_name(code));
        for (const Path path : {Path::kReference, Path::kPortable, Path::kNative}) {
            EXPECT_EQ(bits_of(quantised(single, rows, code, path)),
                      bits_of(golden().at("fp32").at(name).get<std::vector<float>>()))
                << name << " " << path_name(path);
            EXPECT_EQ(bits_of(quantised(half, rows, code, path)),
                      golden().at("bf16").at(name).get<std::vector<std::uint32_t>>())
                << name << " " << path_name(path);
        }
        if (code_book(code).empty()) continue;
        const std::span<const float> book = code_book(code);
        EXPECT_EQ(bits_of(std::vector<float>(book.begin(), book.end())),
                  bits_of(golden().at("books").at(name).get<std::vector<float>>()));
    }
}

template <typename Value>
void expect_equal_paths(std::int64_t rows, std::int64_t columns, WeightCode code) {
    const auto weights = random_row<Value>(rows * columns, 3, .05, columns % 2 == 0);
    const auto plain = bits_of(quantised(weights, rows, code, Path::kReference));
    EXPECT_EQ(bits_of(quantised(weights, rows, code, Path::kPortable)), plain) << columns;
    EXPECT_EQ(bits_of(quantised(weights, rows, code, Path::kNative)), plain) << columns;
}

TEST(Quantise, IsTheSameBitsOnEveryPath) {
    for (const WeightCode code : kWeightCodes) {
        for (const std::int64_t columns : {1, 2, 15, 63, 64, 65, 127, 128, 129, 200, 4097}) {
            expect_equal_paths<float>(3, columns, code);
            expect_equal_paths<c10::BFloat16>(3, columns, code);
        }
    }
}

// The middle between two codes, and its neighbours on both sides: where the fast loop's thresholds could be off by one.
TEST(Quantise, TiesGoToTheSmallerMagnitude) {
    for (const WeightCode code : {WeightCode::kFp4, WeightCode::kNf4}) {
        const std::span<const float> book = code_book(code);
        for (std::size_t i = 0; i + 1 < book.size(); ++i) {
            const double exact = (static_cast<double>(book[i]) + static_cast<double>(book[i + 1])) / 2;
            const auto middle = static_cast<float>(exact);
            std::vector<float> block{1.0f, middle, std::nextafter(middle, -2.0f), std::nextafter(middle, 2.0f)};
            const auto plain = quantised(block, 1, code, Path::kReference);
            EXPECT_EQ(bits_of(quantised(block, 1, code)), bits_of(plain)) << weight_code_name(code) << " " << i;
            EXPECT_EQ(plain[2], book[i]);
            EXPECT_EQ(plain[3], book[i + 1]);
            if (static_cast<double>(middle) != exact) continue;
            EXPECT_EQ(plain[1], std::abs(book[i]) < std::abs(book[i + 1]) ? book[i] : book[i + 1]) << i;
        }
    }
    // Halves go to the even integer: 2.5 and 3.5 sevenths of 7.
    EXPECT_EQ(quantised<float>({7, 2.5f, 3.5f, -2.5f, -3.5f, .5f}, 1, WeightCode::kInt4),
              (std::vector<float>{7, 2, 4, -2, -4, 0}));
}

TEST(Quantise, HandValues) {
    EXPECT_EQ(quantised<float>({127, .4f, -.6f, 126.5f, -127}, 1, WeightCode::kInt8),
              (std::vector<float>{127, 0, -1, 126, -127}));
    // Twelfths of 12: the middle between .0625 and 2 is 1.03125.
    EXPECT_EQ(quantised<float>({12, 1, 1.1f, 2.4f, 5.1f, -7.1f, 11, -.04f, .03f}, 1, WeightCode::kFp4),
              (std::vector<float>{12, .0625f, 2, 2, 6, -8, 12, -.0625f, 0}));
}

// Weights that are codes times a scale already stay what they are.
TEST(Quantise, IntegersTimesAScaleAreExact) {
    for (const float scale : {1.0f, 0x1p-9f, 0.0123291015625f, 0x1.8p-70f}) {
        std::vector<float> fours, eights;
        for (int i = 0; i < 300; ++i) fours.push_back(static_cast<float>(i % 15 - 7) * scale);
        for (int i = -127; i <= 127; ++i) eights.push_back(static_cast<float>(i) * scale);
        EXPECT_EQ(quantised(fours, 2, WeightCode::kInt4), fours) << scale;
        EXPECT_EQ(quantised(eights, 1, WeightCode::kInt8), eights) << scale;
    }
}

TEST(Quantise, CodeBooksAreIdempotent) {
    for (const WeightCode code : {WeightCode::kFp4, WeightCode::kNf4}) {
        for (const std::uint64_t seed : {1u, 2u, 3u, 4u}) {
            const auto once = quantised(random_row<float>(5 * 150, seed, .02), 5, code);
            EXPECT_EQ(bits_of(quantised(once, 5, code)), bits_of(once));
            const auto half = quantised(random_row<c10::BFloat16>(5 * 150, seed, .02), 5, code);
            EXPECT_EQ(bits_of(quantised(half, 5, code)), bits_of(half));
        }
    }
}

TEST(Quantise, ZerosAndTheSmallestNumbers) {
    const float smallest = std::numeric_limits<float>::denorm_min();
    for (const WeightCode code : kWeightCodes) {
        for (const Path path : {Path::kReference, Path::kPortable, Path::kNative}) {
            std::vector<float> zeros(130, 0.0f);
            zeros[3] = -0.0f;
            EXPECT_EQ(bits_of(quantised(zeros, 1, code, path)), bits_of(std::vector<float>(130, 0.0f)));
            std::vector<float> tiny{smallest, -smallest, 0.0f};
            const auto plain = quantised(tiny, 1, code, path);
            for (const float value : plain) EXPECT_TRUE(std::isfinite(value));
        }
    }
    std::vector<float> none;
    quantise(none.data(), 0, 64, WeightCode::kNf4);
    quantise(none.data(), 4, 0, WeightCode::kInt8);
}

// A large weight spoils its own group alone.
TEST(Quantise, GroupsEndWithTheirColumns) {
    std::vector<float> row(192, 1.0f);
    row[130] = 700.0f;
    const auto fours = quantised(row, 1, WeightCode::kInt4);
    EXPECT_EQ(fours[127], 1.0f);
    EXPECT_EQ(fours[128], 0.0f);
    EXPECT_EQ(quantised(row, 3, WeightCode::kInt8)[0], 1.0f);  // rows of 64: the third one holds it
    EXPECT_EQ(quantised(row, 1, WeightCode::kInt8)[0], 0.0f);
    const auto quantiles = quantised(row, 1, WeightCode::kNf4);
    EXPECT_EQ(quantiles[127], 1.0f);
    EXPECT_EQ(quantiles[129], 0.0f);
}

TEST(Quantise, KnowsItsNames) {
    for (const WeightCode code : kWeightCodes) EXPECT_EQ(parse_weight_code(weight_code_name(code)), code);
    EXPECT_THROW(parse_weight_code("int3"), Error);
}

}  // namespace
}  // namespace nepenthe::kernels
