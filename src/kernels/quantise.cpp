#include "kernels/quantise.h"

#include "base/error.h"
#include "kernels/vector_math.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace nepenthe::kernels {

namespace {

constexpr std::size_t kMostCodes = 16;

constexpr std::array<float, 15> kFp4{-1.0f,         -8.0f / 12.0f, -6.0f / 12.0f, -4.0f / 12.0f, -3.0f / 12.0f,
                                     -2.0f / 12.0f, -.0625f / 12,  0.0f,          .0625f / 12,   2.0f / 12.0f,
                                     3.0f / 12.0f,  4.0f / 12.0f,  6.0f / 12.0f,  8.0f / 12.0f,  1.0f};
constexpr std::array<float, 16> kNf4{-1.0f,
                                     -.6961928009986877f,
                                     -.5250730514526367f,
                                     -.39491748809814453f,
                                     -.28444138169288635f,
                                     -.18477343022823334f,
                                     -.09105003625154495f,
                                     0.0f,
                                     .07958029955625534f,
                                     .16093020141124725f,
                                     .24611230194568634f,
                                     .33791524171829224f,
                                     .44070982933044434f,
                                     .5626170039176941f,
                                     .7229568362236023f,
                                     1.0f};

// The code book for the fast loop: code i + 1 is nearer than code i where x > limit[i]. Shorter books end with their
// last value, behind limits that no number passes.
struct Thresholds {
    std::array<float, kMostCodes> value;
    std::array<float, kMostCodes - 1> limit;
};

Thresholds thresholds_of(std::span<const float> book) {
    Thresholds made;
    made.value.fill(book.back());
    made.limit.fill(std::numeric_limits<float>::infinity());
    std::copy(book.begin(), book.end(), made.value.begin());
    for (std::size_t i = 0; i + 1 < book.size(); ++i) {
        const double middle = (static_cast<double>(book[i]) + static_cast<double>(book[i + 1])) / 2;
        // The middle itself goes to the smaller magnitude: below zero that is the upper one.
        float limit = static_cast<float>(middle);
        const bool beyond = middle < 0 ? static_cast<double>(limit) >= middle : static_cast<double>(limit) > middle;
        if (beyond) limit = std::nextafter(limit, -std::numeric_limits<float>::infinity());
        made.limit[i] = limit;
    }
    return made;
}

const Thresholds& thresholds(WeightCode code) {
    static const Thresholds fp4 = thresholds_of(kFp4), nf4 = thresholds_of(kNf4);
    return code == WeightCode::kFp4 ? fp4 : nf4;
}

float largest_code(WeightCode code) { return code == WeightCode::kInt8 ? 127.0f : 7.0f; }

// As integers, magnitudes are ordered as they are, and their maximum is the same in whatever order it is taken.
template <typename Value>
NEPENTHE_ALWAYS_INLINE float largest_magnitude(const Value* values, std::int64_t n) {
    std::uint32_t most = 0;
    for (std::int64_t i = 0; i < n; ++i) {
        const std::uint32_t magnitude = std::bit_cast<std::uint32_t>(load(values + i)) & 0x7fffffffu;
        most = magnitude > most ? magnitude : most;
    }
    return std::bit_cast<float>(most);
}

template <typename Value>
NEPENTHE_ALWAYS_INLINE void round_group(Value* values, std::int64_t n, float largest) {
    constexpr float kRound = 12582912.0f;  // 1.5 · 2^23: adding it rounds to an integer, halves to the even one
    const float scale = largest_magnitude(values, n) / largest;
    if (!(scale >= std::numeric_limits<float>::min())) {
        std::fill(values, values + n, Value(0.0f));
        return;
    }
    for (std::int64_t i = 0; i < n; ++i) {
        const float code = (load(values + i) / scale + kRound) - kRound;
        store(values + i, code * scale);
    }
}

template <typename Value>
NEPENTHE_ALWAYS_INLINE void choose_group(Value* values, std::int64_t n, const Thresholds& book) {
    const float most = largest_magnitude(values, n);
    if (most == 0.0f) {
        std::fill(values, values + n, Value(0.0f));
        return;
    }
    for (std::int64_t i = 0; i < n; ++i) {
        const float x = load(values + i) / most;
        float value = book.value[0];
        for (std::size_t code = 0; code + 1 < kMostCodes; ++code) {
            value = x > book.limit[code] ? book.value[code + 1] : value;
        }
        store(values + i, value * most);
    }
}

// group(first value, number of values) for every group.
template <typename Value, typename Group>
NEPENTHE_ALWAYS_INLINE void for_each_group(Value* weights, std::int64_t rows, std::int64_t columns, std::int64_t width,
                                           Group group) {
    for (std::int64_t row = 0; row < rows; ++row) {
        for (std::int64_t begin = 0; begin < columns; begin += width) {
            group(weights + row * columns + begin, std::min(width, columns - begin));
        }
    }
}

namespace reference {

// The nearest value of the book, found by looking at all of them.
float nearest(float x, std::span<const float> book) {
    float best = book[0];
    for (const float value : book) {
        const double distance = std::abs(static_cast<double>(x) - static_cast<double>(value));
        const double least = std::abs(static_cast<double>(x) - static_cast<double>(best));
        if (distance < least || (distance == least && std::abs(value) < std::abs(best))) best = value;
    }
    return best;
}

template <typename Value>
void quantise_group(Value* values, std::int64_t n, WeightCode code) {
    float most = 0;
    for (std::int64_t i = 0; i < n; ++i) most = std::max(most, std::abs(load(values + i)));
    const std::span<const float> book = code_book(code);
    const float scale = book.empty() ? most / largest_code(code) : most;
    const bool vanishes = book.empty() ? !std::isnormal(scale) : scale == 0.0f;
    for (std::int64_t i = 0; i < n; ++i) {
        const float x = vanishes ? 0.0f : load(values + i) / scale;
        const float nearest_value = book.empty() ? std::nearbyint(x) : nearest(x, book);
        store(values + i, nearest_value * scale + 0.0f);  // −0 becomes +0
    }
}

}  // namespace reference

template <typename Value>
void quantise_all(Value* weights, std::int64_t rows, std::int64_t columns, WeightCode code, Path path) {
    const std::int64_t width = group_columns(code) > 0 ? group_columns(code) : std::max<std::int64_t>(columns, 1);
    if (path == Path::kReference) {
        for_each_group(weights, rows, columns, width,
                       [=](Value* values, std::int64_t n) { reference::quantise_group(values, n, code); });
    } else if (code_book(code).empty()) {
        const float largest = largest_code(code);
        with_instruction_set(path, [=]() NEPENTHE_INLINED {
            for_each_group(weights, rows, columns, width,
                           [=](Value* values, std::int64_t n) NEPENTHE_INLINED { round_group(values, n, largest); });
        });
    } else {
        with_instruction_set(path, [=, book = thresholds(code)]() NEPENTHE_INLINED {
            for_each_group(weights, rows, columns, width,
                           [&](Value* values, std::int64_t n) NEPENTHE_INLINED { choose_group(values, n, book); });
        });
    }
}

}  // namespace

