#include "edit/solve/dealing.h"

#include "base/error.h"
#include "base/hash.h"
#include "store/blocks.h"

#include <torch/types.h>

#include <algorithm>
#include <cstring>

namespace nepenthe::edit {

namespace {

std::int64_t rows_in_block(std::int64_t rows, std::uint64_t index) {
    return std::min(kRowsPerBlock, rows - static_cast<std::int64_t>(index) * kRowsPerBlock);
}

at::Tensor one_block(std::int64_t rows, std::uint64_t index, const RowBlock& block) {
    const std::int64_t first = static_cast<std::int64_t>(index) * kRowsPerBlock;
    at::Tensor part = block(first, rows_in_block(rows, index)).contiguous();
    NEPENTHE_CHECK(part.scalar_type() == at::kDouble && part.dim() == 2);
    return part;
}

at::Tensor from_bytes(const std::string& bytes, std::int64_t rows) {
    const auto columns = static_cast<std::int64_t>(bytes.size() / sizeof(double)) / rows;
    at::Tensor part = at::empty({rows, columns}, at::kDouble);
    NEPENTHE_CHECK(part.nbytes() == bytes.size());
    std::memcpy(part.mutable_data_ptr(), bytes.data(), bytes.size());
    return part;
}

}  // namespace

at::Tensor Dealing::rows(std::int64_t rows, const RowBlock& block) const {
    const auto blocks = static_cast<std::uint64_t>((rows + kRowsPerBlock - 1) / kRowsPerBlock);
    std::vector<at::Tensor> parts;
    // One block is computed faster than it is sent.
    if (alone() || blocks < 2) {
        for (std::uint64_t i = 0; i < blocks; ++i) parts.push_back(one_block(rows, i, block));
        return at::cat(parts);
    }
    const auto results = items("solve", blocks, [&](std::uint64_t i) {
        const at::Tensor part = one_block(rows, i, block);
        return std::string(static_cast<const char*>(part.const_data_ptr()), part.nbytes());
    });
    for (std::uint64_t i = 0; i < blocks; ++i) parts.push_back(from_bytes(results[i], rows_in_block(rows, i)));
    return at::cat(parts);
}

std::vector<std::string> Dealing::items(const std::string& label, std::uint64_t count, const ItemWork& work) const {
    std::vector<std::string> all(count);
    if (alone()) {
        for (std::uint64_t i = 0; i < count; ++i) all[i] = work(i);
        return all;
    }
    store::BlockOptions options;
    options.label = label;
    const auto results = store::for_each_block(*comm_, {}, count, options, work);
    for (std::uint64_t i = 0; i < count; ++i) all[i] = results.read(i);
    return all;
}

void Dealing::check_same(const at::Tensor& tensor, const std::string& what) const {
    if (alone()) return;
    const at::Tensor host = tensor.detach().to(at::kCPU).contiguous();
    const auto digest = std::to_string(xxh3({static_cast<const std::byte*>(host.const_data_ptr()), host.nbytes()}));
    const auto all = comm_->all_gather(digest);
    for (std::size_t rank = 1; rank < all.size(); ++rank) {
        if (all[rank] != all[0]) {
            fail(ErrorKind::kInternal,
                 "{}: rank {} computed other bytes than rank 0; are these different kinds of processors, or "
                 "different numbers of threads?",
                 what, rank);
        }
    }
}

}  // namespace nepenthe::edit
