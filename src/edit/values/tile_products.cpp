#include "edit/values/tile_products.h"

#include "base/error.h"
#include "edit/values/avx512_registers.h"

#if defined(NEPENTHE_AVX512) && defined(__linux__)
#define NEPENTHE_TILES 1
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include <algorithm>
#include <vector>

namespace nepenthe::edit {

#ifdef NEPENTHE_TILES

namespace {

#define NEPENTHE_TARGET_TILES __attribute__((target("avx512f,avx512bf16,amx-tile,amx-bf16")))

constexpr std::int64_t kTileRows = 16;   // and columns of fp32 sums
constexpr std::int64_t kTileDepth = 32;  // bf16 numbers that one instruction sums over

// GCC's intrinsics that read memory do not say so: what was stored before would be free to come later.
inline void finish_stores(const void* memory) { asm volatile("" : : "r"(memory) : "memory"); }

// Tiles 0 to 3 are sums (two by two), 4 and 5 the left factor's rows, 6 and 7 the right factor's columns. Rows and
// columns count in what they hold; a shape of fewer than two tiles of rows leaves the second ones unused.
struct Shape {
    std::int64_t rows = 0;   // of the sums, up to 32
    std::int64_t depth = 0;  // up to kTileDepth, even
};

class TileConfig {
  public:
    // A thread has one configuration; tiles hold nothing beyond this object's life.
    NEPENTHE_TARGET_TILES explicit TileConfig(Shape shape) {
        const std::int64_t first = std::min(shape.rows, kTileRows), second = shape.rows - first;
        for (const int tile : {0, 1}) set(tile, first, kTileRows * 4);
        for (const int tile : {2, 3}) set(tile, second, kTileRows * 4);
        set(4, first, shape.depth * 2);
        set(5, second, shape.depth * 2);
        for (const int tile : {6, 7}) set(tile, shape.depth / 2, kTileRows * 4);
        finish_stores(&memory_);
        _tile_loadconfig(&memory_);
    }
    NEPENTHE_TARGET_TILES ~TileConfig() { _tile_release(); }
    TileConfig(const TileConfig&) = delete;
    TileConfig& operator=(const TileConfig&) = delete;

  private:
    void set(int tile, std::int64_t rows, std::int64_t row_bytes) {
        if (rows == 0) return;
        memory_.rows[tile] = static_cast<std::uint8_t>(rows);
        memory_.row_bytes[tile] = static_cast<std::uint16_t>(row_bytes);
    }

    struct alignas(64) Memory {  // as the processor reads it
        std::uint8_t palette = 1, start_row = 0, reserved[14] = {};
        std::uint16_t row_bytes[16] = {};
        std::uint8_t rows[16] = {};
    } memory_;
};

// A factor as it lies in memory, in bytes from one row to the next.
struct Left {
    const std::uint16_t* numbers;  // [row, depth]
    std::int64_t row_bytes;
};
struct Right {
    const std::uint16_t* pairs;  // [depth / 2, column, 2]
    std::int64_t row_bytes;
};

// sums [up to 32 rows, 32 columns] (+)= left · right over `steps` times the configuration's depth.
template <bool kTwoRows, bool kAdd>
NEPENTHE_TARGET_TILES inline void multiply(Left left, Right right, std::int64_t steps, float* sums,
                                           std::int64_t sums_row_bytes) {
    float* second = sums + kTileRows * sums_row_bytes / 4;
    finish_stores(sums);
    if constexpr (kAdd) {
        _tile_loadd(0, sums, sums_row_bytes);
        _tile_loadd(1, sums + kTileRows, sums_row_bytes);
        if constexpr (kTwoRows) {
            _tile_loadd(2, second, sums_row_bytes);
            _tile_loadd(3, second + kTileRows, sums_row_bytes);
        }
    } else {
        _tile_zero(0);
        _tile_zero(1);
        if constexpr (kTwoRows) {
            _tile_zero(2);
            _tile_zero(3);
        }
    }
    for (std::int64_t step = 0; step < steps; ++step) {
        const std::uint16_t* rows = left.numbers + step * kTileDepth;
        const std::uint16_t* columns = right.pairs + step * kTileDepth / 2 * right.row_bytes / 2;
        _tile_loadd(4, rows, left.row_bytes);
        _tile_loadd(6, columns, right.row_bytes);
        _tile_loadd(7, columns + 2 * kTileRows, right.row_bytes);
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        if constexpr (kTwoRows) {
            _tile_loadd(5, rows + kTileRows * left.row_bytes / 2, left.row_bytes);
            _tile_dpbf16ps(2, 5, 6);
            _tile_dpbf16ps(3, 5, 7);
        }
    }
    _tile_stored(0, sums, sums_row_bytes);
    _tile_stored(1, sums + kTileRows, sums_row_bytes);
    if constexpr (kTwoRows) {
        _tile_stored(2, second, sums_row_bytes);
        _tile_stored(3, second + kTileRows, sums_row_bytes);
    }
}

template <bool kAdd>
void multiply(Shape shape, Left left, Right right, std::int64_t steps, float* sums, std::int64_t sums_row_bytes) {
    if (shape.rows > kTileRows) {
        multiply<true, kAdd>(left, right, steps, sums, sums_row_bytes);
    } else {
        multiply<false, kAdd>(left, right, steps, sums, sums_row_bytes);
    }
}

bool kernel_allows_tiles() {
    constexpr long kRequestPermission = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
    return ::syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

// Rounded to bf16, a lane a row: [lane, depth], where depth is the strip's ids up to the next even number.
NEPENTHE_TARGET_TILES void round_lanes(const float* factors, std::int64_t ids, std::int64_t lanes, std::int64_t depth,
                                       std::uint16_t* rounded) {
    alignas(64) std::uint16_t row[kLaneBlock];
    for (std::int64_t v = 0; v < ids; ++v) {
        const __m512bh both = _mm512_cvtne2ps_pbh(_mm512_loadu_ps(factors + v * kLaneBlock + 16),
                                                  _mm512_loadu_ps(factors + v * kLaneBlock));
        _mm512_store_si512(row, (__m512i)both);
        for (std::int64_t l = 0; l < lanes; ++l) rounded[l * depth + v] = row[l];
    }
    if (depth > ids) {
        for (std::int64_t l = 0; l < lanes; ++l) rounded[l * depth + ids] = 0;
    }
}

// __builtin_cpu_supports() knows these names in GCC alone.
bool processor_has_tiles() {
    unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
    if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) == 0) return false;
    constexpr unsigned kAmxBf16 = 1u << 22, kAmxTile = 1u << 24;
    return (edx & kAmxBf16) != 0 && (edx & kAmxTile) != 0;
}

}  // namespace

