#include "model/tensor_bytes.h"

#include "base/error.h"

#include <ATen/Parallel.h>
#include <torch/types.h>

#include <atomic>
#include <cstring>

namespace nepenthe::model {

namespace {

// Exponent bits all set means infinity or NaN, in every IEEE-like format.
template <typename Word>
std::optional<std::int64_t> find_exponent(Bytes bytes, Word exponent) {
    const auto count = static_cast<std::int64_t>(bytes.size() / sizeof(Word));
    const std::byte* base = bytes.data();
    std::atomic<std::int64_t> first = count;
    at::parallel_for(0, count, 1 << 16, [&](std::int64_t begin, std::int64_t end) {
        bool any = false;
        for (std::int64_t i = begin; i < end; ++i) {
            Word word;
            std::memcpy(&word, base + static_cast<std::size_t>(i) * sizeof(Word), sizeof(Word));
            any |= (word & exponent) == exponent;
        }
        for (std::int64_t i = begin; any && i < end; ++i) {
            Word word;
            std::memcpy(&word, base + static_cast<std::size_t>(i) * sizeof(Word), sizeof(Word));
            if ((word & exponent) == exponent) {
                std::int64_t known = first.load();
                while (i < known && !first.compare_exchange_weak(known, i)) {
                }
                return;
            }
        }
    });
    return first.load() == count ? std::nullopt : std::make_optional(first.load());
}

}  // namespace

std::optional<at::ScalarType> floating_type(io::DType dtype) {
    switch (dtype) {
        case io::DType::kF64: return at::kDouble;
        case io::DType::kF32: return at::kFloat;
        case io::DType::kF16: return at::kHalf;
        case io::DType::kBF16: return at::kBFloat16;
        default: return std::nullopt;
    }
}

at::Tensor tensor_from_bytes(const io::TensorView& view, at::ScalarType dtype) {
    const std::optional<at::ScalarType> stored = floating_type(view.dtype);
    NEPENTHE_CHECK(stored.has_value());
    const bool aligned = reinterpret_cast<std::uintptr_t>(view.bytes.data()) % io::dtype_bytes(view.dtype) == 0;
    if (aligned && *stored != dtype) {
        // from_blob wants a mutable pointer; the tensor is only read.
        void* data = const_cast<std::byte*>(view.bytes.data());
        return at::from_blob(data, view.shape, at::TensorOptions().dtype(*stored)).to(dtype);
    }
    at::Tensor copy = at::empty(view.shape, at::TensorOptions().dtype(*stored));
    if (!view.bytes.empty()) {
        std::memcpy(copy.mutable_data_ptr(), view.bytes.data(), view.bytes.size());
    }
    return copy.to(dtype);
}

std::optional<std::int64_t> first_non_finite(const io::TensorView& view) {
    switch (view.dtype) {
        case io::DType::kF64: return find_exponent<std::uint64_t>(view.bytes, 0x7ff0'0000'0000'0000u);
        case io::DType::kF32: return find_exponent<std::uint32_t>(view.bytes, 0x7f80'0000u);
        case io::DType::kF16: return find_exponent<std::uint16_t>(view.bytes, 0x7c00u);
        case io::DType::kBF16: return find_exponent<std::uint16_t>(view.bytes, 0x7f80u);
        default: return std::nullopt;
    }
}

Bytes bytes_of(const at::Tensor& tensor) {
    NEPENTHE_CHECK(tensor.is_cpu() && tensor.is_contiguous());
    return {static_cast<const std::byte*>(tensor.const_data_ptr()), static_cast<std::size_t>(tensor.nbytes())};
}

}  // namespace nepenthe::model