std::string_view weight_code_name(WeightCode code) {
    switch (code) {
        case WeightCode::kInt8: return "int8";
        case WeightCode::kInt4: return "int4";
        case WeightCode::kFp4: return "fp4";
        case WeightCode::kNf4: return "nf4";
    }
    return "";
}

WeightCode parse_weight_code(std::string_view name) {
    for (const WeightCode code : kWeightCodes) {
        if (name == weight_code_name(code)) return code;
    }
    fail(ErrorKind::kUsage, "there is no quantisation \"{}\"; there are int8, int4, fp4 and nf4", name);
}

std::int64_t group_columns(WeightCode code) {
    switch (code) {
        case WeightCode::kInt8: return 0;
        case WeightCode::kInt4: return 128;
        case WeightCode::kFp4:
        case WeightCode::kNf4: return 64;
    }
    return 0;
}

std::span<const float> code_book(WeightCode code) {
    if (code == WeightCode::kFp4) return kFp4;
    if (code == WeightCode::kNf4) return kNf4;
    return {};
}

void quantise(float* weights, std::int64_t rows, std::int64_t columns, WeightCode code, Path path) {
    quantise_all(weights, rows, columns, code, path);
}
void quantise(c10::BFloat16* weights, std::int64_t rows, std::int64_t columns, WeightCode code, Path path) {
    quantise_all(weights, rows, columns, code, path);
}

}  // namespace nepenthe::kernels