bool has_tile_products() {
    static const bool has = has_half_products() && processor_has_tiles() && kernel_allows_tiles();
    return has;
}

void tile_logits(const HalfStrip& strip, const std::uint16_t* states, float* logits) {
    NEPENTHE_CHECK(has_tile_products() && fits_tiles(strip.hidden));
    constexpr std::int64_t kBlock = 2 * kTileRows;
    const auto rows = [&](std::int64_t first, std::int64_t last) {
        if (first == last) return;
        const Shape shape{std::min(kBlock, last - first), kTileDepth};
        const TileConfig config(shape);
        for (std::int64_t v = first; v < last; v += kBlock) {
            multiply<false>(shape, {strip.weights + v * strip.hidden, strip.hidden * 2}, {states, kLaneBlock * 4},
                            strip.hidden / kTileDepth, logits + v * kLaneBlock, kLaneBlock * 4);
        }
    };
    const std::int64_t whole = strip.ids / kBlock * kBlock;
    rows(0, whole);
    rows(whole, strip.ids);
}

void tile_sums(const HalfStrip& strip, const std::uint16_t* pairs, const float* factors, std::int64_t lanes,
               float* sums) {
    NEPENTHE_CHECK(has_tile_products() && fits_tiles(strip.hidden));
    const std::int64_t depth = (strip.ids + 1) / 2 * 2, whole = depth / kTileDepth * kTileDepth;
    std::vector<std::uint16_t> rounded(static_cast<std::size_t>(lanes * depth));
    round_lanes(factors, strip.ids, lanes, depth, rounded.data());
    const auto ids = [&](std::int64_t first, std::int64_t last) {
        if (first == last) return;
        const Shape shape{lanes, std::min(kTileDepth, last - first)};
        const TileConfig config(shape);
        for (std::int64_t d = 0; d < strip.hidden; d += 2 * kTileRows) {
            multiply<true>(shape, {rounded.data() + first, depth * 2},
                           {pairs + first * strip.hidden + d * 2, strip.hidden * 4}, (last - first + 31) / kTileDepth,
                           sums + d, strip.hidden * 4);
        }
    };
    ids(0, whole);
    ids(whole, depth);
}

#else

bool has_tile_products() { return false; }
void tile_logits(const HalfStrip&, const std::uint16_t*, float*) { NEPENTHE_CHECK(false); }
void tile_sums(const HalfStrip&, const std::uint16_t*, const float*, std::int64_t, float*) { NEPENTHE_CHECK(false); }

#endif

}  // namespace nepenthe::edit
